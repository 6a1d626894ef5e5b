import h5py
import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import Hints
from slowfast_thermal.preparation.recordings.importing import Timing


def iso(times):
    return [f"{np.datetime64(int(time), 'ms')}Z" for time in times]


@pytest.mark.parametrize("axes", ["NHW", "N1HW", "NHW1", "NP"])
@pytest.mark.parametrize("times", ["seconds", "milliseconds", "text"])
def test_other_layouts_are_read(room, imported, tmp_path, axes, times):
    shapes = {"NHW": (24, 32), "N1HW": (1, 24, 32), "NHW1": (24, 32, 1), "NP": (768,)}
    stored = {"seconds": room.times / 1000, "milliseconds": room.times.astype(float), "text": iso(room.times)}
    with h5py.File(tmp_path / "room.hdf5", "w") as file:
        file["camera/ir"] = room.counts.reshape(12, *shapes[axes])
        file["camera/time"] = stored[times]
    frames, found, result = imported("hdf5", tmp_path / "room.hdf5")
    assert np.array_equal(frames, room.celsius)
    assert np.array_equal(found, room.times)
    assert {"frames are the data set 'camera/ir'", "times are the data set 'camera/time'"} <= set(result.notes)


def test_unit_and_rate_are_those_that_the_file_says(room, imported, tmp_path):
    with h5py.File(tmp_path / "room.h5", "w") as file:
        file["frames"] = room.counts - 27315 + 400
        file["frames"].attrs.update(scale_factor=0.01, add_offset=-4.0, fps=8.0)
    frames, times, result = imported("hdf5", tmp_path / "room.h5")
    assert np.array_equal(frames, room.celsius)
    assert times[1] == 125
    assert result.notes == [
        "frames are the data set 'frames'",
        "unit counts, as the file says",
        "8 frames a second, as the file says",
    ]


def test_arrays_are_named_where_their_names_do_not_tell(room, imported, tmp_path):
    with h5py.File(tmp_path / "room.h5", "w") as file:
        file["left"], file["right"], file["clock"] = room.counts, room.celsius, room.times
    with pytest.raises(InputError, match="does not tell its frames among the arrays"):
        imported("hdf5", tmp_path / "room.h5")
    with pytest.raises(InputError, match="does not say when its frames were taken"):
        imported("hdf5", tmp_path / "room.h5", hints=Hints(frames_key="right"))
    with pytest.raises(InputError, match="no array 'middle' but 'clock'"):
        imported("hdf5", tmp_path / "room.h5", hints=Hints(frames_key="middle"))
    hints = Hints(frames_key="right", times_key="clock")
    frames, times, _ = imported("hdf5", tmp_path / "room.h5", hints=hints)
    assert np.array_equal(frames, room.celsius) and np.array_equal(times, room.times)


def test_a_damaged_file_is_told(room, imported, tmp_path):
    with h5py.File(tmp_path / "room.h5", "w") as file:
        file.create_dataset("frames", data=room.celsius, chunks=(12, 24, 32), compression=4)
        offset = file["frames"].id.get_chunk_info(0).byte_offset
    content = bytearray((tmp_path / "room.h5").read_bytes())
    content[offset : offset + 64] = bytes(64)
    (tmp_path / "room.h5").write_bytes(content)
    with pytest.raises(InputError, match="the file is damaged, copy it again"):
        imported("hdf5", tmp_path / "room.h5", timing=Timing(rate=8))
