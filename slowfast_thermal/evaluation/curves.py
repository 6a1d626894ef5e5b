"""Precision over recall of each class, and loss and mAP over a training.

Letters: D detections of a class.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from slowfast_thermal.evaluation.figures import LINE, SECOND_LINE, short_name
from slowfast_thermal.evaluation.metrics import Evaluation, Ranking, best_precision

# Classes that the figure has room for.
MAX_CLASSES = 16
_COLUMNS = 2


def precision_recall(ranking: Ranking, num_boxes: int) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision as AVA's AP takes them: the precision at a recall is the best at that or a higher one.

    The area under the steps `precision[i]` from `recall[i - 1]` to `recall[i]` is the class's AP.

    Args:
        ranking: the class's D detections.
        num_boxes: its annotated boxes, at least 1.

    Returns:
        recall, precision: (D + 1,), from recall 0 on.
    """
    recall = ranking.correct.cumsum() / num_boxes
    precision = best_precision(ranking.correct)
    first = precision[0] if len(precision) else 0.0
    return np.concatenate([[0.0], recall]), np.concatenate([[first], precision])


def plot_precision_recall(evaluation: Evaluation) -> Figure:
    """A figure with a curve for each class with boxes; at most MAX_CLASSES, those with the most boxes."""
    names = list(evaluation.class_ap)
    with_boxes = [c for c, name in enumerate(names) if evaluation.num_boxes[name]]
    shown = sorted(sorted(with_boxes, key=lambda c: -evaluation.num_boxes[names[c]])[:MAX_CLASSES])
    rows = max(math.ceil(len(shown) / _COLUMNS), 1)
    figure = Figure(figsize=(4.4, 1.7 * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes, c in zip(grid.flat, shown):
        recall, precision = precision_recall(evaluation.rankings[c], evaluation.num_boxes[names[c]])
        axes.fill_between(recall, precision, step="pre", color=LINE, alpha=0.2, linewidth=0)
        axes.step(recall, precision, where="pre", color=LINE)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.05))
        axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.set_title(f"{short_name(names[c])}\nAP {evaluation.class_ap[names[c]]:.3f}", fontsize=8)
        axes.tick_params(labelsize=8)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    return figure


class TrainingCurves(NamedTuple):
    """What a training logged, each as (epoch, value) pairs in the order of the epochs."""

    loss: list[tuple[float, float]]
    val_map: list[tuple[float, float]]


def read_training_curves(path: Path) -> TrainingCurves:
    """Loss and validation mAP from PySlowFast's `json_stats.log`; empty where there is no such file.

    Where a line was logged twice, as a run that was resumed does, the last one counts; lines that are not json_stats are
    passed over. The loss logged last in an epoch is placed at the epoch's end.
    """
    losses, maps = {}, {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in lines:
        try:
            stats = json.loads(line.partition("json_stats: ")[2])
            epoch = int(str(stats["cur_epoch"]).partition("/")[0])
            if stats["_type"] == "train_iter":
                losses[epoch, int(str(stats["cur_iter"]).partition("/")[0])] = float(stats["loss"])
            elif stats["_type"] == "val_epoch":
                maps[float(epoch)] = float(stats["map"])
        except (ValueError, KeyError, TypeError):
            continue
    last = max((iteration for _, iteration in losses), default=1)
    loss = [(epoch - 1 + iteration / max(last, 1), value) for (epoch, iteration), value in losses.items()]
    return TrainingCurves(sorted(loss), sorted(maps.items()))


def plot_training(curves: TrainingCurves) -> Figure:
    """A figure of loss and validation mAP over the epochs."""
    figure = Figure(figsize=(4.8, 2.8), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch")
    axes.set_ylabel("training loss", color=LINE)
    axes.plot(*np.array(curves.loss).reshape(-1, 2).T, color=LINE)
    axes.set_ylim(bottom=0)
    maps = axes.twinx()
    maps.set_ylabel("validation mAP (dots)", color=SECOND_LINE)
    maps.plot(*np.array(curves.val_map).reshape(-1, 2).T, color=SECOND_LINE, marker="o", linestyle="--")
    maps.set_ylim(0, 1)
    return figure
