"""The scores of predictions: of each class, and of groups of classes.

Letters: P people of a keyframe, C classes, G groups.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.bootstrap import measure
from slowfast_thermal.evaluation.metrics import AvaBoxes, Evaluation, evaluate_detections
from slowfast_thermal.evaluation.people import rows_of_people


@dataclass(frozen=True)
class Scores:
    """The scores of one set of predictions.

    Attributes:
        evaluation: AP of each class.
        measures: `bootstrap.MEASURES` of it.
        groups: the evaluation of THERMAL.CLASS_GROUPS, None without any.
        group_measures: the same measures of that.
    """

    evaluation: Evaluation
    measures: dict[str, float]
    groups: Evaluation | None
    group_measures: dict[str, float]


def score(evaluation: Evaluation, groups: Sequence[Sequence[str]]) -> Scores:
    """The scores of an evaluation, and of groups of classes, each a list of its name and its classes."""
    grouped = _evaluate_groups(evaluation, groups) if groups else None
    return Scores(evaluation, measure(evaluation), grouped, measure(grouped) if grouped else {})


def check_groups(groups: Sequence[Sequence[str]], classes: Sequence[str]) -> None:
    """Raises InputError unless the groups hold classes that there are, and no name or class stands there twice."""
    for name, *members in groups:
        unknown = [member for member in members if member not in classes]
        if unknown:
            raise InputError(
                f"THERMAL.CLASS_GROUPS: group '{name}' holds '{unknown[0]}', which is no class of the annotations: give a "
                f"name and then some of {', '.join(classes)}."
            )
    names, members = [group[0] for group in groups], [member for group in groups for member in group[1:]]
    twice = [name for listed in (names, members) for name in listed if listed.count(name) > 1]
    if twice:
        raise InputError(f"THERMAL.CLASS_GROUPS: '{twice[0]}' stands there twice: give each name and class once.")


def to_ava_boxes(people: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> AvaBoxes:
    """People as the AVA evaluation takes them.

    Args:
        people: "recording,timestamp", (P, 4) boxes x1, y1, x2, y2 and (P, C) scores of each keyframe; NaN for none.
    """
    boxes, labels, scores = {}, {}, {}
    for key, of_keyframe, rows in people:
        person, label = np.nonzero(~np.isnan(rows))
        if not len(person):
            continue
        boxes.setdefault(key, []).extend(of_keyframe[person][:, [1, 0, 3, 2]].tolist())
        labels.setdefault(key, []).extend((label + 1).tolist())
        scores.setdefault(key, []).extend(rows[person, label].tolist())
    return boxes, labels, scores


def _evaluate_groups(evaluation: Evaluation, groups: Sequence[Sequence[str]]) -> Evaluation:
    """The same predictions by groups: a group's score is the sum of its classes'; a class in no group is in none."""
    classes = list(evaluation.class_ap)
    member = np.array([[name in group[1:] for group in groups] for name in classes], float)

    def grouped(found: AvaBoxes, is_annotated: bool) -> AvaBoxes:
        people = []
        for key in found[0]:
            boxes, rows = rows_of_people(found, key, len(classes))
            sums = rows @ member
            people.append((key, boxes, np.where(sums > 0, 1.0, np.nan) if is_annotated else sums))
        return to_ava_boxes(people)

    names = [group[0] for group in groups]
    return evaluate_detections(names, grouped(evaluation.groundtruth, True), grouped(evaluation.detections, False))
