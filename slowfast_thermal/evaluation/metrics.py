"""Average precision of each class by PySlowFast's AVA evaluation, and how sure the mean is.

Letters: K keyframes, C classes, D detections of a class, B bootstrap samples.
"""

import contextlib
import io
import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from slowfast_thermal.pyslowfast import AVAMeter, ava_evaluation, per_image_evaluation

# Boxes of one person overlap at least this much (intersection over union), as in AVA.
IOU = 0.5


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
        groundtruth, detections: boxes (y1, x1, y2, x2 divided by the image size), class ids from 1 and
            scores, each by "recording,timestamp".
    """

    mean_ap: float
    class_ap: dict[str, float | None]
    num_boxes: dict[str, int]
    num_keyframes: int
    groundtruth: tuple[dict, dict, dict]
    detections: tuple[dict, dict, dict]

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
        place = {keyframe: k for k, keyframe in enumerate(self.keyframes)}
        matched = {keyframe: _match(self, keyframe) for keyframe in self.detections[0]}
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
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # it prints its whole result
            warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)  # as it finds without any box
            found = ava_evaluation.run_evaluation(
                self.categories, self.full_groundtruth, detections, self.excluded_keys
            )
        self.full_map = float(found["PascalBoxes_Precision/mAP@0.5IOU"])
        class_ap = {}
        num_boxes = {}
        labels = np.concatenate([*self.full_groundtruth[1].values(), []])
        for category in self.categories:
            name = category["name"]
            num_boxes[name] = int((labels == category["id"]).sum())
            ap = found[f"PascalBoxes_PerformanceByCategory/AP@0.5IOU/{name}"]
            class_ap[name] = float(ap) if num_boxes[name] else None
        self.evaluation = Evaluation(
            mean_ap=self.full_map,
            class_ap=class_ap,
            num_boxes=num_boxes,
            num_keyframes=len({*self.full_groundtruth[0], *detections[0]}),
            groundtruth=self.full_groundtruth,
            detections=detections,
        )


def bootstrap_interval(evaluation: Evaluation, num_samples: int) -> tuple[float, float]:
    """95 % percentile interval of the mAP when the K keyframes are drawn anew, with replacement.

    The boxes are matched once, by PySlowFast's evaluation, keyframe by keyframe; a sample without
    boxes of a class leaves that class out of its mean.

    Args:
        evaluation: of the K keyframes.
        num_samples: B.

    Returns:
        Low and high end; (NaN, NaN) without boxes.
    """
    num_keyframes, num_classes = len(evaluation.keyframes), len(evaluation.class_ap)
    labels = evaluation.groundtruth[1]
    num_boxes = np.array(
        [np.bincount(np.array(labels.get(k, []), int) - 1, minlength=num_classes) for k in evaluation.keyframes]
    )
    rng = np.random.default_rng(0)
    means = []
    for _ in range(num_samples):
        times = np.bincount(rng.integers(num_keyframes, size=num_keyframes), minlength=num_keyframes)
        means.append(_resampled_map(evaluation.rankings, num_boxes, times))
    means = np.array(means)
    means = means[~np.isnan(means)]
    return tuple(np.percentile(means, [2.5, 97.5]).tolist()) if len(means) else (float("nan"), float("nan"))


def _resampled_map(rankings: list[Ranking], num_boxes: np.ndarray, times: np.ndarray) -> float:
    """mAP of a sample that holds keyframe k `times[k]` times, where class c has `num_boxes[k, c]` boxes."""
    aps = []
    for c, ranking in enumerate(rankings):
        total = int(times @ num_boxes[:, c])
        if total:
            aps.append(_average_precision(np.repeat(ranking.correct, times[ranking.keyframe]), total))
    return float(np.mean(aps)) if aps else float("nan")


def _average_precision(correct: np.ndarray, num_boxes: int) -> float:
    """AP as the AVA evaluation defines it, from the correctness of detections by falling score. That evaluation's
    own function loops in Python over every detection, too slow for a thousand samples."""
    return float(best_precision(correct)[correct].sum() / num_boxes)


def best_precision(correct: np.ndarray) -> np.ndarray:
    """(D,) precision at each of the detections by falling score or at a later one, the highest of these: the curve
    whose area over recall is AVA's AP.

    Args:
        correct: (D,) bool.
    """
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1]


def _match(evaluation: Evaluation, keyframe: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scores and correctness of a keyframe's detections, by class."""

    def arrays(found: tuple[dict, dict, dict]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        boxes, labels, scores = (part.get(keyframe, []) for part in found)
        return np.array(boxes, float).reshape(-1, 4), np.array(labels, int) - 1, np.array(scores, float)

    true_boxes, true_labels, _ = arrays(evaluation.groundtruth)
    boxes, labels, scores = arrays(evaluation.detections)
    matcher = per_image_evaluation.PerImageEvaluation(len(evaluation.class_ap), IOU)
    found_scores, correct, *_ = matcher.compute_object_detection_metrics(
        boxes, scores, labels, true_boxes, true_labels, np.zeros(len(true_boxes), bool), np.zeros(len(true_boxes), bool)
    )
    return found_scores, [part.astype(bool) for part in correct]
