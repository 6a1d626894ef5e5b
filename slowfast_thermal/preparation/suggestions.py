"""Which moments of recordings to label next.

The more often a class is labelled, the less one more example of it teaches. What is known of a moment is what was predicted for its
people, so its worth is the expected growth of a sum over classes of square roots of their labelled people: a greedy choice by it
spreads over the classes, and goes to the rare ones first. To this comes how unsure the predictions are (their entropy).

Letters: P people of a moment, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.datasets.records import field, read_json_lines
from slowfast_thermal.errors import InputError

# How much a moment's entropy, from 0 to 1, counts beside the growth; chosen on simulated rooms.
_UNSURE = 0.1
# Seconds between two moments, or a moment and a labelled keyframe: clips of the recipes for few labels share no frame then.
GAP = 4.0


class Moment(NamedTuple):
    """A moment with its people: recording, milliseconds, and (P, C) scores."""

    recording: str
    timestamp: int
    scores: np.ndarray


@dataclass(frozen=True)
class Suggestion:
    """A moment to label.

    Attributes:
        recording, timestamp: when, in milliseconds.
        likely: the class for which it was chosen.
        score: of this class.
        entropy: of the least sure person, 0 to 1.
    """

    recording: str
    timestamp: int
    likely: str
    score: float
    entropy: float


def choose(
    moments: Sequence[Moment],
    classes: Sequence[str],
    number: int,
    labelled: np.ndarray,
    times: Mapping[str, Sequence[int]],
    gap: float = GAP,
) -> list[Suggestion]:
    """The moments that are expected to teach most, the best first.

    Args:
        moments: to choose from.
        classes: names of the C classes.
        number: of suggestions; there are fewer where the gaps leave no more.
        labelled: (C,) people of each class who are labelled already.
        times: milliseconds of the labelled keyframes, by recording.
        gap: seconds between two moments of a recording, or a moment and a labelled keyframe.
    """
    chances = [_chances(moment.scores) for moment in moments]
    expected = np.array([chance.sum(0) for chance in chances]).reshape(len(moments), len(classes))
    entropy = np.array([_entropy(chance).max(initial=0) for chance in chances])
    known = labelled.astype(float)
    taken: dict[str, list[int]] = {name: list(of) for name, of in times.items()}
    is_free = np.array([bool(len(m.scores)) and _is_apart(m, taken, gap) for m in moments], bool)
    found = []
    while len(found) < number and is_free.any():
        growth = np.sqrt(known + expected) - np.sqrt(known)
        worth = np.where(is_free, growth.sum(1) + _UNSURE * entropy, -np.inf)
        place = int(worth.argmax())
        moment, best = moments[place], int(growth[place].argmax())
        found.append(
            Suggestion(
                moment.recording,
                moment.timestamp,
                classes[best],
                float(moment.scores[:, best].max()),
                float(entropy[place]),
            )
        )
        known += expected[place]
        taken.setdefault(moment.recording, []).append(moment.timestamp)
        for other in np.flatnonzero(is_free):
            is_free[other] = moments[other].recording != moment.recording or _is_apart(moments[other], taken, gap)
    return found


def _is_apart(moment: Moment, taken: Mapping[str, Sequence[int]], gap: float) -> bool:
    return all(abs(moment.timestamp - time) >= 1000 * gap for time in taken.get(moment.recording, ()))


def _chances(scores: np.ndarray) -> np.ndarray:
    """(P, C) scores that add up to 1 for each person."""
    return scores / np.maximum(scores.sum(1, keepdims=True), 1e-9)


def _entropy(chances: np.ndarray) -> np.ndarray:
    """(P,) from 0, one class is sure, to 1, all are alike."""
    return -(chances * np.log(np.maximum(chances, 1e-12))).sum(1) / np.log(max(chances.shape[1], 2))


def suggest(
    root: str | Path, predictions: str | Path, number: int, annotations: Sequence[str], gap: float = GAP
) -> list[Suggestion]:
    """The moments of predicted recordings to label next, see `choose`.

    Args:
        root: folder of a data set.
        predictions: `tracks.jsonl` of tools/predict.py.
        number: of moments.
        annotations: annotation files by their paths from there; those that do not exist are passed over.
        gap: see `choose`.

    Raises:
        InputError: a file is wrong, or `number` or `gap` is not positive.
    """
    if number < 1 or not 0 < gap < np.inf:
        raise InputError(f"{number} moments, {gap:g} seconds apart: give a positive number of both.")
    if not Path(root).is_dir():
        raise InputError(f"Folder '{root}' does not exist: give that of the data set.")
    moments, classes = _read(Path(predictions))
    labelled, times = np.zeros(len(classes), int), {}
    for path in (Path(root) / name for name in annotations):
        if path.is_file():
            known = load_annotations([path])
            for keyframe in known.keyframes:
                times.setdefault(keyframe.recording, []).append(keyframe.timestamp)
            for count, name in zip(
                sum((k.labels.sum(0) for k in known.keyframes), np.zeros(len(known.classes))), known.classes
            ):
                if name in classes:
                    labelled[classes.index(name)] += int(count)
    return choose(moments, classes, number, labelled, times, gap)


def _read(path: Path) -> tuple[list[Moment], list[str]]:
    """The moments of a file of predictions, and the names of their classes."""
    people: dict[tuple[str, int], list[list[float]]] = {}
    classes: list[str] = []
    for where, record in read_json_lines(path):
        scores = field(record, "scores", dict, where)
        classes = classes or list(scores)
        if list(scores) != classes or not all(
            isinstance(score, (int, float)) and 0 <= score <= 1 for score in scores.values()
        ):
            raise InputError(
                f"{where}: 'scores' must have a number from 0 to 1 for each class of the first line: predict again."
            )
        key = field(record, "recording", str, where), field(record, "timestamp", int, where)
        people.setdefault(key, []).append(list(scores.values()))
    if not people:
        raise InputError(f"{path} holds nobody: predict recordings in which somebody is found.")
    return [Moment(*key, np.array(scores)) for key, scores in people.items()], classes


def read_moments(path: Path) -> set[tuple[str, int]]:
    """Recording and milliseconds of each line of a list of suggestions. Raises InputError if a line is none."""
    return {
        (field(record, "recording", str, where), field(record, "timestamp", int, where))
        for where, record in read_json_lines(path)
    }
