import pickle
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
import torch

from slowfast_thermal.datasets.recording_cache import RecordingCache
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError

DEAD = -273.2


def write(path, frames, timestamps=None):
    with h5py.File(path, "w") as file:
        file["frames"] = frames
        file["timestamps"] = np.arange(len(frames)) * 100 if timestamps is None else timestamps
    return path


def open_recording(path):
    return Recording(path, valid_range=(-40.0, 300.0), fill_temperature=20.0)


def filled_pixel_by_pixel(frames):
    """The rule in its plainest form: last valid reading, else next, else 20."""
    filled = frames.copy()
    for y, x in np.ndindex(frames.shape[1:]):
        series = frames[:, y, x]
        valid = [t for t in range(len(series)) if -40 <= series[t] <= 300]
        for t in range(len(series)):
            if t not in valid:
                past = [v for v in valid if v < t]
                future = [v for v in valid if v > t]
                filled[t, y, x] = series[past[-1]] if past else series[future[0]] if future else 20.0
    return filled


@pytest.fixture
def damaged_frames():
    """200 frames of 4x5 pixels: bursts of dead pixels, one dead for the first half, one always, NaN and inf."""
    rng = np.random.default_rng(1)
    frames = rng.uniform(10, 30, (200, 4, 5)).astype(np.float32)
    frames[rng.random(frames.shape) < 0.05] = DEAD
    frames[:100, 0, 0] = DEAD
    frames[:, 1, 1] = DEAD
    frames[50:160, 2, 2] = np.nan
    frames[120, 3, 3] = np.inf
    return frames


def test_dead_pixels_take_the_last_reading_else_the_next_else_the_fill_value(tmp_path, damaged_frames):
    recording = open_recording(write(tmp_path / "a.h5", damaged_frames))
    recording.cache(torch.device("cpu"))
    np.testing.assert_array_equal(recording.read(np.arange(200)), filled_pixel_by_pixel(damaged_frames))


@pytest.mark.parametrize("start, stop", [(0, 10), (90, 110), (130, 150), (190, 200), (0, 200)])
def test_a_window_read_from_the_file_equals_the_cached_one(tmp_path, damaged_frames, start, stop):
    recording = open_recording(write(tmp_path / "a.h5", damaged_frames))
    window = recording.read(np.arange(start, stop))
    np.testing.assert_array_equal(window, filled_pixel_by_pixel(damaged_frames)[start:stop])


def test_frames_beyond_the_ends_repeat_the_edge_frame(tmp_path):
    frames = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 2, 2), np.float32)
    recording = open_recording(write(tmp_path / "a.h5", frames))
    assert recording.read(np.array([-3, 0, 4, 9]))[:, 0, 0].tolist() == [0, 0, 4, 4]


def test_a_recording_reads_on_after_it_was_sent_to_another_process(tmp_path, damaged_frames):
    recording = open_recording(write(tmp_path / "a.h5", damaged_frames))
    before = recording.read(np.arange(20))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(recording)).read(np.arange(20)), before)


def test_the_cache_stays_within_its_memory_and_changes_no_reading(tmp_path, damaged_frames):
    paths = [write(tmp_path / f"{name}.h5", damaged_frames + shift) for shift, name in enumerate("abc")]
    one = open_recording(paths[0]).nbytes
    cache = RecordingCache([open_recording(path) for path in paths], max_bytes=2 * one)
    for _ in range(2):
        for name in "cab":
            expected = open_recording(tmp_path / f"{name}.h5").read(np.arange(30, 60))
            np.testing.assert_array_equal(cache[name].read(np.arange(30, 60)), expected)
    assert cache.nbytes == 2 * one


def test_the_cache_keeps_few_files_open_and_reads_on_from_those_it_closed(tmp_path):
    names = [f"recording{number}" for number in range(80)]
    for number, name in enumerate(names):
        write(tmp_path / f"{name}.h5", np.full((4, 2, 2), number / 10, np.float32))
    cache = RecordingCache([open_recording(tmp_path / f"{name}.h5") for name in names], max_bytes=0)
    for _ in range(2):
        for number, name in enumerate(names):
            assert cache[name].read(np.array([1]))[0, 0, 0] == np.float32(number / 10)
    assert sum(Path(file.path).parent == tmp_path for file in psutil.Process().open_files()) <= 40


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(InputError, match=r"Recording '.*gone\.h5' does not exist: add"):
        open_recording(tmp_path / "gone.h5")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x89HDF\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_hdf5_is_named(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.h5 cannot be read as HDF5"):
        open_recording(tmp_path / "a.h5")


def test_a_truncated_recording_is_named(tmp_path):
    path = write(tmp_path / "a.h5", np.random.default_rng(0).uniform(10, 30, (200, 20, 30)).astype(np.float32))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a\.h5 cannot be read as HDF5 .*truncated"):
        open_recording(path)


@pytest.mark.parametrize(
    "frames, timestamps, message",
    [
        (np.zeros((5, 4), np.float32), np.arange(5), r"'frames' has shape \(5, 4\)"),
        (np.zeros((5, 4, 4), np.uint8), np.arange(5), "type uint8"),
        (np.zeros((0, 4, 4), np.float32), np.arange(0), r"shape \(0, 4, 4\)"),
        (np.zeros((5, 4, 4), np.float32), np.arange(4), r"'timestamps' has shape \(4,\)"),
        (np.zeros((5, 4, 4), np.float32), np.arange(5.0), "type float64"),
    ],
)
def test_wrong_shapes_and_types_are_named(tmp_path, frames, timestamps, message):
    with pytest.raises(InputError, match=rf"a\.h5: .*{message}"):
        open_recording(write(tmp_path / "a.h5", frames, timestamps))


def test_a_foreign_hdf5_file_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(InputError, match=r"a\.h5 has no data set 'frames'"):
        open_recording(tmp_path / "a.h5")
