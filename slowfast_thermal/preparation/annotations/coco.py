"""COCO's JSON (https://cocodataset.org/#format-data): `images`, `annotations` with `bbox` left, top, width, height, `categories`."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from slowfast_thermal.datasets.records import are_four_numbers, field, read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import (
    AnnotatedFrame,
    Contents,
    LabelledBox,
    corners,
    enclosing,
    number_of,
    size_of,
)
from slowfast_thermal.user_input import LARGEST_WHOLE, shortened

# Where tools keep what number a person has.
_TRACKS = ("track_id", "object_id", "instance_id")


def read(path: Path) -> Contents:
    """The images of a file, those without boxes too.

    Raises:
        InputError: it is not valid, or a record does not fit.
    """
    document = read_json(path)
    images, skipped, notes = {}, Counter(), Counter()
    for position, image in enumerate(field(document, "images", list, str(path))):
        where = f"{path}, images[{position}]"
        size = size_of(*(field(image, key, (int, float), where) for key in ("width", "height")), where)
        number = field(image, "id", (int, str), where)
        if number in images:
            raise InputError(f"{where}: another image has the id {shortened(number)} too: give each its own.")
        images[number] = AnnotatedFrame(where, field(image, "file_name", str, where), None), size
    labels = {}
    for position, category in enumerate(field(document, "categories", list, str(path))):
        where = f"{path}, categories[{position}]"
        labels[field(category, "id", int, where)] = field(category, "name", str, where)
    for position, annotation in enumerate(field(document, "annotations", list, str(path))):
        where = f"{path}, annotations[{position}]"
        image_id, label = field(annotation, "image_id", (int, str), where), field(annotation, "category_id", int, where)
        if image_id not in images or label not in labels:
            raise InputError(
                f"{where}: image_id {shortened(image_id)} or category_id {shortened(label)} stands nowhere else in the file: "
                "export it again."
            )
        frame, size = images[image_id]
        if annotation.get("iscrowd") == 1:
            skipped["a crowd, not a person"] += 1
            continue
        box = field(annotation, "bbox", list, where)
        if not are_four_numbers(box):
            raise InputError(f"{where}: bbox is {shortened(box)}, but must be four finite numbers.")
        attributes = annotation.get("attributes", {})
        if not isinstance(attributes, dict):
            raise InputError(f"{where}: attributes are {shortened(attributes)}, but must be an object.")
        if turned := number_of(attributes.get("rotation") or 0, f"{where}, rotation"):
            box = enclosing(*box, turned, about_corner=False)
            notes["turned boxes, of which the upright box around them was taken"] += 1
        told = (each.get(key) for key in _TRACKS for each in (annotation, attributes))
        track = next((value for value in told if type(value) is int and abs(value) <= LARGEST_WHOLE), None)
        texts = {
            key: _text(value) for key, value in attributes.items() if key not in ("rotation", "occluded", *_TRACKS)
        }
        score = annotation.get("score")
        frame.boxes.append(LabelledBox(corners(*box, size), labels[label], texts, track, score))
    return Contents([frame for frame, _ in images.values()], skipped, notes)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def write(
    folder: Path, frames: Sequence[tuple[str, tuple[int, int], list[LabelledBox]]], classes: Sequence[str]
) -> None:
    """Writes `instances.json`: an annotation for each action of each person, with `track_id`, and `score` of what was predicted.

    Args:
        folder: with the pictures in `images`.
        frames: name, width and height, and boxes of each picture.
        classes: the actions.
    """
    names = [*classes, *sorted({box.label for _, _, boxes in frames for box in boxes} - set(classes))]
    document = {
        "images": [],
        "annotations": [],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
    }
    for number, (name, (width, height), boxes) in enumerate(frames, start=1):
        document["images"].append({"id": number, "file_name": name, "width": width, "height": height})
        for box in boxes:
            x1, y1, x2, y2 = (round(value * side, 4) for value, side in zip(box.corners, (width, height) * 2))
            record = {
                "id": len(document["annotations"]) + 1,
                "image_id": number,
                "category_id": names.index(box.label) + 1,
            }
            record |= {
                "bbox": [x1, y1, round(x2 - x1, 4), round(y2 - y1, 4)],
                "area": round((x2 - x1) * (y2 - y1), 4),
                "iscrowd": 0,
            }
            told = dict(box.attributes) | ({} if box.track is None else {"track_id": box.track})
            record |= {"attributes": told} if told else {}
            document["annotations"].append(record if box.score is None else {**record, "score": round(box.score, 4)})
    (folder / "instances.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
