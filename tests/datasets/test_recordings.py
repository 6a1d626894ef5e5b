import itertools
import pickle
import re
import tracemalloc
import unicodedata
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
import torch

from slowfast_thermal.datasets import recordings
from slowfast_thermal.datasets.recording_cache import RecordingCache
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError
from tests.datasets.test_packets import lose, packets_of, room

DEAD = -273.2


def write(path, frames, timestamps=None):
    with h5py.File(path, "w") as file:
        file["frames"] = frames
        file["timestamps"] = np.arange(len(frames)) * 100 if timestamps is None else timestamps
    return path


def open_recording(path, **settings):
    return Recording(path, valid_range=(-40.0, 300.0), fill_temperature=20.0, **settings)


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


@pytest.fixture(scope="module")
def lossy(tmp_path_factory):
    """A recording of 300 frames of 20x30 pixels of which a fifth lost packets, the first and the last among them, and
    (N, H, W) how it is to be read: each packet in its place, what was lost filled."""
    rng, packets = np.random.default_rng(2), packets_of(600, 144)
    frames = room(20, 30, num_frames=300)
    stored, expected = frames.copy(), frames.copy()
    for number in (0, *np.flatnonzero(rng.random(300) < 0.2), 299):
        keep = np.ones(5, bool)
        keep[rng.choice(5, rng.integers(1, 4), replace=False)] = False
        stored[number], expected[number] = lose(frames[number], packets, keep)
    path = tmp_path_factory.mktemp("lossy") / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=np.nan_to_num(stored, nan=DEAD).reshape(-1, 20, 30), chunks=(32, 20, 30))
        file["timestamps"] = np.arange(300) * 100
    for later in expected[1:]:
        np.copyto(expected[0], later, where=np.isnan(expected[0]))
    for before, frame in itertools.pairwise(expected):
        np.copyto(frame, before, where=np.isnan(frame))
    return path, expected.reshape(-1, 20, 30)


def test_lost_packets_are_put_right_before_missing_readings_are_filled(lossy):
    path, expected = lossy
    recording = open_recording(path, packet_length=0)
    recording.cache(torch.device("cpu"))
    np.testing.assert_array_equal(recording.read(np.arange(300)), expected)
    assert recording.packet_length == 144 and all(repair.starts for repair in recording.repairs.values())


def test_rare_losses_that_a_sample_of_a_long_recording_misses_are_put_right(tmp_path):
    rng = np.random.default_rng(0)
    room = rng.uniform(15, 30, 80).astype(np.float32)
    frames = room + rng.normal(0, 0.05, (4000, 80)).astype(np.float32)
    expected = frames.copy()
    lossy = 64 * np.array([3, 17, 31, 47]) + 5
    for number in lossy:
        expected[number, 16:32] = np.nan
        frames[number] = np.concatenate([frames[number, :16], frames[number, 32:], np.full(16, DEAD, np.float32)])
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=frames.reshape(-1, 8, 10), chunks=(64, 8, 10))
        file["timestamps"] = np.arange(4000) * 100
    recording = open_recording(path, packet_length=0)
    sampled = {number // 64 for number in np.linspace(0, 62, 32).round().astype(int) * 64}
    assert not sampled & set((lossy // 64).tolist())
    found = recording.decode(lossy[0], lossy[0] + 1)[0].ravel()
    np.testing.assert_array_equal(found, expected[lossy[0]])
    assert recording.packet_length == 16


@pytest.mark.parametrize("start, stop", [(0, 5), (30, 34), (64, 65), (95, 160), (290, 300)])
def test_a_window_of_repaired_frames_equals_the_cached_one_in_any_process(lossy, start, stop):
    path, _ = lossy
    cached = open_recording(path, packet_length=0)
    cached.cache(torch.device("cpu"))
    window = np.arange(start, stop)
    recording = open_recording(path, packet_length=0)
    np.testing.assert_array_equal(recording.read(window), cached.read(window))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(recording)).read(window), cached.read(window))


def test_frames_are_left_as_they_stand_where_no_repair_is_asked_for(lossy):
    path, _ = lossy
    recording = open_recording(path)
    with h5py.File(path) as file:
        stored = file["frames"][:]
    there = stored > -40
    np.testing.assert_array_equal(recording.read(np.arange(300)).numpy()[there], stored[there])
    assert not recording.repairs


@pytest.mark.parametrize(
    "cached, message", [(True, r"in \d+ of 300 frames; \d+ were put right, 0 are"), (False, "as it is read")]
)
def test_repairs_are_told_once_however_often_a_file_is_opened(lossy, caplog, monkeypatch, cached, message):
    monkeypatch.setattr(recordings, "_told", set())
    with caplog.at_level("INFO"):
        for _ in range(2):
            recording = open_recording(lossy[0], packet_length=0)
            if cached:
                recording.cache(torch.device("cpu"))
            for start in (0, 100, 0):
                recording.read(np.arange(start, start + 64))
    (told,) = [record.getMessage() for record in caplog.records if "packets of 144" in record.getMessage()]
    assert re.search(message, told)


@pytest.mark.parametrize("chunks", [None, (1, 4, 5), (30, 4, 5), (200, 4, 5), (7, 2, 5)])
def test_no_layout_of_the_file_changes_what_is_read(tmp_path, damaged_frames, chunks):
    path = write(tmp_path / "a.h5", damaged_frames)
    with h5py.File(path, "a") as file:
        del file["frames"]
        file.create_dataset("frames", data=damaged_frames, chunks=chunks, compression=4 if chunks else None)
    expected = filled_pixel_by_pixel(damaged_frames)
    recording = open_recording(path)
    for start in (0, 90, 150, 195):
        np.testing.assert_array_equal(recording.read(np.arange(start, start + 5)), expected[start : start + 5])
    recording.cache(torch.device("cpu"))
    np.testing.assert_array_equal(recording.read(np.arange(200)), expected)


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4", ">f8"])
def test_frames_of_any_floating_point_type_are_rounded_to_single(tmp_path, damaged_frames, kind):
    stored = damaged_frames.astype(kind)
    expected = filled_pixel_by_pixel(stored.astype(np.float32))
    np.testing.assert_array_equal(
        open_recording(write(tmp_path / "a.h5", stored)).read(np.arange(200)).numpy(), expected
    )


def write_long(path, num_frames=6400):
    """A pixel never reads, one not in the first half, one not in the second."""
    frames = np.random.default_rng(2).uniform(10, 30, (num_frames, 2, 3)).astype(np.float32)
    frames[:, 0, 0] = DEAD
    frames[: num_frames // 2, 0, 1] = DEAD
    frames[num_frames // 2 :, 0, 2] = DEAD
    return write(path, frames), frames


def test_what_is_missing_for_long_is_looked_up_once(tmp_path, monkeypatch):
    path, frames = write_long(tmp_path / "a.h5")
    expected = filled_pixel_by_pixel(frames)
    recording, num_read = open_recording(path), []
    whole = Recording.read_stored
    monkeypatch.setattr(
        Recording,
        "read_stored",
        lambda self, start, stop, *out: num_read.append(stop - start) or whole(self, start, stop, *out),
    )
    for number, start in enumerate((3000, 100, 3200, 6000, 0, 3199, 6390, 5000)):
        num_read.clear()
        np.testing.assert_array_equal(recording.read(np.arange(start, start + 10)), expected[start : start + 10])
        assert sum(num_read) <= (10 + 4 * 64 + len(frames) + 64 if number == 0 else 10 + 64)


def test_a_short_loss_is_filled_from_the_frames_before_alone(tmp_path, monkeypatch):
    frames = np.random.default_rng(3).uniform(10, 30, (3000, 2, 3)).astype(np.float32)
    frames[1500:1520, 1] = DEAD
    recording, num_read = open_recording(write(tmp_path / "a.h5", frames)), []
    whole = Recording.read_stored
    monkeypatch.setattr(
        Recording,
        "read_stored",
        lambda self, start, stop, *out: num_read.append(stop - start) or whole(self, start, stop, *out),
    )
    np.testing.assert_array_equal(recording.read(np.arange(1510, 1530)), filled_pixel_by_pixel(frames)[1510:1530])
    assert sum(num_read) <= 20 + 64


@pytest.mark.parametrize("share_lost", [0.0, 0.1])
def test_decoding_takes_little_memory_beside_the_decoded_recording(tmp_path, share_lost):
    rng = np.random.default_rng(4)
    frames = rng.uniform(10, 30, (4000, 16, 24)).astype(np.float32)
    frames[rng.random(4000) < share_lost, 8:] = DEAD
    path = write(tmp_path / "a.h5", frames)
    with h5py.File(path, "a") as file:
        del file["frames"]
        file.create_dataset("frames", data=frames, chunks=(64, 16, 24), compression=1)
    recording = open_recording(path)
    tracemalloc.start()
    recording.cache(torch.device("cpu"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert recording.nbytes <= peak < 1.1 * recording.nbytes


def test_times_are_signed_however_they_are_stored(tmp_path):
    for kind in (np.uint64, np.int32, np.uint32, ">i8"):
        timestamps = open_recording(
            write(tmp_path / "a.h5", np.full((5, 2, 2), 20.0), np.arange(1000, 1500, 100, kind))
        ).timestamps
        assert timestamps.dtype == np.int64 and timestamps[0] - timestamps[1] == -100


@pytest.mark.parametrize("timestamps", [np.array([1, 2**63], np.uint64), np.array([-(2**63), 0], np.int64)])
def test_times_beyond_all_calendars_are_named(tmp_path, timestamps):
    with pytest.raises(InputError, match=r"a\.h5: timestamps .* are no times in milliseconds: correct them"):
        open_recording(write(tmp_path / "a.h5", np.full((2, 2, 2), 20.0), timestamps))


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


def test_a_name_in_other_unicode_characters_is_told(tmp_path):
    (tmp_path / unicodedata.normalize("NFD", "Küche.h5")).touch()
    with pytest.raises(InputError, match="'.*Küche.h5' does not exist, but one whose name looks the same"):
        open_recording(tmp_path / unicodedata.normalize("NFC", "Küche.h5"))


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(InputError, match=r"Recording '.*gone\.h5' does not exist: correct the name, add"):
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


def test_its_times_are_known_of_a_recording_that_is_not_decoded(tmp_path):
    path = write(tmp_path / "A.h5", np.full((6, 4, 5), 20.0, np.float32), 7 * np.arange(6))
    cache = RecordingCache([open_recording(path)], max_bytes=10**6)
    assert cache.timestamps("A").tolist() == [0, 7, 14, 21, 28, 35] and cache.nbytes == 0
    assert cache["A"].num_frames == 6 and cache.nbytes > 0


def test_a_recording_is_given_as_it_stands_and_put_right_by_one_reading(tmp_path, monkeypatch):
    frames = np.random.default_rng(0).normal(20, 1, (70, 4, 5)).astype(np.float32)
    frames[3, 1, 2] = DEAD
    recording = open_recording(write(tmp_path / "A.h5", frames), packet_length=0)
    read = []
    plain = Recording.read_stored
    monkeypatch.setattr(Recording, "read_stored", lambda self, *given: read.append(given) or plain(self, *given))
    pairs = list(recording.pairs())
    assert len(read) == len(pairs) and np.isnan(pairs[0][0][3, 1, 2])
    expected = list(recording.parts(repaired=False)), list(recording.parts())
    for (stored, repaired), a, b in zip(pairs, *expected):
        assert np.array_equal(stored, a, equal_nan=True) and np.array_equal(repaired, b, equal_nan=True)
