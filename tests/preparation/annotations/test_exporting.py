"""What is exported for a labelling tool comes back as the same people, and shows them in the frames that the tool opens."""

import json
import shutil

import av
import numpy as np
import pytest
from PIL import Image

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.exporting import EXPORTS, export_annotations
from slowfast_thermal.preparation.annotations.importing import import_annotations
from slowfast_thermal.preparation.checks import validate

SPLIT = {"split": "keyframe", "tell": lambda line: None}


@pytest.fixture(scope="module")
def data(synthetic_data, tmp_path_factory):
    """Two synthetic recordings with a chair, somebody of two actions, and a box over the edge."""
    root = tmp_path_factory.mktemp("exported") / "data"
    (root / "frames").mkdir(parents=True)
    (root / "annotations").mkdir()
    for part in ("train", "val"):
        document = json.loads((synthetic_data / "annotations" / f"{part}.json").read_text())
        name = document["images"][0]["sensor_id"]
        shutil.copy(synthetic_data / "frames" / f"{name}.h5", root / "frames")
        document["images"] = [image for image in document["images"] if image["sensor_id"] == name]
        kept = {image["id"] for image in document["images"]}
        document["annotations"] = [person for person in document["annotations"] if person["image_id"] in kept]
        (root / "annotations" / f"{part}.json").write_text(json.dumps(document))
    path = root / "annotations" / "train.json"
    document = json.loads(path.read_text())
    document["images"][0]["objects"] = [{"bbox": [0.2, 0.3, 0.1, 0.1], "category": "furniture", "subcategory": "chair"}]
    first = document["annotations"][0]
    others = [each for each in document["categories"] if each["id"] != first["category_id"]]
    twice = {**first, "id": 10_000, "category_id": others[0]["id"], "category_name": others[0]["name"]}
    document["annotations"].append(twice)
    document["annotations"][1]["bbox"][0] = 0.01
    path.write_text(json.dumps(document))
    return root


def people(folder):
    """Recording, frame, action and number of each annotated person, with the box."""
    found = {}
    for part in ("train", "val"):
        document = json.loads((folder / f"{part}.json").read_text())
        images = {image["id"]: (image["sensor_id"], image["frame_idx"]) for image in document["images"]}
        names = {each["id"]: each["name"] for each in document["categories"]}
        for person in document["annotations"]:
            key = *images[person["image_id"]], names[person["category_id"]], person["object_id"]
            found[key] = person["bbox"]
    return found


def things(folder):
    documents = [json.loads((folder / f"{part}.json").read_text()) for part in ("train", "val")]
    return [thing for document in documents for image in document["images"] for thing in image.get("objects", ())]


@pytest.mark.parametrize("kind", EXPORTS)
def test_people_come_back_with_their_boxes_actions_and_numbers(data, tmp_path, kind):
    count = export_annotations(kind, data, tmp_path / "tool")
    import_annotations(
        kind, tmp_path / ("tool" if kind == "cvat" else f"tool/{'instances' if kind == 'coco' else 'tasks'}.json"),
        data / "frames", tmp_path / "again", **SPLIT,
    )  # fmt: skip
    before, after = people(data / "annotations"), people(tmp_path / "again")
    assert count["annotated people"] == len(before)
    # Whoever does two things is one track with a further one for the second action, and keeps the number of the first.
    assert {key[:3] for key in before} == {key[:3] for key in after}
    assert sum(key in after for key in before) >= len(before) - 1
    for key in before.keys() & after.keys():
        assert before[key] == pytest.approx(after[key], abs=1e-6)
    assert [(thing["category"], thing["subcategory"]) for thing in things(tmp_path / "again")] == [
        ("furniture", "chair")
    ]


def test_the_video_shows_the_frames_of_the_recording_and_the_pictures_those_of_the_keyframes(data, tmp_path):
    export_annotations("cvat", data, tmp_path / "video")
    export_annotations("coco", data, tmp_path / "pictures")
    (name, *_) = sorted(path.stem for path in (data / "frames").glob("*.h5"))
    with av.open(str(tmp_path / "video" / f"{name}.mp4")) as file:
        frames = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
    recording = Recording(data / "frames" / f"{name}.h5", (-40.0, 300.0), 20.0)
    assert len(frames) == recording.num_frames
    picture = sorted((tmp_path / "pictures" / "images").glob(f"{name}_*.png"))[0]
    of_file, of_video = np.asarray(Image.open(picture)).astype(float), frames[int(picture.stem[-6:])].astype(float)
    assert of_file.shape == of_video.shape
    assert np.corrcoef(of_file.ravel(), of_video.ravel())[0, 1] > 0.98
    others = [np.corrcoef(of_file.ravel(), frame.ravel())[0, 1] for frame in frames[:: len(frames) // 4].copy()]
    assert min(others) < 0.98


def write_predictions(data, path, scores):
    name = sorted(file.stem for file in (data / "frames").glob("*.h5"))[0]
    recording = Recording(data / "frames" / f"{name}.h5", (-40.0, 300.0), 20.0)
    lines = [
        {
            "recording": name,
            "timestamp": int(recording.timestamps[frame]),
            "track": 3,
            "box": [0.1, 0.2, 0.3, 0.6],
            "scores": scores,
        }
        for frame in (1, 2)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return name, lines


@pytest.mark.parametrize("kind", EXPORTS)
def test_predicted_people_are_suggested_where_nobody_was_annotated(data, tmp_path, kind):
    name, lines = write_predictions(data, tmp_path / "tracks.jsonl", {"sitting": 0.7, "standing": 0.2})
    wanted = {(name, lines[1]["timestamp"])}
    count = export_annotations(kind, data, tmp_path / "tool", predictions=tmp_path / "tracks.jsonl", moments=wanted)
    assert count["suggested people"] == 1
    text = "".join(path.read_text() for path in (tmp_path / "tool").iterdir() if path.suffix in (".xml", ".json"))
    assert "0.7" in text and "sitting" in text


def test_suggested_people_alone_become_annotations_once_they_are_reviewed(data, tmp_path):
    name, lines = write_predictions(data, tmp_path / "tracks.jsonl", {"sitting": 0.7, "standing": 0.2})
    export_annotations(
        "cvat", data, tmp_path / "tool", annotations=["none.json"], predictions=tmp_path / "tracks.jsonl"
    )
    import_annotations("cvat", tmp_path / "tool", data / "frames", tmp_path / "annotations", **SPLIT)
    found = people(tmp_path / "annotations")
    assert {key: pytest.approx(box, abs=1e-6) for key, box in found.items()} == {
        (name, frame, "sitting", 3): [0.2, 0.4, 0.2, 0.4] for frame in (1, 2)
    }


def test_what_is_imported_again_validates(data, tmp_path):
    export_annotations("coco", data, tmp_path / "tool")
    import_annotations(
        "coco", tmp_path / "tool" / "instances.json", data / "frames", tmp_path / "new" / "annotations", **SPLIT
    )
    (tmp_path / "new" / "frames").symlink_to(data / "frames")
    report = validate(tmp_path / "new", ["annotations/train.json"], ["annotations/val.json"])
    assert not report.of("problem")


def test_predictions_of_another_recording_are_refused_and_nothing_is_left(data, tmp_path):
    name, (line, _) = write_predictions(data, tmp_path / "tracks.jsonl", {"sitting": 1.0})
    (tmp_path / "tracks.jsonl").write_text(json.dumps({**line, "timestamp": 5}) + "\n")
    with pytest.raises(InputError, match=rf"{name} has no frame at 5 ms"):
        export_annotations("coco", data, tmp_path / "tool", predictions=tmp_path / "tracks.jsonl")
    assert not (tmp_path / "tool").exists()
