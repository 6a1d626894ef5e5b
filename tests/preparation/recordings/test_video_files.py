from fractions import Fraction

import av
import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.importing import Readings


def write_video(path, frames, codec, layout, rate=8):
    with av.open(str(path), "w") as video:
        stream = video.add_stream(codec, rate=Fraction(rate))
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], layout
        for frame in frames:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=layout)))
        video.mux(stream.encode())


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".nut"])
def test_grey_of_16_bits_is_read_with_its_times(room, imported, tmp_path, suffix):
    write_video(tmp_path / f"room{suffix}", room.counts, "ffv1", "gray16le")
    frames, times, _ = imported("video", tmp_path / f"room{suffix}")
    assert np.array_equal(frames, room.celsius)
    assert times.tolist() == [125 * k for k in range(12)]


def test_grey_of_14_bits_is_read_as_it_is(room, imported, tmp_path):
    write_video(tmp_path / "room.mkv", room.counts // 10, "ffv1", "gray14le")
    frames, _, _ = imported("video", tmp_path / "room.mkv", readings=Readings("decikelvin"))
    assert np.array_equal(frames, ((room.counts // 10 - 2731.5) / 10).astype(np.float32))


def test_colours_are_refused(imported, tmp_path):
    write_video(tmp_path / "room.mkv", np.zeros((3, 36, 32), np.uint8), "mpeg4", "yuv420p")
    with pytest.raises(InputError, match="holds pictures in yuv420p, which are no temperatures"):
        imported("video", tmp_path / "room.mkv")


def test_a_video_cut_short_is_told(room, imported, tmp_path):
    write_video(tmp_path / "whole.avi", room.counts, "ffv1", "gray16le")
    (tmp_path / "room.avi").write_bytes((tmp_path / "whole.avi").read_bytes()[:3000])
    with pytest.raises(InputError, match="room.avi cannot be read as video"):
        imported("video", tmp_path / "room.avi")


def test_a_video_that_ends_before_the_time_that_it_announces_is_told(room, imported, tmp_path):
    write_video(tmp_path / "whole.mkv", np.concatenate([room.counts] * 9), "ffv1", "gray16le")
    whole = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "room.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        InputError, match="announces 13.5 seconds and its last frame is at [67].*, so its end is missing"
    ):
        imported("video", tmp_path / "room.mkv")
