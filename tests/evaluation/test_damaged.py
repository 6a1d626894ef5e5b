import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.damaged import damaged_pictures
from tests.datasets.test_packets import lose, packets_of, room
from tests.evaluation.test_pictures import pixels


def recording_of(path, frames):
    with h5py.File(path, "w") as file:
        file["frames"] = frames.reshape(-1, 20, 30)
        file["timestamps"] = np.arange(len(frames)) * 100
    return Recording(path, (-40.0, 300.0), 20.0, packet_length=0)


def test_damaged_frames_are_drawn_as_stored_and_as_read(tmp_path):
    frames = room(20, 30, 60)
    for number in range(3, 60, 3):
        frames[number], _ = lose(frames[number], packets_of(600, 144), (True, False, True, True, True))
    recording = recording_of(tmp_path / "a.h5", frames)
    for name, number in (("a.png", 12), ("a.mp4", 19)):
        pictures, durations = damaged_pictures(recording, tmp_path / name)
        pictures = list(pictures)
        assert len(pictures) == len(durations) == number and len({picture.size for picture in pictures}) == 1
    # 30 pixels of a frame are 720 of its picture; the tail of 144 missing readings ends the left one only.
    left, right = (pictures[0].crop((x, 460, x + 700, 480)) for x in (0, pictures[0].width // 2))
    assert len(pixels(left, "#ffffff")) == 700 * 20 and len(pixels(right, "#ffffff")) == 0


def test_a_recording_without_damage_is_named(tmp_path):
    with pytest.raises(InputError, match=r"No frame of .*a\.h5 is damaged"):
        damaged_pictures(recording_of(tmp_path / "a.h5", room(20, 30, 60)), tmp_path / "a.png")
