"""Annotation files are split anew without a loss; how keyframes are drawn is tested with the conversion too."""

import json

import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.splits import session_of, split_again
from tests import programs


def read(folder):
    return {part: json.loads((folder / f"{part}.json").read_text()) for part in ("train", "val")}


def write(folder, documents):
    folder.mkdir(parents=True)
    for part, document in documents.items():
        (folder / f"{part}.json").write_text(json.dumps(document))
    return [folder / f"{part}.json" for part in documents]


@pytest.fixture
def documents():
    """Six recordings of three sessions with two keyframes each, the last of each session for validation."""
    documents = {}
    for part, numbers in (("train", (1,)), ("val", (2,))):
        documents[part] = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "standing"}]}
        for name in (f"{room}_R{number}" for room in ("HALL", "ROOM", "YARD") for number in numbers):
            for time in (1000, 2000):
                image_id = f"{name}_{time}"
                objects = [{"bbox": [0.5, 0.5, 0.1, 0.1], "category": "furniture", "subcategory": "chair"}]
                documents[part]["images"].append(
                    {
                        "id": image_id,
                        "sensor_id": name,
                        "timestamp": time,
                        "frame_idx": 1,
                        "objects": objects,
                        "note": "x",
                    }
                )
                documents[part]["annotations"].append(
                    {
                        "id": image_id,
                        "image_id": image_id,
                        "bbox": [0.5, 0.5, 0.2, 0.2],
                        "category_id": 3,
                        "object_id": 7,
                    }
                )
    return documents


@pytest.mark.parametrize(
    "split, group", [("session", lambda n: n[:4]), ("recording", lambda n: n[:7]), ("keyframe", lambda n: n)]
)
def test_everything_is_kept_and_train_and_val_share_no_group(documents, tmp_path, split, group):
    paths = write(tmp_path / "given", documents)
    summary = split_again(paths, tmp_path / "new", split=split, val_fraction=0.34)
    new = read(tmp_path / "new")
    for section in ("images", "annotations"):
        given = documents["train"][section] + documents["val"][section]
        found = new["train"][section] + new["val"][section]
        assert sorted(found, key=lambda record: record["id"]) == sorted(given, key=lambda record: record["id"])
    groups = {part: {group(image["id"]) for image in document["images"]} for part, document in new.items()}
    assert groups["train"].isdisjoint(groups["val"])
    count = len(groups["train"] | groups["val"])
    assert len(groups["val"]) == round(0.34 * count)
    for part, document in new.items():
        assert {person["image_id"] for person in document["annotations"]} == {i["id"] for i in document["images"]}
        assert document["categories"] == documents["train"]["categories"]
        assert summary.num_keyframes[part] == len(document["images"])
        assert summary.num_boxes[part] == {"standing": len(document["annotations"])}
        assert summary.recordings[part] == sorted({image["sensor_id"] for image in document["images"]})


def test_a_seed_gives_the_same_files_and_another_seed_others(documents, tmp_path):
    paths = write(tmp_path / "given", documents)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        split_again(paths, tmp_path / name, split="keyframe", seed=seed)
    files = {name: read(tmp_path / name) for name in "abc"}
    assert files["a"] == files["b"]
    assert files["a"]["val"]["images"] != files["c"]["val"]["images"]


def test_existing_files_are_not_overwritten(documents, tmp_path):
    paths = write(tmp_path / "given", documents)
    with pytest.raises(InputError, match="given exists already"):
        split_again(paths, tmp_path / "given")
    assert read(tmp_path / "given") == documents


@pytest.mark.parametrize(
    "change, settings, message",
    [
        (
            lambda d: d["val"]["images"].append(d["train"]["images"][0]),
            {},
            r"val.json, images\[6\]: image id .* already",
        ),
        (lambda d: d["val"].update(categories=[{"id": 3, "name": "lying"}]), {}, "val.json has other categories"),
        (lambda d: [part.update(images=[], annotations=[]) for part in d.values()], {}, "no keyframe to split"),
        (lambda d: None, {"session_pattern": "(HALL).*"}, "'ROOM_R1' does not tell its session"),
        (lambda d: None, {"split": "room"}, "split by 'room'"),
        (lambda d: None, {"val_fraction": 1.0}, "validation fraction"),
    ],
)
def test_what_cannot_be_split_is_explained_and_nothing_written(documents, tmp_path, change, settings, message):
    change(documents)
    paths = write(tmp_path / "given", documents)
    with pytest.raises(InputError, match=message):
        split_again(paths, tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name, session", [("HALL_R1", "HALL"), ("A_R1_R2", "A_R1"), ("HALL", None), ("_R1", None)])
def test_the_session_is_what_stands_before_the_last_separator(name, session):
    assert session_of(name, r"(.+)_R.*") == session
    assert session_of(name, "()") is None


def test_the_command_says_what_is_where(documents, tmp_path):
    write(tmp_path / "data" / "annotations", documents)
    done = programs.run("tools/thermal_data.py", "split", tmp_path / "data", tmp_path / "new", "--by", "session")
    assert done.returncode == 0, done.stderr
    val = sorted({image["sensor_id"] for image in read(tmp_path / "new")["val"]["images"]})
    assert done.stdout.splitlines()[2:] == [
        f"val: 4 keyframes of {', '.join(val)}",
        "  boxes: 4 standing",
        f"Wrote {tmp_path / 'new'}",
    ]
