"""Simulated rooms on disk: their format, their intervals, and that the same seed gives the same files."""

import json

import h5py
import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation import simulated
from slowfast_thermal.preparation.checks import validate
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.simulation.labels import CLASSES

SMALL = {"num_rooms": 3, "num_keyframes": 30, "seed": 0}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("rooms") / "data"
    return root, simulate_rooms(root, **SMALL)


def test_the_checks_find_no_problem(small):
    root, summary = small
    report = validate(root, ["annotations/train.json"], ["annotations/val.json"])
    assert report.of("problem") == []
    assert summary.num_keyframes == {"train": 20, "val": 10}


def test_each_box_is_of_a_person_who_does_that_then(small):
    root, _ = small
    intervals = json.loads((root / "annotations" / "intervals.json").read_text())
    found = 0
    for split in ("train", "val"):
        document = json.loads((root / "annotations" / f"{split}.json").read_text())
        assert [category["name"] for category in document["categories"]] == list(CLASSES)
        images = {image["id"]: image for image in document["images"]}
        for record in document["annotations"]:
            image = images[record["image_id"]]
            with h5py.File(root / "frames" / f"{image['sensor_id']}.h5") as file:
                assert file["timestamps"][image["frame_idx"]] == image["timestamp"]
            found += any(
                each["start"] <= image["timestamp"] < each["end"]
                for each in intervals
                if (each["sensor_id"], each["object_id"]) == (image["sensor_id"], record["object_id"])
                and each["category_name"] == record["category_name"]
            )
    assert found > 0.8 * sum(sum(boxes.values()) for boxes in small[1].num_boxes.values())


def test_the_same_seed_gives_the_same_files(small, tmp_path):
    root, _ = small
    simulate_rooms(tmp_path / "same", **SMALL)
    for path in root.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "same" / path.relative_to(root)).read_bytes()


def test_several_processes_give_the_same_files(small, tmp_path, monkeypatch):
    root, _ = small
    monkeypatch.setattr(simulated, "cpu_count", lambda: 2)
    monkeypatch.setattr(simulated, "_KEYFRAMES_PER_PROCESS", 1)
    simulate_rooms(tmp_path / "same", **SMALL)
    for path in root.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "same" / path.relative_to(root)).read_bytes()


def test_rooms_differ(small):
    means = []
    for path in (small[0] / "frames").glob("*.h5"):
        with h5py.File(path) as file:
            frames = file["frames"][:]
            means.append(frames[frames > -200].mean())
    assert np.ptp(means) > 0.5


def test_impossible_sizes_are_refused(tmp_path):
    with pytest.raises(InputError, match="two or more recordings"):
        simulate_rooms(tmp_path / "data", num_rooms=1)
