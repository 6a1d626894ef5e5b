"""The results of a test: a table for the console, and files for other programs."""

import csv
import math
from pathlib import Path

import simplejson
from tabulate import tabulate

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.records import read_csv
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.evaluation.people import Detections, keyframe_key
from slowfast_thermal.files import replacing
from slowfast_thermal.user_input import is_file, shortened


def results_table(evaluation: Evaluation) -> str:
    """A table with every class, its AP and number of boxes."""
    rows = [
        [name, evaluation.num_boxes[name], "no boxes" if ap is None else f"{ap:.3f}"]
        for name, ap in evaluation.class_ap.items()
    ]
    num_classes = sum(ap is not None for ap in evaluation.class_ap.values())
    mean = f"{evaluation.mean_ap:.3f}" if num_classes else "no boxes"
    rows.append([f"mean of {num_classes} classes", sum(evaluation.num_boxes.values()), mean])
    return tabulate(rows, headers=["class", "boxes", "AP"], colalign=("left", "right", "right"), disable_numparse=True)


def result_sentence(evaluation: Evaluation, interval: tuple[float, float]) -> str:
    """The mAP and its 95 % interval, or why there is none."""
    if evaluation.json_map is None:
        return "There is no mAP, since no person of these keyframes is annotated; the predictions are written all the same."
    return f"mAP {evaluation.mean_ap:.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f})"


def write_results(evaluation: Evaluation, interval: tuple[float, float], output_dir: Path) -> None:
    """Writes `test_metrics.json`, and `predictions.csv` in AVA's format.

    Args:
        evaluation: what the test found.
        interval: 95 % interval of the mAP.
        output_dir: where the files go.
    """
    found = {
        "mAP": evaluation.json_map,
        "mAP_interval_95": [None if math.isnan(end) else end for end in interval],
        "per_class_ap": evaluation.class_ap,
        "num_boxes": evaluation.num_boxes,
        "num_keyframes": evaluation.num_keyframes,
    }
    with replacing(output_dir / "test_metrics.json") as temporary:
        Path(temporary).write_text(simplejson.dumps(found, indent=2) + "\n", encoding="utf-8")

    boxes, labels, scores = evaluation.detections
    path = output_dir / "predictions.csv"
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for key in boxes:
            for (y1, x1, y2, x2), label, score in zip(boxes[key], labels[key], scores[key]):
                numbers = [f"{value:.6f}" for value in (x1, y1, x2, y2)]
                writer.writerow([*key.rsplit(",", 1), *numbers, label, f"{score:.8f}"])


def read_predictions(path: Path, dataset: Thermal) -> Detections:
    """Reads a `predictions.csv` as `write_results` writes it; other data sets' keyframes are ignored.

    Raises:
        InputError: there is no such file, a line does not fit, or no keyframe is of `dataset`.
    """
    if not is_file(path):
        raise InputError(f"Predictions '{path}' do not exist: test first, and give the predictions.csv of OUTPUT_DIR.")
    wanted = {keyframe_key(keyframe) for keyframe in dataset.keyframes}
    boxes, labels, scores = {}, {}, {}
    for where, row in read_csv(path):
        try:
            recording, timestamp, *box, label, score = row
            x1, y1, x2, y2 = map(float, box)
            label, score = int(label), float(score)
            fits = 0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1 and 1 <= label <= len(dataset.classes) and 0 <= score <= 1
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"{where}: {shortened(','.join(row))} is not 'recording,timestamp,x1,y1,x2,y2,label,score' with a box "
                f"inside the image and a label from 1 to {len(dataset.classes)}: give the predictions of this data set."
            )
        key = f"{recording},{timestamp}"
        if key in wanted:
            boxes.setdefault(key, []).append([y1, x1, y2, x2])
            labels.setdefault(key, []).append(label)
            scores.setdefault(key, []).append(score)
    if not boxes:
        raise InputError(f"{path} predicts none of the test keyframes: give the predictions of this data set.")
    return boxes, labels, scores
