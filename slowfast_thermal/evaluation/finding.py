"""How well people are found: AVA's evaluation with the one class "person".

Every frame of a recording is given to the finder in the order of the times, as where it is used; the annotated ones count.

Letters: H, W pixels.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from slowfast_thermal.datasets.clips import background, check_order
from slowfast_thermal.datasets.found_people import read_parts
from slowfast_thermal.datasets.person_frames import PERSON, PersonFrames
from slowfast_thermal.evaluation.baselines import BLOBS, Assessment, not_above
from slowfast_thermal.evaluation.bootstrap import difference, interval
from slowfast_thermal.evaluation.metrics import AvaBoxes, Evaluation, best_precision, evaluate_detections
from slowfast_thermal.evaluation.people import keyframe_key
from slowfast_thermal.evaluation.scores import score, to_ava_boxes
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.finder import FoundPeople, PersonFinder

SURE = 0.5
"""The score from which on a person counts as found; tracks start with it."""

_LOOSE_IOU = 0.3


class FindingScores(NamedTuple):
    """How well people are found.

    Attributes:
        ap50, ap30: AP with boxes that overlap by 0.5 and by 0.3 (intersection over union); NaN without any person.
        recall: part of the annotated people whom a box of a score from `SURE` on overlaps by 0.5; NaN without any.
        false_people: boxes of such scores a frame that are nobody's.
    """

    ap50: float
    ap30: float
    recall: float
    false_people: float


def evaluate_finder(
    finder: Callable[[np.ndarray], PersonFinder], dataset: PersonFrames, after_part: Callable[[], None] = lambda: None
) -> Evaluation:
    """What a finder finds in the keyframes.

    Args:
        finder: takes the background, (H, W) degrees Celsius, of a recording.
        dataset: the keyframes.
        after_part: is called again and again.

    Raises:
        InputError: a recording cannot be read, or its timestamps decrease.
    """
    frames: dict[str, dict[int, FoundPeople]] = {}
    for keyframe in dataset.keyframes:
        frames.setdefault(keyframe.recording, {})[keyframe.frame_index] = FoundPeople.nobody()
    for recording in dataset.files():
        found = frames[recording.name]
        check_order(recording)
        started = finder(background(recording).cpu().numpy())
        for places, temperatures, times in read_parts(recording):
            wanted = np.isin(places, list(found))
            people = started.find(temperatures, times, wanted)
            found |= {int(place): some for place, some, asked in zip(places, people, wanted) if asked}
            after_part()
    size = np.array([dataset.frame_size[1], dataset.frame_size[0]] * 2, np.float32)
    rows = []
    for keyframe in dataset.keyframes:
        some = frames[keyframe.recording][keyframe.frame_index]
        rows.append((keyframe_key(keyframe), np.clip(some.boxes / size, 0, 1), some.scores[:, None]))
    annotated = [(keyframe_key(k), k.boxes, np.ones((len(k.boxes), 1))) for k in dataset.keyframes]
    evaluation = evaluate_detections([PERSON], to_ava_boxes(annotated), to_ava_boxes(rows))
    # Frames without anyone count too.
    everywhere = tuple({key: part.get(key, []) for key, *_ in annotated} for part in evaluation.groundtruth)
    return replace(evaluation, groundtruth=everywhere, num_keyframes=len(annotated))


def finding_scores(evaluation: Evaluation, num_frames: int) -> FindingScores:
    """The scores of an evaluation on so many frames."""
    num_people = evaluation.num_boxes[PERSON]
    (strict,), (loose,) = evaluation.rankings, evaluation.rankings_at(_LOOSE_IOU)
    sure = strict.correct[strict.scores >= SURE]
    aps = (best_precision(r.correct)[r.correct].sum() / num_people if num_people else np.nan for r in (strict, loose))
    return FindingScores(
        *map(float, aps),
        recall=float(sure.sum() / num_people) if num_people else float("nan"),
        false_people=float((~sure).sum() / num_frames),
    )


def sure_people(detections: AvaBoxes) -> AvaBoxes:
    """Those whose score is `SURE` or more."""
    kept = {key: [score >= SURE for score in scores] for key, scores in detections[2].items()}
    return tuple(
        {
            key: [value for value, keep in zip(values, kept[key]) if keep]
            for key, values in part.items()
            if any(kept[key])
        }
        for part in detections
    )


def assess_finding(evaluation: Evaluation, dataset: PersonFrames, cfg) -> Assessment:
    """Puts what a detector finds beside what is found as warm blobs."""
    blobs = evaluate_finder(BlobFinder, dataset)
    found = {"detector": evaluation, BLOBS: blobs}
    scores = {name: finding_scores(each, len(dataset.keyframes)) for name, each in found.items()}
    sampling = cfg.THERMAL.BOOTSTRAP_SAMPLES, cfg.THERMAL.SESSION_PATTERN
    differences = {BLOBS: difference([evaluation], [blobs], *sampling)}
    remark = not_above({name: found["mAP"] for name, found in differences.items()})
    return Assessment(
        score(evaluation, []),
        interval(evaluation, *sampling),
        {BLOBS: score(blobs, [])},
        differences,
        remarks=[remark] if remark else [],
        finding=scores,
    )
