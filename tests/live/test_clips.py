"""Clips of events are a data set that the checks accept and that can be drawn."""

import json

import h5py
import numpy as np
import pytest

from slowfast_thermal.live.clips import Clips
from slowfast_thermal.live.events import EventSettings
from slowfast_thermal.preparation.checks import validate
from tests.live.conftest import LEFT, Watch, person

CLASSES = ["standing", "falling", "lying"]
KIND = EventSettings("fall", ("lying", "falling"), 0.5, 3.0, 5.0, 20.0, 0.0)


class Window:
    """The last seconds of a sensor at 8 frames a second."""

    def __init__(self, seconds=1000.0, height=16, width=24):
        self.now, self._seconds = 0, seconds
        self._size = height, width

    def __call__(self, sensor, start, end):
        start = max(start, self.now - round(1000 * self._seconds), 0)
        timestamps = np.arange(start - start % 125, end + 1, 125)
        rng = np.random.default_rng(0)
        frames = rng.normal(20.0, 0.3, (len(timestamps), *self._size)).astype(np.float32)
        frames[:, 2:4, 3:8] += 6.0
        frames[3, 0, 0] = np.nan
        return frames, timestamps


def play(folder, window, lying=(20, 40), until=60):
    """Someone lies on the floor for some of the seconds."""
    watched, clips = Watch(), Clips(folder, window, [KIND], CLASSES)
    for second in range(until):
        window.now = 1000 * second
        for each in watched.see(second, (1, 0.9 if lying[0] <= second < lying[1] else 0.1)):
            clips.send(each)
    clips.close()
    return watched, clips


def times(folder, name):
    with h5py.File(folder / "frames" / f"{name}.h5") as file:
        return file["timestamps"][:]


def test_a_clip_holds_the_seconds_around_its_event(tmp_path):
    watched, _ = play(tmp_path, Window())
    found = times(tmp_path, watched.changes[0].id)
    assert (found[0], found[-1]) == (10_000, 45_000)


def test_a_long_event_keeps_the_clip_of_its_beginning(tmp_path):
    watched, _ = play(tmp_path, Window(seconds=20), lying=(20, 200), until=220)
    found = times(tmp_path, watched.changes[0].id)
    assert (found[0], found[-1]) == (10_000, 23_000)


def test_what_was_only_suspected_has_no_clip(tmp_path):
    play(tmp_path, Window(), lying=(20, 22))
    assert not (tmp_path / "frames").exists()


def test_the_checks_find_no_problem_and_the_person_is_annotated(tmp_path):
    watched, _ = play(tmp_path, Window())
    files = ["annotations/events.json"]
    report = validate(tmp_path, files, files)
    assert {finding.kind for finding in report.of("problem")} == {"overlap"}, "with itself"
    document = json.loads((tmp_path / "annotations" / "events.json").read_text())
    (image,), (record,) = document["images"], document["annotations"]
    assert (image["sensor_id"], image["timestamp"]) == (watched.changes[0].id, 23_000)
    assert (record["category_name"], record["event"]["state"]) == ("lying", "confirmed")
    x, y, width, height = record["bbox"]
    assert (x - width / 2, y - height / 2, x + width / 2, y + height / 2) == pytest.approx(LEFT, abs=1e-6)


def test_a_correction_is_kept(tmp_path):
    play(tmp_path, Window())
    path = tmp_path / "annotations" / "events.json"
    path.write_text(path.read_text().replace('"category_id": 2', '"category_id": 0'))
    play(tmp_path, Window())
    assert [record["category_id"] for record in json.loads(path.read_text())["annotations"]] == [0]


def test_a_clip_that_cannot_be_written_is_told_and_the_next_one_is(tmp_path):
    (tmp_path / "frames").write_text("in the way")
    _, clips = play(tmp_path, Window())
    assert "is missing" in clips.problem
    (tmp_path / "frames").unlink()
    watched, clips = play(tmp_path, Window(), lying=(30, 40))
    assert len(times(tmp_path, watched.changes[0].id)) and clips.problem == ""


def test_a_window_that_holds_nothing_any_more_gives_no_clip(tmp_path):
    clips = Clips(tmp_path, lambda *_: (np.zeros((0, 4, 4), np.float32), np.zeros(0, np.int64)), [KIND], CLASSES)
    watched = Watch()
    for second in range(5):
        for each in watched.tracker.update("hall", 1000 * second, [person(second, 1, 0.9)]):
            clips.send(each)
    clips.close()
    assert clips.problem == "" and not (tmp_path / "frames").exists()


def test_where_clips_take_too_much_the_oldest_go_with_their_keyframes(tmp_path):
    def two_events(most_bytes):
        watched, clips = Watch(), Clips(tmp_path, window, [KIND], CLASSES, most_bytes)
        for second in range(200):
            window.now = 1000 * second
            for each in watched.see(second, (1, 0.9 if second in (*range(20, 30), *range(120, 130)) else 0.1)):
                clips.send(each)
        clips.close()
        return [each.id for each in watched.changes if each.type == "new"], clips

    window = Window()
    (first, second), _ = two_events(1e9)
    size = (tmp_path / "frames" / f"{first}.h5").stat().st_size
    _, clips = two_events(1.5 * size)
    assert [path.stem for path in (tmp_path / "frames").iterdir()] == [second] and clips.problem == ""
    document = json.loads((tmp_path / "annotations" / "events.json").read_text())
    assert [image["sensor_id"] for image in document["images"]] == [second]
    assert [each["image_id"] for each in document["annotations"]] == [document["images"][0]["id"]]
