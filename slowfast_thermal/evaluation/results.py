"""The results of a test: a table for the console, and files for other programs."""

import math
from pathlib import Path

import simplejson
from tabulate import tabulate

from slowfast_thermal.checkpoint.training_state import replacing
from slowfast_thermal.evaluation.metrics import Evaluation


def results_table(evaluation: Evaluation) -> str:
    """A table with every class, its AP and number of boxes."""
    rows = [
        [name, evaluation.num_boxes[name], "no boxes" if ap is None else f"{ap:.3f}"]
        for name, ap in evaluation.class_ap.items()
    ]
    mean = [f"mean of {sum(ap is not None for ap in evaluation.class_ap.values())} classes"]
    rows.append([*mean, sum(evaluation.num_boxes.values()), f"{evaluation.mean_ap:.3f}"])
    return tabulate(rows, headers=["class", "boxes", "AP"], colalign=("left", "right", "right"), disable_numparse=True)


def write_results(evaluation: Evaluation, interval: tuple[float, float], output_dir: Path) -> None:
    """Writes `test_metrics.json`, and `predictions.csv` in AVA's format.

    Args:
        evaluation: what the test found.
        interval: 95 % interval of the mAP.
        output_dir: where the files go.
    """

    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    found = {
        "mAP": number(evaluation.mean_ap),
        "mAP_interval_95": [number(end) for end in interval],
        "per_class_ap": evaluation.class_ap,
        "num_boxes": evaluation.num_boxes,
        "num_keyframes": evaluation.num_keyframes,
    }
    with replacing(output_dir / "test_metrics.json") as temporary:
        Path(temporary).write_text(simplejson.dumps(found, indent=2) + "\n", encoding="utf-8")

    boxes, labels, scores = evaluation.detections
    with replacing(output_dir / "predictions.csv") as temporary, open(temporary, "w", encoding="utf-8") as file:
        for key in boxes:
            for (y1, x1, y2, x2), label, score in zip(boxes[key], labels[key], scores[key]):
                file.write(f"{key},{x1:.6f},{y1:.6f},{x2:.6f},{y2:.6f},{label},{score:.8f}\n")
