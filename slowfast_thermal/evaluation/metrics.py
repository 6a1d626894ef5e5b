"""Average precision of each class by PySlowFast's AVA evaluation.

Letters: K keyframes, C classes, D detections of a class.
"""

import contextlib
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from slowfast_thermal.pyslowfast import AVAMeter, ava_evaluation, per_image_evaluation

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
        place = {keyframe: k for k, keyframe in enumerate(self.keyframes)}
        matched = {keyframe: _match(self, keyframe, iou) for keyframe in self.detections[0]}
        rankings = []
        for c in range(len(self.class_ap)):
            scores = np.concatenate([np.empty(0), *(scores[c] for scores, _ in matched.values())])
            correct = np.concatenate([np.empty(0, bool), *(correct[c] for _, correct in matched.values())])
            owner = [place[keyframe] for keyframe, (scores, _) in matched.items() for _ in scores[c]]
            order = np.argsort(scores)[::-1]
            rankings.append(Ranking(scores[order], correct[order], np.array(owner, int)[order]))
        return rankings


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
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # it prints its whole result
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)  # as it finds without any box
        found = ava_evaluation.run_evaluation(categories, groundtruth, detections, set())
    labels = np.concatenate([*groundtruth[1].values(), []])
    num_boxes = {name: int((labels == number).sum()) for number, name in enumerate(classes, start=1)}
    class_ap = {name: float(found[f"PascalBoxes_PerformanceByCategory/AP@0.5IOU/{name}"]) for name in classes}
    return Evaluation(
        mean_ap=float(found["PascalBoxes_Precision/mAP@0.5IOU"]),
        class_ap={name: ap if num_boxes[name] else None for name, ap in class_ap.items()},
        num_boxes=num_boxes,
        num_keyframes=len({*groundtruth[0], *detections[0]}),
        groundtruth=groundtruth,
        detections=detections,
    )


def best_precision(correct: np.ndarray) -> np.ndarray:
    """(D,) precision at each of the detections by falling score or at a later one, the highest of these: the curve
    whose area over recall is AVA's AP.

    Args:
        correct: (D,) bool.
    """
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1]


def _match(evaluation: Evaluation, keyframe: str, iou: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scores and correctness of a keyframe's detections, by class."""

    def arrays(found: AvaBoxes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        boxes, labels, scores = (part.get(keyframe, []) for part in found)
        return np.array(boxes, float).reshape(-1, 4), np.array(labels, int) - 1, np.array(scores, float)

    true_boxes, true_labels, _ = arrays(evaluation.groundtruth)
    boxes, labels, scores = arrays(evaluation.detections)
    matcher = per_image_evaluation.PerImageEvaluation(len(evaluation.class_ap), iou)
    found_scores, correct, *_ = matcher.compute_object_detection_metrics(
        boxes, scores, labels, true_boxes, true_labels, np.zeros(len(true_boxes), bool), np.zeros(len(true_boxes), bool)
    )
    return found_scores, [part.astype(bool) for part in correct]
