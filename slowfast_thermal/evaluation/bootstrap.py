"""How sure a score is, and the difference of two.

Keyframes a second apart show nearly the same, so they are no independent draws: an interval from single keyframes would be
too narrow. Stretches of 10 seconds are drawn instead (a block bootstrap: Künsch, Annals of Statistics 17, 1989).

Letters: K keyframes, C classes, B samples.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from slowfast_thermal.evaluation.metrics import Evaluation, Ranking
from slowfast_thermal.evaluation.people import count_right
from slowfast_thermal.preparation.splits import SESSION_PATTERN, session_of

STRETCH_MS = 10_000
"""Length of the stretches that are drawn together, milliseconds."""
MIN_BOXES = 5
"""Boxes from which on a class counts for t5."""
# Draws that are scored together.
_PART = 100

MEASURES = ("mAP", "t5", "top1")
"""The mAP; the mean AP of the classes with at least MIN_BOXES boxes; the share of people whose highest class is right."""


class Tally:
    """What an evaluation counts in each keyframe, so that its scores in any draw of the keyframes are soon known."""

    def __init__(self, evaluation: Evaluation):
        labels = evaluation.groundtruth[1]
        num_classes = len(evaluation.class_ap)
        self._num_boxes = np.array(
            [np.bincount(np.array(labels.get(k, []), int) - 1, minlength=num_classes) for k in evaluation.keyframes]
        ).reshape(-1, num_classes)
        self._frequent = self._num_boxes.sum(0) >= MIN_BOXES
        self._rankings = evaluation.rankings
        self._right = count_right(evaluation)

    def scores(self, times: np.ndarray) -> np.ndarray:
        """(B, 3) MEASURES of draws that hold keyframe k `times[b, k]` times; NaN where there are no boxes to score."""
        totals, people = times @ self._num_boxes, times @ self._right
        aps = np.stack([_ap(ranking, times, total) for ranking, total in zip(self._rankings, totals.T)], 1)
        return np.stack([_mean(aps), _mean(aps[:, self._frequent]), _ratio(people[:, 0], people[:, 1])], 1)


def measure(evaluation: Evaluation) -> dict[str, float]:
    """The MEASURES of an evaluation."""
    scores = Tally(evaluation).scores(np.ones((1, len(evaluation.keyframes)), int))
    return {**dict(zip(MEASURES, scores[0].tolist())), "mAP": evaluation.mean_ap}


def interval(
    evaluation: Evaluation, num_samples: int, session_pattern: str = SESSION_PATTERN
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of the MEASURES; (NaN, NaN) where there is nothing to score, or a single stretch.

    Args:
        evaluation: of the K keyframes.
        num_samples: B.
        session_pattern: recordings of one session lie on one clock and may hold the same frames.
    """
    tally = Tally(evaluation)
    draws = _draws(evaluation.keyframes, num_samples, session_pattern)
    return _percentiles([tally.scores(times) for times in draws])


def difference(
    first: Sequence[Evaluation], second: Sequence[Evaluation], num_samples: int, session_pattern: str = SESSION_PATTERN
) -> dict[str, tuple[float, float, float]]:
    """By how much the first is above the second in each of the MEASURES, with the 95 % interval of the difference.

    Both are scored on the same draws of the stretches, so that what makes a stretch hard for both cancels out.

    Args:
        first, second: evaluations of the same keyframes, of one run or of several whose scores are averaged, such as
            seeds.
        num_samples, session_pattern: see `interval`.
    """
    keyframes = first[0].keyframes
    assert all(evaluation.keyframes == keyframes for evaluation in (*first, *second))
    tallies = [[Tally(evaluation) for evaluation in side] for side in (first, second)]

    def differ(times: np.ndarray) -> np.ndarray:
        above, below = (np.mean([tally.scores(times) for tally in side], 0) for side in tallies)
        return above - below

    found = differ(np.ones((1, len(keyframes)), int))[0].tolist()
    ends = _percentiles([differ(times) for times in _draws(keyframes, num_samples, session_pattern)])
    return {name: (value, *ends[name]) for name, value in zip(MEASURES, found)}


def _stretches(keyframes: list[str], session_pattern: str) -> np.ndarray:
    """(K,) the number of each keyframe's stretch, from "recording,timestamp"."""
    names = []
    for keyframe in keyframes:
        recording, timestamp = keyframe.rsplit(",", 1)
        names.append((session_of(recording, session_pattern) or recording, int(timestamp) // STRETCH_MS))
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names], int)


def _draws(keyframes: list[str], num_samples: int, session_pattern: str) -> Iterator[np.ndarray]:
    """How often each of the K keyframes is drawn, (B, K) in parts, always the same."""
    stretches = _stretches(keyframes, session_pattern)
    number = stretches.max() + 1 if len(stretches) else 0
    # A single stretch is the same in every draw, which says nothing of how sure a score is.
    for times in drawn_times(number if number > 1 else 0, num_samples):
        yield times[:, stretches]


def drawn_times(number: int, num_samples: int) -> Iterator[np.ndarray]:
    """How often each of a number of things is drawn in each of B samples of as many, (B, number) in parts, always the same."""
    rng = np.random.default_rng(0)
    for start in range(0, num_samples if number else 0, _PART):
        drawn = rng.integers(number, size=(min(_PART, num_samples - start), number))
        yield np.stack([np.bincount(draw, minlength=number) for draw in drawn])


def _percentiles(scores: list[np.ndarray]) -> dict[str, tuple[float, float]]:
    found = {}
    for name, values in zip(MEASURES, np.concatenate([np.zeros((0, len(MEASURES))), *scores]).T):
        values = values[~np.isnan(values)]
        found[name] = tuple(np.percentile(values, [2.5, 97.5]).tolist()) if len(values) else (float("nan"),) * 2
    return found


def _mean(aps: np.ndarray) -> np.ndarray:
    """(B,) means of the APs that are numbers."""
    is_number = ~np.isnan(aps)
    return _ratio(np.where(is_number, aps, 0).sum(1), is_number.sum(1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _ap(ranking: Ranking, times: np.ndarray, num_boxes: np.ndarray) -> np.ndarray:
    """(B,) APs as the AVA evaluation defines them, of the detections repeated as often as their keyframes are drawn."""
    weights = times[:, ranking.keyframe]
    right = weights * ranking.correct
    precision = right.cumsum(1) / np.maximum(weights.cumsum(1), 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return _ratio((right * best).sum(1), num_boxes)
