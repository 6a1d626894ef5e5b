"""Average precision of each class by PySlowFast's AVA evaluation, and how sure the mean is.

Letters: K keyframes, C classes, B bootstrap samples.
"""

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import torch

from slowfast_thermal.pyslowfast import AVAMeter, ava_evaluation, per_image_evaluation

# Boxes of one person overlap at least this much (intersection over union), as in AVA.
_IOU = 0.5


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
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its whole result
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
    keyframes = sorted({*evaluation.groundtruth[0], *evaluation.detections[0]})
    num_classes = len(evaluation.class_ap)
    matched = [_match(evaluation, keyframe, num_classes) for keyframe in keyframes]
    num_boxes = np.array([counts for _, _, counts in matched])
    # Each class once as flat arrays with the keyframe of each detection, by falling score.
    ranked = []
    for c in range(num_classes):
        scores = np.concatenate([scores[c] for scores, _, _ in matched])
        correct = np.concatenate([correct[c] for _, correct, _ in matched])
        owner = np.repeat(np.arange(len(keyframes)), [len(scores[c]) for scores, _, _ in matched])
        order = np.argsort(scores)[::-1]
        ranked.append((correct[order], owner[order]))

    rng = np.random.default_rng(0)
    means = []
    for _ in range(num_samples):
        times = np.bincount(rng.integers(len(keyframes), size=len(keyframes)), minlength=len(keyframes))
        means.append(_resampled_map(ranked, num_boxes, times))
    means = np.array(means)
    means = means[~np.isnan(means)]
    return tuple(np.percentile(means, [2.5, 97.5]).tolist()) if len(means) else (float("nan"), float("nan"))


def _resampled_map(ranked: list[tuple[np.ndarray, np.ndarray]], num_boxes: np.ndarray, times: np.ndarray) -> float:
    """mAP of a sample that holds keyframe k `times[k]` times."""
    aps = []
    for c, (correct, owner) in enumerate(ranked):
        total = int(times @ num_boxes[:, c])
        if total:
            aps.append(_average_precision(np.repeat(correct, times[owner]), total))
    return float(np.mean(aps)) if aps else float("nan")


def _average_precision(correct: np.ndarray, num_boxes: int) -> float:
    """AP as the AVA evaluation defines it (area under the falling envelope of precision over recall),
    from the correctness of detections by falling score. That evaluation's own function loops in Python
    over every detection, too slow for a thousand samples."""
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[correct].sum() / num_boxes)


def _match(
    evaluation: Evaluation, keyframe: str, num_classes: int
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Scores and correctness of a keyframe's detections, by class, and its (C,) numbers of annotated boxes."""

    def arrays(found: tuple[dict, dict, dict]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        boxes, labels, scores = (part.get(keyframe, []) for part in found)
        return np.array(boxes, float).reshape(-1, 4), np.array(labels, int) - 1, np.array(scores, float)

    true_boxes, true_labels, _ = arrays(evaluation.groundtruth)
    boxes, labels, scores = arrays(evaluation.detections)
    matcher = per_image_evaluation.PerImageEvaluation(num_classes, _IOU)
    found_scores, correct, *_ = matcher.compute_object_detection_metrics(
        boxes, scores, labels, true_boxes, true_labels, np.zeros(len(true_boxes), bool), np.zeros(len(true_boxes), bool)
    )
    return found_scores, [part.astype(bool) for part in correct], np.bincount(true_labels, minlength=num_classes)
