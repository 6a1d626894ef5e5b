"""Annotation files from what annotators left: keyframes matched to frames and split into train and val.

People become the annotations of an image, furniture and objects a list in the image itself. Where the records come from, see
`annotations`.

Letters: N frames of a recording.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.records import are_four_numbers
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import THINGS
from slowfast_thermal.preparation.folders import new_folder
from slowfast_thermal.preparation.splits import (
    SESSION_PATTERN,
    check_split,
    draw_val,
    keyframes_in_both,
    write_annotation_files,
)
from slowfast_thermal.user_input import CLASS_NAME, is_class_name, shortened


class Summary(NamedTuple):
    """What a conversion found.

    Attributes:
        num_keyframes: for "train" and "val".
        num_boxes: for "train" and "val", people's boxes of each class.
        num_things: for "train" and "val", boxes of each furniture and object that occurs.
        skipped_keyframes: number of records left out for each reason.
        skipped_boxes: number of boxes left out for each reason, in the keyframes that were kept.
    """

    num_keyframes: dict[str, int]
    num_boxes: dict[str, dict[str, int]]
    num_things: dict[str, dict[str, int]]
    skipped_keyframes: dict[str, int]
    skipped_boxes: dict[str, int]


class Record(NamedTuple):
    """One annotated frame.

    Attributes:
        recording: its name.
        time: milliseconds on the recording's clock; None: `frame` is its index in the recording.
        frame: see `time`.
        annotations: each with `bbox` (centre x, centre y, width, height, divided by the image size), `category` (person, furniture
            or object) and `subcategory` (a person's action, or what thing it is); `object_id` is the same for a person throughout.
        extra: goes into the image as it is.
    """

    recording: str
    time: int | None
    frame: int | None
    annotations: list[dict]
    extra: Mapping[str, object] = {}


class _Keyframe(NamedTuple):
    """An image of the annotation file and its people's annotations, still without their ids."""

    image: dict
    people: list[dict]


def _match(
    records: Iterable[Record], recording: Recording, tolerance: int, skipped: Counter
) -> Iterator[tuple[Record, int]]:
    """The records of a recording that have a frame to themselves, with their time and the frame's index; the first one takes it."""
    times, frames = set(), set()
    for record in records:
        if record.time is None:
            frame = record.frame
            if not 0 <= frame < recording.num_frames:
                skipped["the recording has no frame of this number"] += 1
                continue
            record = record._replace(time=int(recording.timestamps[frame]))
        else:
            distances = np.abs(recording.timestamps - record.time)
            frame = int(distances.argmin())
            if distances[frame] > tolerance:
                skipped[f"no frame within {tolerance} ms"] += 1
                continue
        if record.time in times:
            skipped["its time has a keyframe already"] += 1
        elif frame in frames:
            skipped["its frame has a keyframe already"] += 1
        else:
            times.add(record.time)
            frames.add(frame)
            yield record, frame


def _box_fault(box: list) -> str | None:
    """Why a box cannot be used, None if it can. Those that reach over the image's edge are cut when they are loaded."""
    if not are_four_numbers(box):
        return "bbox is not four finite numbers"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return "bbox has a width or height that is not positive"
    if abs(x - 0.5) >= (1 + width) / 2 or abs(y - 0.5) >= (1 + height) / 2:
        return "bbox lies outside the image"
    return None


def _to_keyframe(
    record: Record, frame: int, recording: Recording, classes: Sequence[str] | None, skipped: Counter
) -> _Keyframe:
    """Sorts people, furniture and objects of a record; any class will do where there is no list."""
    people, objects = [], []
    for annotation in record.annotations:
        category, subcategory = annotation["category"], annotation["subcategory"]
        if category not in ("person", *THINGS):
            skipped[f"category '{category}' is not person, furniture or object"] += 1
        elif fault := _box_fault(annotation["bbox"]):
            skipped[fault] += 1
        elif category in THINGS:
            objects.append({"bbox": annotation["bbox"], "category": category, "subcategory": subcategory})
        elif classes is not None and subcategory not in classes:
            skipped[f"person's subcategory '{subcategory}' is not in the class list"] += 1
        else:
            kept = {key: annotation[key] for key in ("object_id", "attribute_obscured") if key in annotation}
            people.append({"bbox": annotation["bbox"], "category_name": subcategory, **kept})
    image = {"id": f"{record.recording}_{record.time}", "sensor_id": record.recording, **record.extra}
    image |= {"timestamp": record.time, "width": recording.width, "height": recording.height, "frame_idx": frame}
    return _Keyframe({**image, "objects": objects}, people)


def _to_keyframes(
    records: list[Record],
    frames_dir: Path,
    classes: Sequence[str] | None,
    tolerance: int,
    skipped_keyframes: Counter,
    skipped_boxes: Counter,
) -> list[_Keyframe]:
    """Keyframes in the order of recordings and time, with what was left out added to the counts."""
    keyframes = []
    in_order = sorted(
        records, key=lambda record: (record.recording, record.frame if record.time is None else record.time)
    )
    for name, group in itertools.groupby(in_order, key=lambda record: record.recording):
        path = frames_dir / f"{name}.h5"
        if not path.is_file():
            skipped_keyframes[f"there is no recording {path.name}"] += len(list(group))
            continue
        # Only the frames' times and size are used, so any temperature and unit will do.
        recording = Recording(path, (-math.inf, math.inf), 0.0, "celsius")
        for record, frame in _match(group, recording, tolerance, skipped_keyframes):
            keyframes.append(_to_keyframe(record, frame, recording, classes, skipped_boxes))
    return keyframes


def _given_split(folder: Path) -> dict[tuple[str, int], bool]:
    """Whether a keyframe, named by recording and time, is in val and not in train of the annotation files in a folder."""
    train, val = (load_annotations([folder / f"{part}.json"]).keyframes for part in ("train", "val"))
    for keyframe in keyframes_in_both(train, val):
        raise InputError(
            f"{folder / 'val.json'}: {keyframe.recording} at {keyframe.timestamp} ms is in train.json too: remove "
            "it from one of them."
        )
    return {
        (keyframe.recording, keyframe.timestamp): in_val
        for in_val, part in ((False, train), (True, val))
        for keyframe in part
    }


def _split_as(keyframes: list[_Keyframe], folder: Path, skipped: Counter) -> tuple[list[_Keyframe], list[bool]]:
    """The keyframes that annotation files hold, and for each whether it is in their val; the others are counted."""
    given = _given_split(folder)
    times = [(keyframe.image["sensor_id"], keyframe.image["timestamp"]) for keyframe in keyframes]
    kept = [(keyframe, given[time]) for keyframe, time in zip(keyframes, times) if time in given]
    if len(kept) < len(keyframes):
        skipped[f"not in {folder}"] += len(keyframes) - len(kept)
    is_val = [in_val for _, in_val in kept]
    if len(set(is_val)) < 2:
        raise InputError(
            f"{folder} puts none of the keyframes into train or none into val: give annotation files of these recordings."
        )
    return [keyframe for keyframe, _ in kept], is_val


def _check_classes(classes: Sequence[str], source: str) -> None:
    if not classes:
        raise InputError(f"{source} name no class: list at least one person's subcategory.")
    for name in classes:
        if not isinstance(name, str) or not is_class_name(name):
            raise InputError(
                f"{source} name the class {shortened(name)}, which is empty, too long, or has a quote, a line break or a "
                f"control character: give {CLASS_NAME}."
            )
    if len(set(classes)) < len(classes):
        raise InputError(f"{source} name a class twice: make the names unique.")


def read_class_list(path: str | Path) -> list[str]:
    """Class names in the order of their ids, from a JSON list or the list `classes` of a JSON object.

    Raises:
        InputError: no such file, or it holds no class list.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Class list '{path}' does not exist: correct its name.")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}): write it again.") from None
    classes = document.get("classes") if isinstance(document, dict) else document
    if not isinstance(classes, list):
        raise InputError(f"{path} holds no class list: give a list of names, alone or as 'classes' of an object.")
    _check_classes(classes, f"The classes of {path}")
    return classes


def _to_documents(keyframes: list[_Keyframe], is_val: list[bool], classes: Sequence[str]) -> dict[str, dict]:
    """What "train" and "val" hold; annotations are numbered over both."""
    categories = [{"id": index, "name": name} for index, name in enumerate(classes)]
    documents = {part: {"images": [], "annotations": [], "categories": categories} for part in ("train", "val")}
    num_people = 0
    for (image, people), in_val in zip(keyframes, is_val):
        document = documents["val" if in_val else "train"]
        document["images"].append(image)
        for person in people:
            ids = {"id": num_people, "image_id": image["id"], "bbox": person["bbox"]}
            document["annotations"].append({**ids, "category_id": classes.index(person["category_name"]), **person})
            num_people += 1
    return documents


def _summarize(
    documents: dict[str, dict], classes: Sequence[str], skipped_keyframes: Counter, skipped_boxes: Counter
) -> Summary:
    boxes, things = {}, {}
    for part, document in documents.items():
        counts = Counter(person["category_name"] for person in document["annotations"])
        boxes[part] = {name: counts[name] for name in classes}
        things[part] = dict(Counter(thing["subcategory"] for image in document["images"] for thing in image["objects"]))
    num_keyframes = {part: len(document["images"]) for part, document in documents.items()}
    return Summary(num_keyframes, boxes, things, dict(skipped_keyframes), dict(skipped_boxes))


def convert(
    records: Callable[[], Sequence[Record]],
    frames_dir: str | Path,
    output_dir: str | Path,
    *,
    source: str,
    remedy: str,
    classes: Sequence[str] | None = None,
    tolerance: int = 50,
    split: str = "session",
    session_pattern: str = SESSION_PATTERN,
    val_fraction: float = 0.2,
    seed: int = 0,
    split_as: str | Path | None = None,
    skipped_keyframes: Counter | None = None,
    skipped_boxes: Counter | None = None,
) -> Summary:
    """Writes `train.json` and `val.json` from annotated frames and recordings.

    They have the format that `annotations.load_annotations` reads; besides, every image has a list `objects` of
    {"bbox", "category" (furniture or object), "subcategory"}, with boxes as those of people. An image's `timestamp` is
    the record's time and its `frame_idx` the frame nearest to that, the earlier one of two. Of records that meet in a
    time or frame the first stays. Keyframes without people stay too. The same input gives the same files. Nothing is
    left behind if the conversion fails.

    Args:
        records: reads the annotated frames, once all else is known to be right.
        frames_dir: folder of recordings `NAME.h5`.
        output_dir: a folder that does not exist yet or is empty.
        source: where the records are from, and
        remedy: what to look at if nobody is left of them, for messages.
        classes: names in the order of their ids, from 0; people with another subcategory are left out. None takes
            all that occur, sorted.
        tolerance: how far the nearest frame may be from a keyframe's time, milliseconds.
        split: what train and val do not share: "keyframe", "recording" or "session".
        session_pattern: regular expression for a recording's whole name, whose first group is the session.
        val_fraction: fraction of the keyframes, recordings or sessions for val; each split has at least one.
        seed: of the draw.
        split_as: folder of a `train.json` and a `val.json`. Their keyframes, by recording and time, go where they are
            there, the others are left out, and nothing is drawn.
        skipped_keyframes, skipped_boxes: what `records` left out, and why; counted on.

    Raises:
        InputError: the output folder holds something already; a file, a line or a setting is wrong; nobody is left
            to write; or there are too few keyframes, recordings or sessions to split.
    """
    frames_dir = Path(frames_dir)
    if tolerance < 0:
        raise InputError(f"A tolerance of {tolerance} ms: choose 0 or a positive number.")
    check_split(split, session_pattern, val_fraction, seed)
    if classes is not None:
        _check_classes(classes, "The classes")
    if not frames_dir.is_dir():
        raise InputError(f"Folder of recordings '{frames_dir}' does not exist: correct its name.")
    skipped_keyframes = Counter() if skipped_keyframes is None else skipped_keyframes
    skipped_boxes = Counter() if skipped_boxes is None else skipped_boxes
    with new_folder(output_dir) as root:
        keyframes = _to_keyframes(records(), frames_dir, classes, tolerance, skipped_keyframes, skipped_boxes)
        found = sorted({person["category_name"] for keyframe in keyframes for person in keyframe.people})
        if not found:
            reasons = [f"{reason} ({count} times)" for reason, count in (skipped_keyframes + skipped_boxes).items()]
            raise InputError(f"{source} gives no person's box ({'; '.join(reasons) or 'there are none'}): {remedy}.")
        if classes is None:
            classes = found
            _check_classes(classes, f"The people's actions in {source}")
        if split_as is None:
            is_val = draw_val([keyframe.image for keyframe in keyframes], split, session_pattern, val_fraction, seed)
            origin = f"split by {split}, seed {seed}"
        else:
            keyframes, is_val = _split_as(keyframes, Path(split_as), skipped_keyframes)
            origin = f"split as {split_as}"
        documents = _to_documents(keyframes, is_val, classes)
        write_annotation_files(root, documents, origin)
    return _summarize(documents, classes, skipped_keyframes, skipped_boxes)
