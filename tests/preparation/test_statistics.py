"""Figures of a data set, against figures counted by hand and against the recordings themselves."""

import json
import shutil

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import load_annotations, moved
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.statistics import (
    Range,
    Times,
    collect_statistics,
    measure_readings,
    measure_times,
)
from tests import programs
from tests.datasets.test_packets import lose, packets_of, room

FILES = ["annotations/train.json"], ["annotations/val.json"]


def test_intervals_are_counted():
    # Steps of 100 ms but for one of 50, one of 49, one of 200, one of 201, one of 1000 and one of 1001.
    steps = [100] * 10 + [50, 49, 200, 201, 1000, 1001] + [100] * 4
    times = measure_times(np.cumsum([5000, *steps]))
    total = sum(steps) / 1000
    assert times == Times(total, pytest.approx(20 / total), Range(49, 100, 1001), pytest.approx(4 / 20), 1)


@pytest.mark.parametrize("timestamps", [[7], [1, 2, 2], [3, 2, 1]])
def test_times_that_do_not_increase_have_no_figures(timestamps):
    assert measure_times(np.array(timestamps)) is None


def test_unsigned_times_that_fall_are_seen():
    assert measure_times(np.array([5, 3, 9], np.uint64)) is None


def test_missing_readings_are_counted_and_left_out_of_the_temperatures(tmp_path):
    frames = np.full((150, 4, 5), 20, np.float32)
    frames[10, 0, 0], frames[140, 3, 4] = 10, 60
    frames[:, 1, 1] = -273.2
    frames[100, :2] = np.nan
    frames[7, 2, 2] = np.inf
    with h5py.File(tmp_path / "A.h5", "w") as file:
        file["frames"], file["timestamps"] = frames, np.arange(150)
    readings = measure_readings(Recording(tmp_path / "A.h5", (-40.0, 300.0), 0.0))
    assert readings.num_missing == 150 + 9 + 1
    assert readings.share_missing == pytest.approx(160 / 3000)
    assert readings.num_frames_missing == 150
    assert readings.num_never_read == 1
    mean = (20 * (3000 - 160 - 2) + 10 + 60) / (3000 - 160)
    assert (readings.celsius.low, readings.celsius.high) == (10, 60)
    assert readings.celsius.middle == pytest.approx(mean)


def test_lost_packets_are_told_from_missing_readings(tmp_path):
    frames = room(20, 30, 40)
    frames[:, 17] = np.nan
    for number in (6, 20, 30):
        frames[number], _ = lose(frames[number], packets_of(600, 144), (True, False, True, True, True))
    with h5py.File(tmp_path / "A.h5", "w") as file:
        file["frames"], file["timestamps"] = frames.reshape(-1, 20, 30), np.arange(40)
    as_stored = measure_readings(Recording(tmp_path / "A.h5", (-40.0, 300.0), 0.0))
    readings = measure_readings(Recording(tmp_path / "A.h5", (-40.0, 300.0), 0.0, packet_length=0))
    assert (readings.num_frames_lost, readings.num_missing, readings.num_frames_missing) == (3, 40, 40)
    assert readings.share_lost == pytest.approx(3 * 144 / frames.size)
    assert (as_stored.num_frames_lost, as_stored.num_missing) == (0, 40 + 3 * 144)


def test_a_recording_without_a_reading_has_no_temperatures(tmp_path):
    with h5py.File(tmp_path / "A.h5", "w") as file:
        file["frames"], file["timestamps"] = np.full((3, 4, 5), np.nan, np.float32), np.arange(3)
    readings = measure_readings(Recording(tmp_path / "A.h5", (-40.0, 300.0), 0.0))
    assert readings.celsius is None
    assert (readings.share_missing, readings.num_never_read) == (1, 20)


def test_boxes_are_counted_by_class_and_split_and_measured_in_pixels(handmade_data):
    # One image of 8x12 pixels has two standing people, one of them also lying; the last image has nobody.
    handmade_data.document["annotations"] = [
        {"image_id": "A_40", "bbox": [0.5, 0.5, 0.25, 0.5], "category_id": 0},
        {"image_id": "A_40", "bbox": [0.5, 0.5, 0.5, 0.25], "category_id": 0},
        {"image_id": "A_40", "bbox": [0.5, 0.5, 0.5, 0.25], "category_id": 1},
        {"image_id": "B_40", "bbox": [1.0, 0.5, 0.5, 1.0], "category_id": 0},
    ]
    handmade_data.document["categories"].append({"id": 2, "name": "sitting"})
    statistics = collect_statistics(handmade_data.write(), *FILES)
    assert statistics.num_keyframes == {"train": 4, "val": 4}
    assert statistics.num_people == {"train": 3, "val": 3}
    standing, lying, sitting = statistics.classes
    assert standing.num_boxes == {"train": 3, "val": 3} and lying.num_boxes == {"train": 1, "val": 1}
    assert (standing.width, standing.height) == (Range(3, 3, 6), Range(2, 4, 8))
    assert (lying.width, lying.height) == (Range(6, 6, 6), Range(2, 2, 2))
    assert sitting.num_boxes == {"train": 0, "val": 0} and sitting.width is sitting.height is None
    assert [recording.name for recording in statistics.recordings] == ["A", "B"]


def test_boxes_that_lie_beside_the_people_are_brought_back_by_the_shift_that_is_told(synthetic_data, tmp_path):
    shutil.copytree(synthetic_data, tmp_path / "data")
    path = tmp_path / "data" / "annotations" / "train.json"
    document = json.loads(path.read_text())
    before = collect_statistics(tmp_path / "data", *FILES).box_shift
    for annotation in document["annotations"]:
        annotation["bbox"][0] -= 0.02
        annotation["bbox"][1] += 0.03
    path.write_text(json.dumps(document))
    after = collect_statistics(tmp_path / "data", *FILES).box_shift
    assert before.num_people >= 10 and after.num_people >= 10
    assert (after.x - before.x, after.y - before.y) == pytest.approx((0.02, -0.03), abs=0.004)
    assert abs(before.x_pixels) < 0.5 and abs(before.y_pixels) < 0.5
    beside, back = load_annotations([path]).keyframes, load_annotations([synthetic_data / FILES[0][0]]).keyframes
    inside = [(k.boxes > 0.05).all() and (k.boxes < 0.95).all() for k in back]
    for keyframe, original, whole in zip(moved(beside, (0.02, -0.03)), back, inside):
        assert not whole or keyframe.boxes == pytest.approx(original.boxes, abs=1e-6)


def test_a_broken_data_set_is_refused(handmade_data):
    folder = handmade_data.write()
    (folder / "frames" / "B.h5").unlink()
    with pytest.raises(InputError, match=r"'.*B\.h5' does not exist"):
        collect_statistics(folder, *FILES)


def test_the_figures_of_the_real_recordings_are_those_of_the_files(real_data):
    statistics = collect_statistics(real_data, *FILES)
    assert sum(recording.num_frames for recording in statistics.recordings) == 3976
    assert statistics.num_keyframes == {"train": 314, "val": 73}
    assert statistics.num_people == {"train": 405, "val": 95}
    for recording in statistics.recordings:
        with h5py.File(real_data / "frames" / f"{recording.name}.h5") as file:
            frames, times = file["frames"][:], file["timestamps"][:]
        valid = frames[frames > -200]
        # What is missing there was all lost in packets.
        assert recording.readings.num_missing == 0
        assert recording.readings.share_lost == pytest.approx(1 - valid.size / frames.size)
        assert recording.readings.celsius.low == valid.min() and recording.readings.celsius.high == valid.max()
        assert recording.readings.celsius.middle == pytest.approx(valid.mean(dtype=np.float64))
        assert recording.times.rate == pytest.approx(1000 / np.diff(times).mean())
        assert recording.times.interval.middle == np.median(np.diff(times))
    counts = {entry.name: sum(entry.num_boxes.values()) for entry in statistics.classes}
    document = [json.loads((real_data / name).read_text()) for (name,) in FILES]
    names = [annotation["category_name"] for part in document for annotation in part["annotations"]]
    assert counts == {name: names.count(name) for name in counts}


def test_the_command_prints_tables_or_json(synthetic_data):
    def run(*options):
        done = programs.run("tools/thermal_data.py", "stats", synthetic_data, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed, statistics = run(), json.loads(run("--json"))
    for recording in statistics["recordings"]:
        row = next(line.split() for line in printed.splitlines() if line.startswith(recording["name"]))
        assert row[1:3] == [str(recording["num_frames"]), "20x30"]
        readings = recording["readings"]
        for part in ("lost", "missing"):
            assert f"{readings[f'share_{part}']:.1%} in {readings[f'num_frames_{part}']}" in " ".join(row)
    for entry in statistics["classes"]:
        assert f"{entry['name']} " in printed
    assert f"train: {statistics['num_keyframes']['train']} keyframes" in printed
