"""Synthetic recordings: their format, their honesty, and that their classes show in the movement."""

import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.synthetic import synthesize

SMALL = {"num_recordings": 3, "num_keyframes": 18, "seed": 3}


class Box(NamedTuple):
    """A person's box as pixel edges, the keyframe's number, and all frames of the recording."""

    label: str
    edges: tuple[int, int, int, int]
    frame: int
    frames: np.ndarray


def read_json(root: Path, split: str) -> dict:
    return json.loads((root / "annotations" / f"{split}.json").read_text())


def read_boxes(root: Path, split: str) -> list[Box]:
    document = read_json(root, split)
    images = {image["id"]: image for image in document["images"]}
    recordings = {}
    for name in {image["sensor_id"] for image in images.values()}:
        with h5py.File(root / "frames" / f"{name}.h5") as file:
            recordings[name] = file["frames"][:]
    boxes = []
    for record in document["annotations"]:
        image = images[record["image_id"]]
        x, y, w, h = np.array(record["bbox"]) * np.tile([image["width"], image["height"]], 2)
        edges = tuple(int(v) for v in np.round([y - h / 2, y + h / 2, x - w / 2, x + w / 2]))
        boxes.append(Box(record["category_name"], edges, image["frame_idx"], recordings[image["sensor_id"]]))
    return boxes


def crop(box: Box, frame: int) -> np.ndarray:
    """(256,) the box's content in a frame, resized, as Celsius above the room."""
    picture = box.frames[np.clip(frame, 0, len(box.frames) - 1)]
    picture = np.where(picture < -100, 18, picture) - np.median(picture)
    top, bottom, left, right = box.edges
    rows = np.linspace(top, bottom - 1, 16).round().astype(int)
    columns = np.linspace(left, right - 1, 16).round().astype(int)
    return picture[np.ix_(rows, columns)].ravel()


def one_frame(box: Box) -> np.ndarray:
    top, bottom, left, right = box.edges
    return np.concatenate([crop(box, box.frame), [bottom - top, right - left, (bottom - top) / (right - left)]])


def movement(box: Box) -> np.ndarray:
    """How the clip's crops change: from its first to its second half, at all, and from frame to frame."""
    clip = np.stack([crop(box, frame) for frame in range(box.frame - 32, box.frame + 32)])
    changes = np.abs(np.diff(clip, axis=0)).mean(axis=0)
    return np.concatenate([one_frame(box), clip[32:].mean(axis=0) - clip[:32].mean(axis=0), clip.std(axis=0), changes])


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("small") / "data"
    synthesize(root, **SMALL)
    return root


@pytest.fixture(scope="module")
def splits(tmp_path_factory) -> dict[str, list[Box]]:
    root = tmp_path_factory.mktemp("large") / "data"
    synthesize(root, num_recordings=3, num_keyframes=240, val_fraction=0.33)
    return {split: read_boxes(root, split) for split in ("train", "val")}


def scores(splits: dict[str, list[Box]], features, classes: list[str]) -> tuple[float, float]:
    """Macro AP and accuracy on val of a linear classifier trained on train, for boxes of some classes."""
    chosen = {split: [box for box in boxes if box.label in classes] for split, boxes in splits.items()}
    inputs = {split: np.stack([features(box) for box in boxes]) for split, boxes in chosen.items()}
    labels = {split: np.array([box.label for box in boxes]) for split, boxes in chosen.items()}
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(inputs["train"], labels["train"])
    probabilities = model.predict_proba(inputs["val"])
    precisions = [average_precision_score(labels["val"] == name, p) for name, p in zip(model.classes_, probabilities.T)]
    return float(np.mean(precisions)), model.score(inputs["val"], labels["val"])


def test_recordings_have_the_documented_format(small):
    paths = sorted((small / "frames").glob("*.h5"))
    assert len(paths) == SMALL["num_recordings"]
    for path in paths:
        with h5py.File(path) as file:
            assert set(file) == {"frames", "timestamps", "frame_seqs"}
            frames, timestamps = file["frames"], file["timestamps"][:]
            assert frames.dtype == np.float32 and frames.shape == (len(timestamps), 40, 60)
            assert frames.chunks == (64, 40, 60) and frames.compression == "gzip"
            assert timestamps.dtype == np.int64 and file["frame_seqs"].dtype == np.int64
            intervals = np.diff(timestamps)
            assert intervals.min() > 0 and intervals.std() > 10 and 120 < intervals.mean() < 170
            attributes = dict(file.attrs)
            assert attributes["sensor_id"] == path.stem and attributes["total_frames"] == len(timestamps)
            assert (attributes["frame_height"], attributes["frame_width"]) == (40, 60)


def test_annotations_have_the_documented_format(small):
    num_images, annotation_ids = 0, []
    for split in ("train", "val"):
        document = read_json(small, split)
        assert set(document) == {"images", "annotations", "categories", "info"}
        assert [category["id"] for category in document["categories"]] == list(range(8))
        names = {category["id"]: category["name"] for category in document["categories"]}
        for image in document["images"]:
            assert set(image) == {"id", "sensor_id", "mac_address", "timestamp", "width", "height", "frame_idx"}
            with h5py.File(small / "frames" / f"{image['sensor_id']}.h5") as file:
                assert file["timestamps"][image["frame_idx"]] == image["timestamp"]
        image_ids = [image["id"] for image in document["images"]]
        for record in document["annotations"]:
            assert names[record["category_id"]] == record["category_name"]
            x, y, w, h = record["bbox"]
            assert w > 0 and h > 0 and min(x - w / 2, y - h / 2) > -1e-9 and max(x + w / 2, y + h / 2) < 1 + 1e-9
        people = [sum(record["image_id"] == image_id for record in document["annotations"]) for image_id in image_ids]
        assert set(people) <= {1, 2}
        num_images += len(image_ids)
        annotation_ids += [record["id"] for record in document["annotations"]]
    assert num_images == SMALL["num_keyframes"]
    assert sorted(annotation_ids) == list(range(len(annotation_ids)))


def test_same_seed_gives_the_same_files_and_another_seed_others(small, tmp_path):
    synthesize(tmp_path / "same", **SMALL)
    synthesize(tmp_path / "other", **{**SMALL, "seed": 4})
    files = sorted(path.relative_to(small) for path in small.rglob("*") if path.is_file())
    assert len(files) == SMALL["num_recordings"] + 2
    for file in files:
        content = (small / file).read_bytes()
        assert (tmp_path / "same" / file).read_bytes() == content
        assert (tmp_path / "other" / file).read_bytes() != content


def test_summary_counts_what_was_written(tmp_path):
    summary = synthesize(tmp_path / "data", **SMALL)
    num_frames = 0
    for path in (tmp_path / "data" / "frames").glob("*.h5"):
        with h5py.File(path) as file:
            num_frames += len(file["frames"])
    assert summary.num_frames == num_frames
    for split in ("train", "val"):
        document = read_json(tmp_path / "data", split)
        assert summary.num_keyframes[split] == len(document["images"])
        assert sum(summary.num_boxes[split].values()) == len(document["annotations"])


@pytest.mark.parametrize("val_fraction", [0.01, 0.34, 0.99])
def test_train_and_val_share_no_recording(tmp_path, val_fraction):
    synthesize(tmp_path / "data", num_recordings=3, num_keyframes=3, height=16, width=24, val_fraction=val_fraction)
    images = {split: read_json(tmp_path / "data", split)["images"] for split in ("train", "val")}
    train, val = ({image["sensor_id"] for image in images[split]} for split in ("train", "val"))
    assert train and val and not train & val


def test_boxes_hold_warm_bodies(splits):
    boxes = splits["train"] + splits["val"]
    together = defaultdict(list)
    for box in boxes:
        together[id(box.frames), box.frame].append(box)
    for box in boxes:
        frame = np.where(box.frames[box.frame] < -100, np.nan, box.frames[box.frame])
        top, bottom, left, right = box.edges
        inside = frame[top:bottom, left:right]
        ring = np.ones(frame.shape, bool)
        for other in together[id(box.frames), box.frame]:
            ring[slice(*other.edges[:2]), slice(*other.edges[2:])] = False
        ring[: max(top - 3, 0)] = ring[bottom + 3 :] = ring[:, : max(left - 3, 0)] = ring[:, right + 3 :] = False
        if np.isfinite(inside).all() and ring.any():
            assert inside.mean() > np.nanmean(frame[ring]) + 1.5
            assert all(edge.max() > 20 for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_some_recordings_lose_readings_in_about_one_frame_of_ten(splits):
    recordings = {id(box.frames): box.frames for box in splits["train"] + splits["val"]}.values()
    shares = sorted((frames == np.float32(-273.2)).any(axis=(1, 2)).mean() for frames in recordings)
    assert shares[0] == 0
    assert 0.07 < shares[-1] < 0.13
    assert all(frames[frames > -273].min() > 10 and frames.max() < 40 for frames in recordings)


def test_some_keyframes_lie_near_the_end_of_a_recording(splits):
    margins = [min(box.frame, len(box.frames) - box.frame) for box in splits["train"] + splits["val"]]
    assert 0 < np.mean(np.array(margins) < 32) < 0.1


def test_one_frame_does_not_tell_sitting_down_from_standing_up(splits):
    pair = ["sitting down", "standing up"]
    assert scores(splits, one_frame, pair)[1] < 0.7
    assert scores(splits, movement, pair)[1] > 0.9


def test_movement_tells_far_more_than_one_frame(splits):
    classes = sorted({box.label for box in splits["train"]})
    assert len(classes) == 8
    assert scores(splits, one_frame, classes)[0] < 0.65
    assert scores(splits, movement, classes)[0] > 0.9


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="choose a new or empty folder"):
        synthesize(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_accepted(tmp_path):
    synthesize(tmp_path, num_recordings=2, num_keyframes=2, height=16, width=16)
    assert {path.name for path in tmp_path.iterdir()} == {"frames", "annotations"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path, error):
    def interrupt(recordings, _):
        yield next(recordings)
        raise error

    with pytest.raises(error):
        synthesize(tmp_path / "new" / "data", **SMALL, progress=interrupt)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "settings",
    [
        {"num_recordings": 1},
        {"num_keyframes": 1},
        {"height": 8},
        {"height": 40, "width": 30},
        {"val_fraction": 1.0},
        {"seed": -1},
    ],
)
def test_impossible_settings_are_refused(tmp_path, settings):
    with pytest.raises(InputError):
        synthesize(tmp_path / "data", **settings)
    assert not any(tmp_path.iterdir())
