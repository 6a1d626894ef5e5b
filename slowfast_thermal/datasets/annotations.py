"""Annotation files: keyframes of recordings with people's boxes and actions.

The JSON holds `images` (id, sensor_id, timestamp in ms, frame_idx, and perhaps `objects`, each with a bbox
and perhaps a score), `annotations` (image_id, bbox, category_id) and `categories` (id, name). A bbox is
centre x, centre y, width, height, each divided by the image size.

Letters: R people and Q objects of a keyframe, C classes.
"""

import fnmatch
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slowfast_thermal.datasets.annotated_people import AnnotatedImage
from slowfast_thermal.datasets.boxes import CENTRE, BoxCollection
from slowfast_thermal.datasets.records import are_four_numbers, field, is_finite, read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import (
    CLASS_NAME,
    IMAGE_ID,
    LARGEST_WHOLE,
    RECORDING_NAME,
    is_class_name,
    is_image_id,
    is_recording_name,
    shortened,
)

# Makes a context for code that may raise InputError.
Guard = Callable[[], AbstractContextManager]


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
        size: width and height of the image in pixels, (0, 0) where the file does not tell them.
    """

    image_id: str | int
    where: str
    recording: str
    timestamp: int
    frame_index: int
    boxes: np.ndarray
    labels: np.ndarray
    objects: np.ndarray
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Annotations:
    """The keyframes of one or more annotation files.

    Attributes:
        classes: names in the order of their ids.
        keyframes: in the order of the files, also those without people.
        clipped: places of the boxes of people and objects that reached over the image's edge and were cut there.
        dropped: places of the boxes of which nothing lay inside the image.
        joined: places of the boxes that were taken for another action of a person annotated before with another box.
    """

    classes: list[str]
    keyframes: list[Keyframe]
    clipped: list[str]
    dropped: list[str]
    joined: list[str]

    @property
    def num_clipped(self) -> int:
        return len(self.clipped)

    @property
    def num_dropped(self) -> int:
        return len(self.dropped)


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
                raise InputError(
                    f"{where}: id {class_id} or name {shortened(name)} stands there twice: make both unique."
                )
            if not is_class_name(name):
                raise InputError(
                    f"{where}: the name {shortened(name)} is empty, too long, or has a quote, a line break or a control "
                    f"character: give {CLASS_NAME}."
                )
            classes[class_id] = name
    return dict(sorted(classes.items())) if len(classes) == len(categories) else None


def _read_box(annotation: object, where: str) -> list[int | float]:
    """The four numbers of a box."""
    box = field(annotation, "bbox", list, where)
    if not are_four_numbers(box):
        raise InputError(f"{where}: bbox is {shortened(box)}, but must be four finite numbers.")
    if min(box[2:]) <= 0:
        raise InputError(f"{where}: bbox {box} has a width or height that is not positive: correct or remove it.")
    return box


def _read_object(record: object, where: str) -> tuple[float, list[int | float]]:
    """Score and box of one of an image's objects."""
    box = _read_box(record, where)
    score = field(record, "score", (int, float), where) if "score" in record else 1.0
    if not is_finite(score):
        raise InputError(f"{where}: score is {shortened(score)}, but must be a finite number.")
    return score, box


def _read_size(image: dict, where: str) -> tuple[int, int]:
    """Width and height of an image in pixels, (0, 0) where the file does not tell them."""
    width, height = (field(image, key, int, where) if key in image else 0 for key in ("width", "height"))
    return (width, height) if 0 < width < 2**31 and 0 < height < 2**31 else (0, 0)


class _Reader:
    """Reads annotation files one after another; what each may not have in common with the others is kept here."""

    def __init__(self, guard: Guard):
        self.guard = guard
        self.classes: dict[int, str] | None = None
        self.keyframes: list[Keyframe] = []
        self.boxes: list[BoxCollection] = []
        self.joined: list[str] = []
        self._classes_path: Path | None = None
        self._seen_ids: dict[str | int, str] = {}
        self._seen_times: dict[tuple[str, int], str] = {}

    def read(self, path: Path) -> None:
        document = read_json(path)
        classes = None
        with self.guard():
            classes = _read_classes(document, path, self.guard)
            self._share_classes(classes, path)

        people, objects = BoxCollection(CENTRE), BoxCollection(CENTRE)
        self.boxes += [people, objects]
        images: dict[str | int, AnnotatedImage] = {}
        keyframes = []
        for position, record in enumerate(field(document, "images", list, str(path))):
            with self.guard():
                where = f"{path}, images[{position}]"
                image = images.setdefault(field(record, "id", (str, int), where), AnnotatedImage())
                image.size = _read_size(record, where)
                keyframes.append((self._read_image(record, where, image, objects), image))
        for position, annotation in enumerate(field(document, "annotations", list, str(path))):
            self._read_annotation(annotation, f"{path}, annotations[{position}]", classes, images, people)
        for keyframe, image in keyframes:
            boxes = np.array([person.box for person in image.people], np.float32).reshape(-1, 4)
            labels = np.zeros((len(boxes), len(classes or ())), np.float32)
            for row, person in zip(labels, image.people):
                row[list(person.actions)] = 1
            self.keyframes.append(replace(keyframe, boxes=boxes, labels=labels))
        for boxes, kind in ((people, "annotations"), (objects, "objects of the images")):
            with self.guard():
                boxes.check_convention(f"{path}, {kind}")

    def _share_classes(self, classes: dict[int, str] | None, path: Path) -> None:
        if self.classes is None:
            self.classes, self._classes_path = classes, path
        elif classes is not None and classes != self.classes:
            raise InputError(f"{path} has other categories than {self._classes_path}: give all files the same list.")

    def _read_image(self, record: dict, where: str, image: AnnotatedImage, objects: BoxCollection) -> Keyframe:
        """The keyframe without its people."""
        image_id = record["id"]
        recording = field(record, "sensor_id", str, where)
        timestamp = field(record, "timestamp", int, where)
        frame_index = field(record, "frame_idx", int, where)
        if abs(timestamp) > LARGEST_WHOLE:
            raise InputError(f"{where}: timestamp {shortened(timestamp)} is no time in milliseconds: correct it.")
        if not is_image_id(image_id):
            raise InputError(f"{where}: image id {shortened(image_id)} must be {IMAGE_ID}: rename the image.")
        if image_id in self._seen_ids:
            raise InputError(
                f"{where}: image id {image_id!r} stands in {self._seen_ids[image_id]} already: make ids unique."
            )
        if (recording, timestamp) in self._seen_times:
            raise InputError(
                f"{where}: {recording} has a keyframe at {timestamp} ms in {self._seen_times[recording, timestamp]} "
                "already: keep one of them."
            )
        if not is_recording_name(recording):
            raise InputError(
                f"{where}: sensor_id {shortened(recording)} names a recording file, so it must have {RECORDING_NAME}: "
                "rename the recording."
            )
        self._seen_ids[image_id] = self._seen_times[recording, timestamp] = where
        no_people = np.zeros((0, 4), np.float32), np.zeros((0, 0), np.float32)
        boxes = self._read_objects(record, where, image.size, objects)
        return Keyframe(image_id, where, recording, timestamp, frame_index, *no_people, boxes, image.size)

    def _read_objects(self, image: dict, where: str, size: tuple[int, int], objects: BoxCollection) -> np.ndarray:
        """(Q, 4) boxes in the order that `Keyframe` gives."""
        found = []
        for position, record in enumerate(field(image, "objects", list, where) if "objects" in image else []):
            place = f"{where}, objects[{position}]"
            with self.guard():
                score, whole = _read_object(record, place)
                if (box := objects.cut(whole, size, place)) is not None:
                    found.append((score, box))
        found.sort(key=lambda item: (item[0], (item[1][2] - item[1][0]) * (item[1][3] - item[1][1])), reverse=True)
        return np.array([box for _, box in found], np.float32).reshape(-1, 4)

    def _read_annotation(
        self, annotation: object, where: str, classes: dict[int, str] | None, images: dict, boxes: BoxCollection
    ) -> None:
        """Adds a box and its action to the people of its image; a person that is there already has one action more."""
        image = class_id = whole = None
        with self.guard():
            image_id = field(annotation, "image_id", (str, int), where)
            if image_id not in images:
                raise InputError(
                    f"{where}: image_id {shortened(image_id)} is no image of this file: add the image or remove this."
                )
            image = images[image_id]
        with self.guard():
            class_id = field(annotation, "category_id", int, where)
            if classes is not None and class_id not in classes:
                raise InputError(
                    f"{where}: category_id {shortened(class_id)} is not in the categories {shortened(list(classes))}."
                )
        with self.guard():
            whole = _read_box(annotation, where)
        if image is None or classes is None or class_id not in classes or whole is None:
            return
        if (box := boxes.cut(whole, image.size, where)) is not None:
            if image.add(box, list(classes).index(class_id), annotation.get("object_id")):
                self.joined.append(where)


def load_annotations(paths: Sequence[Path], guard: Guard = nullcontext) -> Annotations:
    """Reads annotation files that share one class list.

    Two annotations of one image with the same box are two actions of one person. So are two whose boxes differ as by
    rounding (an intersection over union of 0.9), or of 0.5 with the same `object_id`, but not with different ones.

    Args:
        paths: the files.
        guard: makes the context in which each file, record and part of a record is checked. One that suppresses
            InputError lets the reading go on, and what is faulty is left out.

    Raises:
        InputError: a missing file, invalid JSON, a record that does not fit, with its place, or boxes of which most are cut
            or dropped, or that seem to follow another convention.
    """
    reader = _Reader(guard)
    for path in paths:
        with guard():
            reader.read(path)
    clipped = [place for boxes in reader.boxes for place in boxes.clipped]
    dropped = [place for boxes in reader.boxes for place in boxes.dropped]
    return Annotations(list((reader.classes or {}).values()), reader.keyframes, clipped, dropped, reader.joined)


def of_recordings(keyframes: Sequence[Keyframe], patterns: Sequence[str]) -> list[Keyframe]:
    """The keyframes of recordings whose name matches one of the patterns, as of a shell."""
    return [k for k in keyframes if any(fnmatch.fnmatchcase(k.recording, pattern) for pattern in patterns)]


def moved(keyframes: Sequence[Keyframe], shift: Sequence[float]) -> list[Keyframe]:
    """The keyframes with people's boxes moved by x and y, divided by the image size, and cut at its edge.

    A box of which nothing would be left stays where it is.
    """

    def moved_boxes(boxes: np.ndarray) -> np.ndarray:
        inside = (boxes + np.tile(shift, 2)).clip(0, 1).astype(np.float32)
        return np.where((inside[:, 2:] > inside[:, :2]).all(axis=1, keepdims=True), inside, boxes)

    return [replace(k, boxes=moved_boxes(k.boxes)) for k in keyframes] if any(shift) else list(keyframes)


def count_boxes(keyframes: Sequence[Keyframe], num_classes: int) -> np.ndarray:
    """(C,) int64, people's boxes of each class."""
    labels = [keyframe.labels for keyframe in keyframes]
    return np.concatenate([np.zeros((0, num_classes)), *labels]).sum(axis=0).astype(np.int64)
