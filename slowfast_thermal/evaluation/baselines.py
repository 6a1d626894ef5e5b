"""What a test's scores are worth: beside trees that are fitted in seconds, and beside what makes them optimistic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from slowfast_thermal.checkpoint.origin import learns_from_labels
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.bootstrap import difference, interval
from slowfast_thermal.evaluation.metrics import AvaBoxes, Evaluation, evaluate_detections
from slowfast_thermal.evaluation.people import keyframe_key
from slowfast_thermal.evaluation.scores import Scores, score, to_ava_boxes
from slowfast_thermal.preparation.overlap import ClipLength, measure_overlap, overlap_warning
from slowfast_thermal.trees.forest import Forest
from slowfast_thermal.trees.people import People, boxed_people, fit_box_trees, fit_trees, knows_place, read_people

BASELINES = {"box_trees": "trees on the box's four numbers", "feature_trees": "trees on simple features"}
"""The baselines in words, by the names of their files."""

BLOBS = "blobs"
"""What a detector of people stands beside, as BASELINES."""


@dataclass(frozen=True)
class Assessment:
    """Everything that a test found.

    Attributes:
        scores: of what was tested.
        intervals: 95 % interval of each measure.
        baselines: scores of each of BASELINES; none where they are switched off or there is nothing to fit them to.
        differences: what was tested less each baseline, by measure, with the interval of the difference.
        overlap: numbers of test "clips" and of those "sharing" frames with training clips; empty where the training
            data are not at hand.
        remarks: sentences that a reader of the scores has to know.
        on_annotated: the evaluation of the same model on the annotated boxes, where `scores` are on boxes that were found.
        finding: of a detector's test, how well it and the warm blobs find people, `finding.FindingScores` by name.
    """

    scores: Scores
    intervals: dict[str, tuple[float, float]]
    baselines: dict[str, Scores] = field(default_factory=dict)
    differences: dict[str, dict[str, tuple[float, float, float]]] = field(default_factory=dict)
    overlap: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    on_annotated: Evaluation | None = None
    finding: Mapping[str, NamedTuple] = field(default_factory=dict)


def assess(evaluation: Evaluation, dataset: Thermal, cfg) -> Assessment:
    """Puts an evaluation beside the baselines, fitted to the training keyframes and scored on the same boxes.

    Args:
        evaluation: of what was tested.
        dataset: the test keyframes.
        cfg: names the training data; THERMAL.BASELINES, BOOTSTRAP_SAMPLES, CLASS_GROUPS and SESSION_PATTERN apply.
    """
    node = cfg.THERMAL
    pattern = node.SESSION_PATTERN
    if not learns_from_labels(cfg):
        remark = "The training takes simulated clips alone, so there are no baselines fitted to the same keyframes."
        return compare_with({}, evaluation, cfg, remarks=[remark])
    try:
        train = Thermal(cfg, "train")
        if train.classes != dataset.classes:
            raise InputError(f"{', '.join(node.TRAIN_ANNOTATIONS)} has other classes than the test.")
    except InputError as error:
        remark = f"Without the training data there are no baselines, and clips are not compared: {error}"
        return compare_with({}, evaluation, cfg, remarks=[remark])
    timestamps = {name: part.timestamps(name) for part in (train, dataset) for name in part.recordings}
    train_keyframes, test_keyframes = ([part.keyframe(i) for i in range(len(part))] for part in (train, dataset))
    distances = measure_overlap(train_keyframes, test_keyframes, timestamps, pattern, ClipLength.of(cfg))
    overlap = {"clips": len(distances), "sharing": sum(distance.shares_frames for distance in distances)}
    warning = overlap_warning(distances) if evaluation.json_map is not None else None
    remarks = [remark for remark in (warning, _untrained_classes(train, evaluation)) if remark]
    # Trees on features are no baseline of themselves.
    is_itself = cfg.MODEL.TREES_WEIGHT == 1 and not knows_place(cfg) and not cfg.TEST.CHECKPOINT_FILE_PATH
    names = [name for name in BASELINES if not (is_itself and name == "feature_trees")]
    predictions = {}
    try:
        predictions = predict_baselines(train, dataset, cfg.RNG_SEED, names) if node.BASELINES else {}
    except InputError as error:
        remarks.append(f"There are no baselines: {error}")
    if cfg.MODEL.TREES_WEIGHT == 1 and predictions.get("feature_trees") == evaluation.detections:
        del predictions["feature_trees"]
    return compare_with(predictions, evaluation, cfg, overlap, remarks)


def _untrained_classes(train: Thermal, evaluation: Evaluation) -> str | None:
    """One sentence on tested classes without a training box, None if there are none."""
    without = [
        name for name, number in zip(train.classes, train.class_counts) if not number and evaluation.num_boxes[name]
    ]
    if not without:
        return None
    return f"The training annotations have no box of {', '.join(without)}, which the mAP counts all the same."


def predict_baselines(train: Thermal, test: Thermal, seed: int, names: Sequence[str]) -> dict[str, AvaBoxes]:
    """The predictions of the named BASELINES for the people of `test`."""
    asked, scores = boxed_people(test), {}
    if "box_trees" in names:
        scores["box_trees"] = fit_box_trees(boxed_people(train), train.classes, seed).predict(asked.box_features)
    if "feature_trees" in names:
        scores["feature_trees"] = fit_trees(read_people(train), train.classes, seed).predict(read_people(test).features)
    return {name: _boxes(asked, found) for name, found in scores.items()}


def predict_trees(forest: Forest, dataset: Thermal) -> AvaBoxes:
    """The predictions of trees on simple features for the people of a data set."""
    people = read_people(dataset)
    return _boxes(people, forest.predict(people.inputs))


def _boxes(people: People, scores: np.ndarray) -> AvaBoxes:
    keys = map(keyframe_key, people.keyframes)
    return to_ava_boxes((key, box[None], row[None]) for key, box, row in zip(keys, people.boxes, scores))


def compare_with(
    predictions: dict[str, AvaBoxes],
    evaluation: Evaluation,
    cfg,
    overlap: dict[str, int] | None = None,
    remarks: Sequence[str] = (),
) -> Assessment:
    """The assessment of an evaluation beside the predictions of baselines for the same boxes."""
    node = cfg.THERMAL
    sampling = node.BOOTSTRAP_SAMPLES, node.SESSION_PATTERN
    baselines = {
        name: score(evaluate_detections(list(evaluation.class_ap), evaluation.groundtruth, found), node.CLASS_GROUPS)
        for name, found in predictions.items()
    }
    differences = {name: difference([evaluation], [scores.evaluation], *sampling) for name, scores in baselines.items()}
    remark = not_above({name: found["mAP"] for name, found in differences.items()})
    return Assessment(
        score(evaluation, node.CLASS_GROUPS),
        interval(evaluation, *sampling),
        baselines,
        differences,
        overlap or {},
        [*remarks, *([remark] if remark else [])],
    )


def not_above(differences: dict[str, tuple[float, float, float]]) -> str | None:
    """One sentence that names the baselines which a result is not surely above; None if it is above all, or has no score.

    Args:
        differences: for each of BASELINES by how much the mAP is above its, and the interval of that.
    """
    found = []
    for name, (value, low, high) in differences.items():
        how_sure = "without an interval" if math.isnan(low) else f"95 % interval {low:+.3f} to {high:+.3f}"
        if not (low > 0 or math.isnan(value)):
            found.append(f"{BASELINES.get(name, name)} ({value:+.3f}, {how_sure})")
    return f"The mAP is not surely above that of {' nor above that of '.join(found)}." if found else None
