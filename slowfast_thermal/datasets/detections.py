"""People that a detector found, for keyframes: AVA's predicted boxes as CSV, or COCO's results as JSON."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.boxes import CORNERS, LEFT_TOP_PIXELS, BoxCollection
from slowfast_thermal.datasets.records import are_four_numbers, field, is_finite, read_csv, read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import is_file, shortened

# Detectors name the second of a keyframe; this is how far its milliseconds may be from that.
_SECOND = 1000


class _Record(NamedTuple):
    """One detection: place in the file, what names the keyframe there, box and score."""

    where: str
    key: str | int | tuple[str, int]
    box: list[float]
    score: float


class Detections(NamedTuple):
    """Detected people.

    boxes: for each keyframe (R, 4) float32 x1, y1, x2, y2 divided by the image size, inside the image.
    summary: how many records were read, how many matched, and why the others were left out, in words.
    """

    boxes: list[np.ndarray]
    summary: str


def load_detections(
    path: Path, keyframes: list[Keyframe], image_sizes: dict[str, tuple[int, int]], min_score: float
) -> Detections:
    """Detected people for each keyframe.

    Args:
        path: AVA's predicted boxes as CSV (recording, timestamp in ms, x1, y1, x2, y2 divided by the image
            size, an ignored label, score), or COCO's results as JSON (image_id, bbox as x, y, width, height in
            pixels, score).
        keyframes: for which detections are wanted; others in the file are left out.
        image_sizes: height and width in pixels by recording.
        min_score: detections that score less are left out.

    Raises:
        InputError: a missing file, a record that does not fit, boxes of another convention, or no record is left.
    """
    is_coco = path.suffix == ".json"
    keys = [keyframe.image_id if is_coco else (keyframe.recording, keyframe.timestamp) for keyframe in keyframes]
    found: dict[object, list[np.ndarray]] = {key: [] for key in keys}
    sizes = {key: image_sizes[keyframe.recording][::-1] for key, keyframe in zip(keys, keyframes)}
    boxes = BoxCollection(LEFT_TOP_PIXELS if is_coco else CORNERS)
    foreign: list[object] = []
    num_read = num_low = 0
    for record in _read_coco_results(path) if is_coco else _read_ava_boxes(path):
        num_read += 1
        if record.key not in found:
            foreign.append(record.key)
        elif record.score < min_score:
            num_low += 1
        elif (box := boxes.cut(record.box, sizes[record.key], record.where)) is not None:
            found[record.key].append(box)
    boxes.check_convention(str(path))

    num_matched = sum(map(len, found.values()))
    reasons = {
        f"{num_low} score below AVA.DETECTION_SCORE_THRESH ({min_score:g})": num_low,
        f"{len(foreign)} are of no keyframe here ({_describe(foreign, keyframes)})": len(foreign),
        f"{len(boxes.dropped)} lie outside the image": len(boxes.dropped),
    }
    left_out = "; ".join(reason for reason, count in reasons.items() if count) or "none was left out"
    summary = f"{path}: {num_matched} of {num_read} records are people of these {len(keyframes)} keyframes; {left_out}"
    if not num_read:
        raise InputError(f"{path} holds no records: run the detector again, or empty THERMAL.TEST_DETECTIONS.")
    if not num_matched:
        most = max(reasons, key=reasons.get)
        remedy = (
            "lower the threshold" if most.startswith(f"{num_low} score") else "give the detections of these recordings"
        )
        raise InputError(f"{summary}: {remedy}.")
    return Detections([np.array(found[key], np.float32).reshape(-1, 4) for key in keys], summary)


def _describe(foreign: list[object], keyframes: list[Keyframe]) -> str:
    """What of records of no keyframe tells most about them: seconds for milliseconds, text for numbers, or the first name."""
    if not foreign:
        return ""
    times = {(keyframe.recording, keyframe.timestamp // _SECOND) for keyframe in keyframes}
    times |= {(recording, second + 1) for recording, second in times}
    ids = {str(keyframe.image_id) for keyframe in keyframes}
    if sum(key in times for key in foreign if isinstance(key, tuple)) > len(foreign) / 2:
        return f"such as {foreign[0][0]} at {foreign[0][1]}, which seems to be in seconds, and must be in milliseconds"
    if sum(str(key) in ids for key in foreign) > len(foreign) / 2:
        kind = "a number" if isinstance(foreign[0], int) else "text"
        return f"such as image_id {foreign[0]!r}, which is {kind} here and not in the annotations"
    if isinstance(foreign[0], tuple):
        return f"such as {shortened(foreign[0][0])} at {shortened(foreign[0][1])} ms"
    return f"such as image_id {shortened(foreign[0])}"


def _read_coco_results(path: Path) -> Iterator[_Record]:
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} is no list of COCO results: give [{{image_id, bbox, score}}, ...].")
    for position, record in enumerate(document):
        where = f"{path}, record {position}"
        image_id = field(record, "image_id", (str, int), where)
        score = field(record, "score", (int, float), where)
        box = field(record, "bbox", list, where)
        if not are_four_numbers(box) or min(box[2:]) <= 0:
            raise InputError(
                f"{where}: bbox is {shortened(box)}, but must be x, y, width, height in pixels, the last two positive."
            )
        if not is_finite(score):
            raise InputError(f"{where}: score is {shortened(score)}, but must be a finite number.")
        yield _Record(where, image_id, box, score)


def _read_ava_boxes(path: Path) -> Iterator[_Record]:
    if not is_file(path):
        raise InputError(f"File '{path}' does not exist: check THERMAL.TEST_DETECTIONS.")
    for where, row in read_csv(path):
        try:
            recording, timestamp, *box, _label, score = row
            box, score, key = [float(v) for v in box], float(score), (recording, int(timestamp))
            fits = len(box) == 4 and all(map(math.isfinite, (*box, score))) and box[0] < box[2] and box[1] < box[3]
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"{where}: {shortened(','.join(row))} is not 'recording,timestamp,x1,y1,x2,y2,label,score' with a time in "
                "whole milliseconds, x1 < x2 and y1 < y2: correct it."
            )
        yield _Record(where, key, box, score)
