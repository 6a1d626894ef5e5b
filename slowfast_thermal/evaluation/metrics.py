"""Average precision of each class by PySlowFast's AVA evaluation.

Letters: K keyframes, C classes, D detections of a class.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from slowfast_thermal.pyslowfast import AVAMeter, ava_evaluation, metrics, per_image_evaluation

# AvaBoxes of one person overlap at least this much (intersection over union), as in AVA.
IOU = 0.5


AvaBoxes = tuple[dict, dict, dict]
"""As PySlowFast's AVA evaluation takes them: boxes (y1, x1, y2, x2 divided by the image size), class ids from 1 and scores,
each a list by "recording,timestamp"."""


class Ranking(NamedTuple):
    """The detections of one class by falling score, in the order in which AVA's evaluation counts them.

    scores: (D,) float; correct: (D,) bool, whether each is an annotated person of that class, found for the first
    time; keyframe: (D,) int, its place in `Evaluation.keyframes`.
    """

    scores: np.ndarray
    correct: np.ndarray
    keyframe: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        mean_ap: mean of the APs of the classes with boxes, 0 to 1; NaN without any box.
        class_ap: AP by class name, None for a class without boxes.
        num_boxes: annotated boxes by class name.
        num_keyframes: annotated or predicted keyframes.
        groundtruth, detections: what is annotated and what is predicted.
    """

    mean_ap: float
    class_ap: dict[str, float | None]
    num_boxes: dict[str, int]
    num_keyframes: int
    groundtruth: AvaBoxes
    detections: AvaBoxes

    @property
    def json_map(self) -> float | None:
        """The mean AP as JSON can hold it: None without any box."""
        return None if math.isnan(self.mean_ap) else self.mean_ap

    @cached_property
    def keyframes(self) -> list[str]:
        """ "recording,timestamp" of the K annotated or predicted keyframes, sorted."""
        return sorted({*self.groundtruth[0], *self.detections[0]})

    @cached_property
    def rankings(self) -> list[Ranking]:
        """Of each of the C classes, matched keyframe by keyframe by PySlowFast's evaluation."""
        return self.rankings_at(IOU)

    def rankings_at(self, iou: float) -> list[Ranking]:
        """The same for boxes of one person that overlap at least by `iou`."""
        return [_in_order(found) for found in _match(len(self.class_ap), self.groundtruth, self.detections, iou)]


class DetectionMeter(AVAMeter):
    """PySlowFast's AVAMeter that keeps what its evaluation finds about each class.

    The evaluation itself is PySlowFast's. (Its own method keeps the mean alone and leaves files in
    the working directory.)

    Args:
        overall_iters, cfg, mode: as AVAMeter.
    """

    def finalize_metrics(self, log: bool = True) -> None:
        """Evaluates all collected predictions; `full_map` and `evaluation` hold the result."""
        predictions, boxes, metadata = map(torch.cat, (self.all_preds, self.all_ori_boxes, self.all_metadata))
        detections = ava_evaluation.get_ava_eval_data(
            predictions, boxes, metadata.tolist(), self.class_whitelist, video_idx_to_name=self.video_idx_to_name
        )
        classes = [category["name"] for category in self.categories]
        self.evaluation = evaluate_detections(classes, self.full_groundtruth, detections)
        self.full_map = self.evaluation.mean_ap


def evaluate_detections(classes: Sequence[str], groundtruth: AvaBoxes, detections: AvaBoxes) -> Evaluation:
    """PySlowFast's AVA evaluation of detections.

    Args:
        classes: names of the C classes, in the order of their ids from 1.
        groundtruth, detections: as in `Evaluation`.
    """
    found = _match(len(classes), groundtruth, detections, IOU)
    labels = np.concatenate([*groundtruth[1].values(), []])
    num_boxes = {name: int((labels == number).sum()) for number, name in enumerate(classes, start=1)}
    class_ap = {name: _average_precision(matches, num_boxes[name]) for name, matches in zip(classes, found)}
    aps = np.array([*class_ap.values()], float)  # NaN without boxes
    evaluation = Evaluation(
        mean_ap=float(np.nanmean(aps)) if any(num_boxes.values()) else math.nan,
        class_ap=class_ap,
        num_boxes=num_boxes,
        num_keyframes=len({*groundtruth[0], *detections[0]}),
        groundtruth=groundtruth,
        detections=detections,
    )
    evaluation.__dict__["rankings"] = [_in_order(matches) for matches in found]  # so that they are not looked for again
    return evaluation


def best_precision(correct: np.ndarray) -> np.ndarray:
    """(D,) precision at each of the detections by falling score or at a later one, the highest of these: the curve
    whose area over recall is AVA's AP.

    Args:
        correct: (D,) bool.
    """
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1]


def _match(num_classes: int, groundtruth: AvaBoxes, detections: AvaBoxes, iou: float) -> list[Ranking]:
    """The detections of each of C classes, keyframe by keyframe, as PySlowFast's evaluation matches them.

    That looks at each class in each keyframe. Here it is asked only for classes that somebody there is annotated with: of all others
    no detection is correct.
    """
    place = {keyframe: k for k, keyframe in enumerate(sorted({*groundtruth[0], *detections[0]}))}
    nobody = np.zeros(0), np.zeros(0, bool), np.zeros(0, int)
    found: list[list[tuple]] = [[nobody] for _ in range(num_classes)]
    matcher = per_image_evaluation.PerImageEvaluation(1, iou)
    for keyframe in detections[0]:
        true_boxes, true_labels, _ = _arrays(groundtruth, keyframe)
        boxes, labels, scores = _arrays(detections, keyframe)
        has_area = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
        for c in range(num_classes):
            of_class, is_true = has_area & (labels == c), true_labels == c
            correct = np.zeros(of_class.sum(), bool)
            if is_true.any() and len(correct):
                zeros = [np.zeros(is_true.sum(), dtype) for dtype in (int, bool, bool)]
                _, (correct,) = matcher.compute_object_detection_metrics(
                    boxes[of_class], scores[of_class], np.zeros(len(correct), int), true_boxes[is_true], *zeros
                )
            found[c].append((scores[of_class], correct, np.full(len(correct), place[keyframe])))
    return [Ranking(*map(np.concatenate, zip(*parts))) for parts in found]


def _arrays(found: AvaBoxes, keyframe: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (R, 4), classes (R,) from 0 and scores (R,) of a keyframe."""
    boxes, labels, scores = (part.get(keyframe, []) for part in found)
    return np.array(boxes, float).reshape(-1, 4), np.array(labels, int) - 1, np.array(scores, float)


def _in_order(matches: Ranking) -> Ranking:
    order = np.argsort(matches.scores)[::-1]
    return Ranking(*(part[order] for part in matches))


def _average_precision(matches: Ranking, num_boxes: int) -> float | None:
    """AP by PySlowFast, None without boxes."""
    if not num_boxes:
        return None
    precision, recall = metrics.compute_precision_recall(matches.scores, matches.correct, num_boxes)
    return float(metrics.compute_average_precision(precision, recall))
