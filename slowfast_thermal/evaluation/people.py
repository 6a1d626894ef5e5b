"""Who is who in a keyframe: its annotated and its predicted people, matched by their boxes.

Letters: R annotated and P predicted people of a keyframe, C classes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torchvision.ops import box_iou

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.evaluation.metrics import IOU, AvaBoxes, Evaluation


@dataclass(frozen=True)
class Person:
    """A person of a keyframe: annotated, predicted, or both.

    Attributes:
        actions: classes the person is annotated with, from 0; none for a predicted person that is not annotated.
        annotated_box, predicted_box: (4,) x1, y1, x2, y2 divided by the image size, or None.
        scores: (C,) float of the prediction, or None; 0 for a class that was not predicted.
        track: number of a person who is followed, from 1, whom nobody annotates.
    """

    actions: list[int]
    annotated_box: np.ndarray | None
    predicted_box: np.ndarray | None = None
    scores: np.ndarray | None = None
    track: int | None = None

    @property
    def best(self) -> int:
        """The class with the highest score, of a predicted person."""
        return int(self.scores.argmax())

    @property
    def is_wrong(self) -> bool:
        """Whether the class with the highest score is none of the person's actions."""
        return self.scores is not None and self.best not in self.actions


class PeopleCounts(NamedTuple):
    """How many people of a test are annotated, of these missed, found, and of these not annotated ("invented")."""

    annotated: int
    missed: int
    found: int
    invented: int


def keyframe_key(keyframe: Keyframe) -> str:
    """The "recording,timestamp" by which PySlowFast's AVA evaluation knows a keyframe."""
    return f"{keyframe.recording},{keyframe.timestamp:04d}"


def match_people(keyframe: Keyframe, detections: AvaBoxes) -> list[Person]:
    """The people of a keyframe, first the annotated ones, then predicted ones that match none of them.

    AvaBoxes are matched one to one, the largest overlap first, from an intersection over union of 0.5 on.
    """
    predicted = rows_of_people(detections, keyframe_key(keyframe), keyframe.labels.shape[1])
    return _match(keyframe.boxes, keyframe.labels, *predicted)


def count_right(evaluation: Evaluation) -> np.ndarray:
    """(K, 2) of each of `Evaluation.keyframes` the annotated people whose highest class is among their actions, and all
    annotated people; those of whom there is no prediction are not right."""
    counts = []
    for everyone in _people_by_keyframe(evaluation):
        people = [person for person in everyone if person.actions]
        counts.append((sum(person.scores is not None and not person.is_wrong for person in people), len(people)))
    return np.array(counts, int).reshape(-1, 2)


def count_people(evaluation: Evaluation) -> PeopleCounts:
    """Counts the people whose boxes match, one to one, and those whose boxes match none."""
    people = [person for everyone in _people_by_keyframe(evaluation) for person in everyone]
    annotated = sum(person.annotated_box is not None for person in people)
    found = sum(person.predicted_box is not None for person in people)
    return PeopleCounts(annotated, len(people) - found, found, len(people) - annotated)


def _people_by_keyframe(evaluation: Evaluation) -> Iterator[list[Person]]:
    """Of each of `Evaluation.keyframes` the people as `match_people` gives them."""
    for key in evaluation.keyframes:
        annotated, predicted = (
            rows_of_people(part, key, len(evaluation.class_ap))
            for part in (evaluation.groundtruth, evaluation.detections)
        )
        yield _match(*annotated, *predicted)


def rows_of_people(found: AvaBoxes, key: str, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(P, 4) boxes x1, y1, x2, y2 and (P, C) scores of the people of a keyframe; entries of the same box are one person's."""
    scores = {}
    for box, label, score in zip(*(part.get(key, []) for part in found)):
        scores.setdefault(tuple(box), np.zeros(num_classes))[label - 1] = score
    boxes = np.array(list(scores), float).reshape(-1, 4)[:, [1, 0, 3, 2]]
    return boxes, np.array(list(scores.values())).reshape(len(boxes), num_classes)


def _match(true_boxes: np.ndarray, labels: np.ndarray, boxes: np.ndarray, scores: np.ndarray) -> list[Person]:
    overlap = box_iou(torch.from_numpy(true_boxes).double(), torch.from_numpy(boxes)).numpy()
    matches = {}
    for place in np.argsort(-overlap, axis=None, kind="stable"):
        annotated, predicted = np.unravel_index(place, overlap.shape)
        if overlap[annotated, predicted] < IOU:
            break
        if annotated not in matches and predicted not in matches.values():
            matches[annotated] = predicted

    people = []
    for annotated, (box, label) in enumerate(zip(true_boxes, labels)):
        predicted = matches.get(annotated)
        found = () if predicted is None else (boxes[predicted], scores[predicted])
        people.append(Person(label.nonzero()[0].tolist(), box, *found))
    others = [predicted for predicted in range(len(boxes)) if predicted not in matches.values()]
    return people + [Person([], None, boxes[predicted], scores[predicted]) for predicted in others]


def find_missed(keyframes: Iterable[Keyframe], detections: AvaBoxes) -> list[tuple[Keyframe, list[Person]]]:
    """The keyframes in which someone was not found, or nobody is where someone was, each with all its people; the former
    first, and of both in the order of the keyframes."""
    missed, invented = [], []
    for keyframe in keyframes:
        people = match_people(keyframe, detections)
        if any(person.predicted_box is None for person in people):
            missed.append((keyframe, people))
        elif any(person.annotated_box is None for person in people):
            invented.append((keyframe, people))
    return missed + invented


def find_mistakes(keyframes: Iterable[Keyframe], detections: AvaBoxes) -> list[tuple[Keyframe, list[Person]]]:
    """The keyframes in which someone's highest class is wrong, each with all its people; the highest such score first."""
    found = []
    for keyframe in keyframes:
        people = match_people(keyframe, detections)
        wrong = [person.scores.max() for person in people if person.is_wrong]
        if wrong:
            found.append((max(wrong), keyframe, people))
    found.sort(key=lambda mistake: -mistake[0])
    return [(keyframe, people) for _, keyframe, people in found]
