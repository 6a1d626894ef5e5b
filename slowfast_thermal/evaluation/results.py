"""The results of a test: a table for the console, and files for other programs."""

import csv
import math
from pathlib import Path

import numpy as np
import simplejson
from tabulate import tabulate

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.records import read_csv
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.baselines import BASELINES, BLOBS, Assessment
from slowfast_thermal.evaluation.metrics import AvaBoxes, Evaluation
from slowfast_thermal.evaluation.people import count_people, keyframe_key, rows_of_people
from slowfast_thermal.evaluation.scores import Scores
from slowfast_thermal.files import replacing
from slowfast_thermal.user_input import is_file, shortened

METRICS = "test_metrics.json"
"""The last file that a test writes: where it is, the test is finished."""


def results_table(evaluation: Evaluation) -> str:
    """A table with every class, its AP and number of boxes; where nobody is annotated, with the predicted people."""
    if evaluation.json_map is None:
        return _people_table(evaluation)
    rows = [
        [name, evaluation.num_boxes[name], "no boxes" if ap is None else f"{ap:.3f}"]
        for name, ap in evaluation.class_ap.items()
    ]
    num_classes = sum(ap is not None for ap in evaluation.class_ap.values())
    mean = f"{evaluation.mean_ap:.3f}" if num_classes else "no boxes"
    rows.append([f"mean of {num_classes} classes", sum(evaluation.num_boxes.values()), mean])
    return tabulate(rows, headers=["class", "boxes", "AP"], colalign=("left", "right", "right"), disable_numparse=True)


def _people_table(evaluation: Evaluation) -> str:
    classes, detections = list(evaluation.class_ap), evaluation.detections
    best = [rows_of_people(detections, key, len(classes))[1].argmax(axis=1) for key in detections[0]]
    counts = np.bincount(np.concatenate(best), minlength=len(classes)) if best else np.zeros(len(classes), int)
    return tabulate(zip(classes, counts), headers=["highest class", "predicted people"])


def result_sentence(evaluation: Evaluation, interval: tuple[float, float]) -> str:
    """The mAP and its 95 % interval, or why there is none."""
    if evaluation.json_map is None:
        return "There is no mAP, since no person of these keyframes is annotated; the predictions are written all the same."
    if math.isnan(interval[0]):
        return f"mAP {evaluation.mean_ap:.3f} (without an interval: all test keyframes lie within 10 seconds of each other)"
    return f"mAP {evaluation.mean_ap:.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f})"


def found_people_sentence(assessment: Assessment) -> str | None:
    """The mAP on annotated boxes, and how many people were missed and invented, of a test on boxes that were found."""
    if assessment.on_annotated is None:
        return None
    counts = count_people(assessment.scores.evaluation)
    return (
        f"These are found boxes: on the annotated ones the mAP is {assessment.on_annotated.mean_ap:.3f}. Of "
        f"{counts.annotated} annotated people {counts.missed} were missed; of {counts.found} found people "
        f"{counts.invented} are nobody annotated."
    )


def summary(assessment: Assessment) -> str:
    """The scores with their intervals, those of the baselines beside them, and the remarks, for the console."""
    evaluation = assessment.scores.evaluation
    sentences = result_sentence(evaluation, assessment.intervals["mAP"]), found_people_sentence(assessment)
    lines = list(filter(None, sentences))
    if evaluation.json_map is not None:
        rows = finding_rows(assessment) or score_rows(assessment)
        lines += ["", tabulate(rows, headers="keys", floatfmt=".3f", missingval="-")]
    return "\n".join([*lines, "", *assessment.remarks])


def score_rows(assessment: Assessment) -> list[dict[str, object]]:
    """What was tested and each baseline with its measures, and those of the groups of classes."""
    rows = []
    for name, scores in {"this run": assessment.scores, **assessment.baselines}.items():
        groups = {f"{key} of groups": value for key, value in scores.group_measures.items()}
        rows.append({"": BASELINES.get(name, name), **scores.measures, **groups})
    return [{key: None if value != value else value for key, value in row.items()} for row in rows]


def finding_rows(assessment: Assessment) -> list[dict[str, object]]:
    """How well each way of finding people does, of a detector's test."""
    titles = ("AP at IoU 0.5", "AP at IoU 0.3", "recall from score 0.5", "false people a frame")
    return [{"": name, **dict(zip(titles, scores))} for name, scores in assessment.finding.items()]


def write_results(assessment: Assessment, output_dir: Path) -> None:
    """Writes `test_metrics.json`, and in AVA's format `predictions.csv` and a file of each baseline, NAME.csv.

    Args:
        assessment: what the test found.
        output_dir: where the files go.
    """
    evaluation = assessment.scores.evaluation
    found = {
        **_measures(assessment.scores),
        "mAP_interval_95": assessment.intervals["mAP"],
        "per_class_ap": evaluation.class_ap,
        "num_boxes": evaluation.num_boxes,
        "num_keyframes": evaluation.num_keyframes,
        "found_people": assessment.on_annotated
        and {"mAP_on_annotated_boxes": assessment.on_annotated.json_map, **count_people(evaluation)._asdict()},
        "finding": {name: scores._asdict() for name, scores in assessment.finding.items()} or None,
        "overlap": assessment.overlap or None,
        "baselines": {
            name: {
                **_measures(scores),
                "per_class_ap": scores.evaluation.class_ap,
                "mAP_difference": assessment.differences[name]["mAP"][0],
                "mAP_difference_interval_95": assessment.differences[name]["mAP"][1:],
            }
            for name, scores in assessment.baselines.items()
        },
        "remarks": assessment.remarks,
    }
    for name in (*BASELINES, BLOBS):
        (output_dir / f"{name}.csv").unlink(missing_ok=True)
    predictions = {"predictions": assessment.scores, **assessment.baselines}
    for name, scores in predictions.items():
        write_predictions(scores.evaluation.detections, output_dir / f"{name}.csv")
    with replacing(output_dir / METRICS) as temporary:
        text = simplejson.dumps(found, indent=2, ignore_nan=True)
        Path(temporary).write_text(text + "\n", encoding="utf-8")


def _measures(scores: Scores) -> dict[str, object]:
    found: dict[str, object] = dict(scores.measures)
    if scores.groups:
        found["groups"] = {
            **scores.group_measures,
            "per_group_ap": scores.groups.class_ap,
            "num_boxes": scores.groups.num_boxes,
        }
    return found


def write_predictions(detections: AvaBoxes, path: Path) -> None:
    """Writes predictions in AVA's format."""
    boxes, labels, scores = detections
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for key in boxes:
            for (y1, x1, y2, x2), label, score in zip(boxes[key], labels[key], scores[key]):
                numbers = [f"{value:.6f}" for value in (x1, y1, x2, y2)]
                # Nine digits tell any two float32 scores apart.
                writer.writerow([*key.rsplit(",", 1), *numbers, label, f"{score:.9g}"])


def read_predictions(path: Path, dataset: Thermal) -> AvaBoxes:
    """Reads a `predictions.csv` as `write_results` writes it; other data sets' keyframes are ignored.

    Raises:
        InputError: there is no such file, a line does not fit, or no keyframe is of `dataset`.
    """
    return read_boxes(path, {keyframe_key(keyframe) for keyframe in dataset.keyframes}, len(dataset.classes))


def read_boxes(path: Path, wanted: set[str] | None, num_classes: int) -> AvaBoxes:
    """The same for the keyframes given as "recording,timestamp", or for all."""
    if not is_file(path):
        raise InputError(f"Predictions '{path}' do not exist: test first, and give the predictions.csv of OUTPUT_DIR.")
    boxes, labels, scores = {}, {}, {}
    for where, row in read_csv(path):
        try:
            recording, timestamp, *box, label, score = row
            x1, y1, x2, y2 = map(float, box)
            label, score = int(label), float(score)
            fits = 0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1 and 1 <= label <= num_classes and 0 <= score <= 1
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"{where}: {shortened(','.join(row))} is not 'recording,timestamp,x1,y1,x2,y2,label,score' with a box "
                f"inside the image and a label from 1 to {num_classes}: give the predictions of this data set."
            )
        key = f"{recording},{timestamp}"
        if wanted is None or key in wanted:
            boxes.setdefault(key, []).append([y1, x1, y2, x2])
            labels.setdefault(key, []).append(label)
            scores.setdefault(key, []).append(score)
    if not boxes:
        raise InputError(f"{path} predicts none of the test keyframes: give the predictions of this data set.")
    return boxes, labels, scores
