"""Annotation files: keyframes of recordings with people's boxes and actions.

The JSON holds `images` (id, sensor_id, timestamp in ms, frame_idx, and perhaps `objects`, each with a bbox
and perhaps a score), `annotations` (image_id, bbox, category_id) and `categories` (id, name). A bbox is
centre x, centre y, width, height, each divided by the image size.

Letters: R people and Q objects of a keyframe, C classes.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slowfast_thermal.errors import InputError

# Makes a context for code that may raise InputError.
Guard = Callable[[], AbstractContextManager]

# By how much of the image's size a box that ends at its edge may miss it.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Keyframe:
    """One annotated frame.

    Attributes:
        image_id: as in the file.
        where: file and place of the image in it.
        recording: name of the recording, the image's `sensor_id`.
        timestamp: milliseconds.
        frame_index: of the frame in the recording.
        boxes: (R, 4) float32 x1, y1, x2, y2, each divided by the image size, inside the image.
        labels: (R, C) float32, 1 for a person's actions.
        objects: (Q, 4) float32, boxes of furniture and things like those of people; the highest score first
            (a record without one has 1), then the largest.
    """

    image_id: str
    where: str
    recording: str
    timestamp: int
    frame_index: int
    boxes: np.ndarray
    labels: np.ndarray
    objects: np.ndarray


@dataclass(frozen=True)
class Annotations:
    """The keyframes of one or more annotation files.

    Attributes:
        classes: names in the order of their ids.
        keyframes: in the order of the files, also those without people.
        clipped: places of the boxes of people and objects that reached over the image's edge and were cut there.
        dropped: places of the boxes of which nothing lay inside the image.
    """

    classes: list[str]
    keyframes: list[Keyframe]
    clipped: list[str]
    dropped: list[str]

    @property
    def num_clipped(self) -> int:
        return len(self.clipped)

    @property
    def num_dropped(self) -> int:
        return len(self.dropped)


def read_json(path: Path) -> object:
    """What a JSON file holds. Raises InputError if there is none or it is not valid."""
    if not path.is_file():
        raise InputError(f"File '{path}' does not exist: check DATA.PATH_TO_DATA_DIR and the names under it.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}): write it again.") from None


def field(record: object, key: str, kind: type | tuple[type, ...], where: str) -> object:
    """`record[key]` if it is of the kind; an integer passes as a float, a boolean never as a number."""
    if not isinstance(record, dict) or key not in record:
        raise InputError(f"{where} has no '{key}': add it.")
    value = record[key]
    if isinstance(value, bool) or not isinstance(value, kind):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{where}: '{key}' is {value!r}, but must be of type {names}.")
    return value


def _read_classes(document: dict, path: Path, guard: Guard) -> dict[int, str] | None:
    """Names by id, in the order of the ids; None if the guard let a faulty category pass."""
    categories = field(document, "categories", list, str(path))
    if not categories:
        raise InputError(f"{path} lists no categories: name the classes there.")
    classes = {}
    for position, category in enumerate(categories):
        with guard():
            where = f"{path}, categories[{position}]"
            class_id, name = field(category, "id", int, where), field(category, "name", str, where)
            if class_id in classes or name in classes.values():
                raise InputError(f"{where}: id {class_id} or name '{name}' stands there twice: make both unique.")
            if not name.strip() or any(c in name for c in '"\n\r'):
                raise InputError(f"{where}: the name {name!r} is empty or has a quote or line break: rename the class.")
            classes[class_id] = name
    return dict(sorted(classes.items())) if len(classes) == len(categories) else None


def _is_finite(number: int | float) -> bool:
    """Whether a number read from JSON, where integers may be of any size, is one as a float."""
    return abs(number) <= sys.float_info.max


def are_four_numbers(box: list) -> bool:
    """Whether a box read from JSON is four finite numbers."""
    return len(box) == 4 and all(isinstance(v, (int, float)) and not isinstance(v, bool) and _is_finite(v) for v in box)


def _read_box(annotation: object, where: str) -> np.ndarray:
    """(4,) x1, y1, x2, y2, not yet cut at the image's edges."""
    box = field(annotation, "bbox", list, where)
    if not are_four_numbers(box):
        raise InputError(f"{where}: bbox is {box}, but must be four finite numbers.")
    x, y, width, height = box
    if width <= 0 or height <= 0:
        raise InputError(f"{where}: bbox {box} has a width or height that is not positive: correct or remove it.")
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def _read_object(record: object, where: str) -> tuple[float, np.ndarray]:
    """Score and box, not yet cut, of one of an image's objects."""
    box = _read_box(record, where)
    score = field(record, "score", (int, float), where) if "score" in record else 1.0
    if not _is_finite(score):
        raise InputError(f"{where}: score is {score}, but must be a finite number.")
    return score, box


class _Reader:
    """Reads annotation files one after another; what each may not have in common with the others is kept here."""

    def __init__(self, guard: Guard):
        self.guard = guard
        self.classes: dict[int, str] | None = None
        self.keyframes: list[Keyframe] = []
        self.clipped: list[str] = []
        self.dropped: list[str] = []
        self._classes_path: Path | None = None
        self._seen_ids: dict[str | int, str] = {}
        self._seen_times: dict[tuple[str, int], str] = {}

    def read(self, path: Path) -> None:
        document = read_json(path)
        classes = None
        with self.guard():
            classes = _read_classes(document, path, self.guard)
            self._share_classes(classes, path)

        # People of each image as {box: labels}, of faulty images too, so that their annotations are no fault of their own.
        people: dict[str | int, dict[tuple, np.ndarray]] = {}
        keyframes = []
        for position, image in enumerate(field(document, "images", list, str(path))):
            with self.guard():
                where = f"{path}, images[{position}]"
                in_image = people.setdefault(field(image, "id", (str, int), where), {})
                keyframes.append((self._read_image(image, where), in_image))
        for position, annotation in enumerate(field(document, "annotations", list, str(path))):
            self._read_annotation(annotation, f"{path}, annotations[{position}]", classes, people)
        for keyframe, in_image in keyframes:
            boxes = np.array(list(in_image), np.float32).reshape(-1, 4)
            labels = np.array(list(in_image.values()), np.float32).reshape(len(boxes), len(classes or ()))
            self.keyframes.append(replace(keyframe, boxes=boxes, labels=labels))

    def _share_classes(self, classes: dict[int, str] | None, path: Path) -> None:
        if self.classes is None:
            self.classes, self._classes_path = classes, path
        elif classes is not None and classes != self.classes:
            raise InputError(f"{path} has other categories than {self._classes_path}: give all files the same list.")

    def _read_image(self, image: dict, where: str) -> Keyframe:
        """The keyframe without its people."""
        image_id = image["id"]
        recording = field(image, "sensor_id", str, where)
        timestamp = field(image, "timestamp", int, where)
        frame_index = field(image, "frame_idx", int, where)
        if abs(timestamp) >= 2**53:
            raise InputError(f"{where}: timestamp {timestamp} is no time in milliseconds: correct it.")
        if image_id in self._seen_ids:
            raise InputError(
                f"{where}: image id '{image_id}' stands in {self._seen_ids[image_id]} already: make ids unique."
            )
        if (recording, timestamp) in self._seen_times:
            raise InputError(
                f"{where}: {recording} has a keyframe at {timestamp} ms in {self._seen_times[recording, timestamp]} "
                "already: keep one of them."
            )
        if not recording or any(c.isspace() or c in ",/\\" for c in recording):
            raise InputError(
                f"{where}: sensor_id {recording!r} names a recording file, so it must not be empty nor hold "
                "spaces, commas or slashes: rename the recording."
            )
        self._seen_ids[image_id] = self._seen_times[recording, timestamp] = where
        no_people = np.zeros((0, 4), np.float32), np.zeros((0, 0), np.float32)
        objects = self._read_objects(image, where)
        return Keyframe(str(image_id), where, recording, timestamp, frame_index, *no_people, objects)

    def _read_objects(self, image: dict, where: str) -> np.ndarray:
        """(Q, 4) boxes in the order that `Keyframe` gives."""
        objects = []
        for position, record in enumerate(field(image, "objects", list, where) if "objects" in image else []):
            place = f"{where}, objects[{position}]"
            with self.guard():
                score, whole = _read_object(record, place)
                if (box := self._cut(whole, place)) is not None:
                    objects.append((score, box))
        objects.sort(key=lambda item: (item[0], (item[1][2] - item[1][0]) * (item[1][3] - item[1][1])), reverse=True)
        return np.array([box for _, box in objects], np.float32).reshape(-1, 4)

    def _read_annotation(self, annotation: object, where: str, classes: dict[int, str] | None, people: dict) -> None:
        """Adds a box and its action to the people of its image; a box that is there already has one action more."""
        in_image = class_id = whole = None
        with self.guard():
            image_id = field(annotation, "image_id", (str, int), where)
            if image_id not in people:
                raise InputError(
                    f"{where}: image_id '{image_id}' is no image of this file: add the image or remove this."
                )
            in_image = people[image_id]
        with self.guard():
            class_id = field(annotation, "category_id", int, where)
            if classes is not None and class_id not in classes:
                raise InputError(f"{where}: category_id {class_id} is not in the categories {list(classes)}.")
        with self.guard():
            whole = _read_box(annotation, where)
        if in_image is None or classes is None or class_id not in classes or whole is None:
            return
        if (box := self._cut(whole, where)) is not None:
            labels = in_image.setdefault(tuple(box), np.zeros(len(classes), np.float32))
            labels[list(classes).index(class_id)] = 1

    def _cut(self, box: np.ndarray, where: str) -> np.ndarray | None:
        """The part of a box inside the image, None if there is none."""
        inside = np.clip(box, 0, 1)
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            self.dropped.append(where)
            return None
        if np.abs(inside - box).max() > _ROUNDING:
            self.clipped.append(where)
        return inside


def load_annotations(paths: Sequence[Path], guard: Guard = nullcontext) -> Annotations:
    """Reads annotation files that share one class list.

    Two annotations of one image with the same box are two actions of one person.

    Args:
        paths: the files.
        guard: makes the context in which each file, record and part of a record is checked. One that suppresses
            InputError lets the reading go on, and what is faulty is left out.

    Raises:
        InputError: a missing file, invalid JSON, or a record that does not fit, with its place.
    """
    reader = _Reader(guard)
    for path in paths:
        with guard():
            reader.read(path)
    return Annotations(list((reader.classes or {}).values()), reader.keyframes, reader.clipped, reader.dropped)


def count_boxes(keyframes: Sequence[Keyframe], num_classes: int) -> np.ndarray:
    """(C,) int64, people's boxes of each class."""
    labels = [keyframe.labels for keyframe in keyframes]
    return np.concatenate([np.zeros((0, num_classes)), *labels]).sum(axis=0).astype(np.int64)


def load_detections(
    path: Path, keyframes: list[Keyframe], image_sizes: dict[str, tuple[int, int]], min_score: float
) -> list[np.ndarray]:
    """Detected people for each keyframe.

    Args:
        path: AVA's predicted boxes as CSV (recording, timestamp in ms, x1, y1, x2, y2 divided by the image
            size, an ignored label, score), or COCO's results as JSON (image_id, bbox as x, y, width, height in
            pixels, score).
        keyframes: for which detections are wanted; others in the file are ignored.
        image_sizes: height and width in pixels by recording.
        min_score: detections that score less are left out.

    Returns:
        For each keyframe (R, 4) float32 x1, y1, x2, y2 divided by the image size, inside the image.

    Raises:
        InputError: a missing file, or a record that does not fit.
    """
    if path.suffix == ".json":
        found = _read_coco_results(path, keyframes, image_sizes, min_score)
    else:
        found = _read_ava_boxes(path, keyframes, min_score)
    boxes = []
    for keyframe in keyframes:
        clipped = np.clip(np.array(found[keyframe.image_id], np.float32).reshape(-1, 4), 0, 1)
        boxes.append(clipped[(clipped[:, 0] < clipped[:, 2]) & (clipped[:, 1] < clipped[:, 3])])
    return boxes


def _read_coco_results(
    path: Path, keyframes: list[Keyframe], image_sizes: dict[str, tuple[int, int]], min_score: float
) -> dict[str, list]:
    found = {keyframe.image_id: [] for keyframe in keyframes}
    recordings = {keyframe.image_id: keyframe.recording for keyframe in keyframes}
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} is no list of COCO results: give [{{image_id, bbox, score}}, ...].")
    for position, record in enumerate(document):
        where = f"{path}, record {position}"
        image_id = str(field(record, "image_id", (str, int), where))
        score = field(record, "score", (int, float), where)
        box = field(record, "bbox", list, where)
        if not are_four_numbers(box) or min(box[2:]) <= 0:
            raise InputError(
                f"{where}: bbox is {box}, but must be x, y, width, height in pixels, the last two positive."
            )
        if image_id in found and score >= min_score:
            height, width = image_sizes[recordings[image_id]]
            x, y, w, h = box
            found[image_id].append([x / width, y / height, (x + w) / width, (y + h) / height])
    return found


def _read_ava_boxes(path: Path, keyframes: list[Keyframe], min_score: float) -> dict[str, list]:
    if not path.is_file():
        raise InputError(f"File '{path}' does not exist: check THERMAL.TEST_DETECTIONS.")
    found = {keyframe.image_id: [] for keyframe in keyframes}
    ids = {(keyframe.recording, keyframe.timestamp): keyframe.image_id for keyframe in keyframes}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            recording, timestamp, *box, _label, score = line.split(",")
            box, score = [float(v) for v in box], float(score)
            key = (recording, int(timestamp))
            if len(box) != 4 or not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
                raise ValueError
        except ValueError:
            raise InputError(
                f"{path}, line {number}: '{line[:80]}' is not 'recording,timestamp,x1,y1,x2,y2,label,score' "
                "with x1 < x2 and y1 < y2."
            ) from None
        if key in ids and score >= min_score:
            found[ids[key]].append(box)
    return found
