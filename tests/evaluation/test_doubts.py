import csv
import json
from pathlib import Path

import numpy as np
import pytest

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.doubts import find_doubts, list_doubts
from slowfast_thermal.evaluation.people import keyframe_key
from slowfast_thermal.evaluation.scores import to_ava_boxes
from slowfast_thermal.preparation.folds import split_folds


@pytest.fixture
def still_people(handmade_data, small_config):
    """Two people, one wide and one tall, who do not move for twenty keyframes each; one wide one is labelled as tall."""
    rng = np.random.default_rng(0)
    shapes = {"A": (slice(3, 5), slice(2, 10)), "B": (slice(1, 7), slice(5, 7))}
    boxes = {"A": [0.5, 0.5, 8 / 12, 2 / 8], "B": [0.5, 0.5, 2 / 12, 6 / 8]}
    images, people = [], []
    for label, (name, shape) in enumerate(shapes.items()):
        frames = rng.normal(18, 0.02, (100, 8, 12)).astype(np.float32)
        frames[:, *shape] += 6
        handmade_data.frames[name] = frames
        for frame in range(0, 100, 5):
            image = {"id": f"{name}_{frame}", "sensor_id": name, "timestamp": 1000 + 150 * frame, "frame_idx": frame}
            wrong = image["id"] == "A_50"
            images.append(image)
            people.append({"image_id": image["id"], "bbox": boxes[name], "category_id": 1 if wrong else label})
    handmade_data.document |= {"images": images, "annotations": people}
    return small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)


def predictions(dataset, scores):
    samples = [dataset.sample(index) for index in range(len(dataset))]
    return to_ava_boxes((keyframe_key(k), boxes, scores[None, i]) for i, (k, boxes, _) in enumerate(samples))


def test_a_label_that_confident_held_out_predictions_contradict(still_people):
    dataset = Thermal(still_people, "test")
    truth = np.array([dataset.keyframe(i).recording == "B" for i in range(len(dataset))], int)
    doubts = find_doubts(dataset, predictions(dataset, 0.8 * np.eye(2)[truth] + 0.1))
    found = [doubt for doubt in doubts if doubt.neighbour is None]
    assert [doubt.keyframe.image_id for doubt in found] == ["A_50"]
    assert found[0].reason == "annotated lying, but held-out predictions say standing (0.90 against 0.10)"
    assert found[0].strength == pytest.approx(0.8)


def test_predictions_that_are_unsure_make_no_doubt(still_people):
    dataset = Thermal(still_people, "test")
    truth = np.array([dataset.keyframe(i).recording == "B" for i in range(len(dataset))], int)
    scores = 0.8 * np.eye(2)[truth] + 0.1
    scores[[dataset.keyframe(i).image_id == "A_50" for i in range(len(dataset))]] = 0.55, 0.45
    assert all(doubt.neighbour for doubt in find_doubts(dataset, predictions(dataset, scores)))


def test_a_neighbour_that_looks_the_same_with_another_label(still_people, caplog):
    doubts = find_doubts(Thermal(still_people, "test"), ({}, {}, {}))
    assert "40 of 40 people have no prediction" in caplog.text
    found = {doubt.keyframe.image_id: doubt.neighbour[0].image_id for doubt in doubts}
    assert found["A_50"].startswith("A_") and set(found) - {"A_50"} <= {
        key for key, other in found.items() if other == "A_50"
    }


def test_list_and_pictures_are_written(still_people, tmp_path):
    data = Path(still_people.DATA.PATH_TO_DATA_DIR)
    split_folds([data / "annotations" / "train.json"], tmp_path / "folds", split="keyframe", num_folds=2)
    folds = {name: tmp_path / "folds" / name for name in ("fold_1", "fold_2")}
    output = tmp_path / "doubts"
    output.mkdir()
    for name in ("doubt_999.png", "doubt_of_mine.png"):
        (output / name).touch()
    doubts = list_doubts(still_people, folds, output, None, 1)
    rows = list(csv.DictReader((output / "doubts.csv").open()))
    assert doubts[0].keyframe.image_id == rows[0]["keyframe"] == "A_50" and len(rows) == len(doubts)
    assert sorted(path.name for path in output.iterdir()) == ["doubt_001.png", "doubt_of_mine.png", "doubts.csv"]
    assert rows[0]["picture"] == "doubt_001.png"


def test_fold_without_held_out_people_is_passed_over(still_people, tmp_path):
    data = Path(still_people.DATA.PATH_TO_DATA_DIR)
    split_folds([data / "annotations" / "train.json"], tmp_path / "folds", split="keyframe", num_folds=2)
    folds = {name: tmp_path / "folds" / name for name in ("fold_1", "fold_2")}
    val = folds["fold_2"] / "val.json"
    val.write_text(json.dumps(json.loads(val.read_text()) | {"annotations": []}))
    doubts = list_doubts(still_people, folds, tmp_path / "doubts", None, 1)
    assert doubts and all(doubt.person.scores is not None for doubt in doubts)


def test_folds_of_other_classes_and_a_folder_that_cannot_be_written_are_refused(still_people, tmp_path):
    data = Path(still_people.DATA.PATH_TO_DATA_DIR)
    split_folds([data / "annotations" / "train.json"], tmp_path / "folds", split="keyframe", num_folds=2)
    folds = {"fold_1": tmp_path / "folds" / "fold_1"}
    train = json.loads((folds["fold_1"] / "train.json").read_text())
    names = [category["name"] for category in train["categories"]]
    for category, name in zip(train["categories"], reversed(names)):
        category["name"] = name
    (folds["fold_1"] / "train.json").write_text(json.dumps(train))
    with pytest.raises(InputError, match="list other categories: give both the same list"):
        list_doubts(still_people, folds, tmp_path / "doubts", None, 1)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="The folder of the doubts '.*file' cannot be written"):
        list_doubts(still_people, folds, tmp_path / "file", None, 1)


def test_recordings_are_read_as_the_configuration_says(still_people, tmp_path):
    data = Path(still_people.DATA.PATH_TO_DATA_DIR)
    (data / "frames").rename(data / "moved")
    split_folds([data / "annotations" / "train.json"], tmp_path / "folds", split="keyframe", num_folds=2)
    folds = {name: tmp_path / "folds" / name for name in ("fold_1", "fold_2")}
    cfg = still_people.clone()
    cfg.THERMAL.FRAMES_DIR = "moved"
    assert list_doubts(cfg, folds, tmp_path / "doubts", None, 1)
