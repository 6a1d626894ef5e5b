"""How well events are raised: recall, false alarms and delay, event by event, as in the scoring of seizures and of sounds.

Any overlap counts (SzCORE: Dan et al., arXiv:2402.13005): an event may be of a truth if the two overlap in time at their
sensor, the truth widened by a tolerance at both ends. But it may not have been confirmed before: who was called for nothing
minutes ago learns nothing of a fall. One event is of one truth: of all pairings that are possible the one with the most pairs
is taken, and of these the one with the shortest delays (as the optimal matching of sed_eval, Mesaros et al., Applied Sciences
6(6), 2016). What is left are missed truths and false alarms. A further event of a truth that another event is of counts as a
false alarm too, as a repeat. Who it was does not count: truth has no boxes.

What people did counts as one truth if it is of the kind's classes and the pauses between are shorter than JOINED.
Uncertainty is that of other hours: hours are drawn with replacement (1,000 times).

Letters: E events, T truths, U hours that were watched, B samples.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import beta, chi2

from slowfast_thermal.evaluation.bootstrap import drawn_times
from slowfast_thermal.preparation.truth import Interval, Span, Truth

TOLERANCE = 5.0
"""Seconds before the start and after the end of a truth in which an event may still be of it."""
JOINED = 10.0
"""Seconds of a pause within a truth."""
NOBODY = "nobody there"
"""What happened at a false alarm while no one did anything."""

_HOUR = 3_600_000
_SAMPLES = 1000
# An hour's part that is shorter belongs to the hour before it.
_SHORTEST = 0.5
# A pair more outweighs any delay, milliseconds.
_PAIR = 1e12


class Event(NamedTuple):
    """A confirmed event; times in milliseconds."""

    sensor: str
    kind: str
    start: int
    end: int
    confirmed: int
    score: float


class Counts(NamedTuple):
    """What is counted in each of U hours, (U,) each."""

    hours: np.ndarray
    truths: np.ndarray
    found: np.ndarray
    false_alarms: np.ndarray
    repeats: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """Events of a kind beside the truth.

    Attributes:
        counts: by hour.
        delays: seconds from the start of each truth that was found to the confirmation.
        missed: truths without an event.
        false_alarms: events without a truth, each with what most happened then.
        num_repeats: events of a truth that another event is of.
    """

    counts: Counts
    delays: np.ndarray
    missed: list[Interval]
    false_alarms: list[tuple[Event, str]]
    num_repeats: int

    def measures(self) -> dict[str, object]:
        """Every measure by name, with 95 % intervals: of other hours, and for counts alone (exact).

        The exact ones are those of Clopper and Pearson (Biometrika 26, 1934) for recall and of Garwood (Biometrika 28, 1936)
        for false alarms, as if events did not depend on each other.
        """
        totals = Counts(*(float(values.sum()) for values in self.counts))
        rates = _rates(totals)
        drawn = _percentiles(self.counts)
        low, high = _binomial(int(totals.found), int(totals.truths))
        alarms = totals.false_alarms + totals.repeats
        few, many = (value / totals.hours for value in _poisson(int(alarms)))
        exact = {
            "recall": [low, high],
            "false_alarms_an_hour": [few, many],
            "false_alarms_a_day": [24 * few, 24 * many],
        }
        delay = {"median": None, "90 %": None}
        if len(self.delays):
            delay = {"median": float(np.median(self.delays)), "90 %": float(np.percentile(self.delays, 90))}
        return {
            "hours": totals.hours,
            "truths": int(totals.truths),
            "found": int(totals.found),
            "false_alarms": int(totals.false_alarms),
            "repeats": int(totals.repeats),
            "delay_seconds": delay,
            **{
                name: {
                    "value": value,
                    "of_other_hours": drawn[name],
                    **({"exact": exact[name]} if name in exact else {}),
                }
                for name, value in rates.items()
            },
            "false_alarms_while": dict(Counter(label for _, label in self.false_alarms).most_common()),
        }


def confirmed_events(records: Iterable[dict]) -> list[Event]:
    """The confirmed events of changes as `EventChange.as_json` gives them, in the order of their lines.

    An event that was not ended lasts until its last change.
    """
    last = {record["id"]: record for record in records}
    return [
        Event(
            record["sensor"],
            record["class"],
            record["start"],
            record["decided"] if record["end"] is None else record["end"],
            record["confirmed"],
            record["score"],
        )
        for record in last.values()
        if record["confirmed"] is not None
    ]


def true_events(truth: Truth, classes: Sequence[str]) -> list[Interval]:
    """What happened of some classes, each person's intervals joined over pauses shorter than JOINED."""
    joined: list[Interval] = []
    chosen = [interval for interval in truth.intervals if interval.label in classes]
    for interval in sorted(chosen, key=lambda i: (i.sensor, i.person, i.start)):
        before = joined[-1] if joined else None
        same = before is not None and (before.sensor, before.person) == (interval.sensor, interval.person)
        if same and interval.start - before.end < 1000 * JOINED:
            joined[-1] = before._replace(end=max(before.end, interval.end))
        else:
            joined.append(interval)
    return joined


def judge(events: Sequence[Event], truth: Truth, classes: Sequence[str]) -> Judgement:
    """Sets events of one kind beside the truth; what lies outside the stretches that were watched does not count.

    Args:
        events: E confirmed ones of the kind.
        truth: with the stretches that were watched.
        classes: of the kind.
    """
    hours = _Hours(truth.recordings)
    truths = [t for t in true_events(truth, classes) if hours.watched(t)]
    events = [event for event in events if hours.watched(event)]
    pairs, overlapping = _match(events, truths)
    matched = {event for event, _ in pairs}
    false = [event for place, event in enumerate(events) if not overlapping[place]]
    repeats = [event for place, event in enumerate(events) if overlapping[place] and place not in matched]
    counts = Counts(
        hours.lengths,
        hours.count([(t.sensor, t.start) for t in truths]),
        hours.count([(truths[t].sensor, truths[t].start) for _, t in pairs]),
        hours.count([(event.sensor, event.confirmed) for event in false]),
        hours.count([(event.sensor, event.confirmed) for event in repeats]),
    )
    found = {place for _, place in pairs}
    return Judgement(
        counts,
        np.array([(events[event].confirmed - truths[t].start) / 1000 for event, t in pairs]),
        [t for place, t in enumerate(truths) if place not in found],
        [(event, _what_happened(event, truth)) for event in false],
        len(repeats),
    )


def curve(
    events_at: Callable[[float], Sequence[Event]], thresholds: Sequence[float], truth: Truth, classes: Sequence[str]
) -> list[dict[str, object]]:
    """The measures of a kind as its threshold moves.

    Args:
        events_at: the confirmed events of the kind at a threshold.
        thresholds: rising.
        truth, classes: see `judge`.
    """
    return [{"threshold": float(each), **judge(events_at(each), truth, classes).measures()} for each in thresholds]


class _Hours:
    """The U hours that were watched; a last part of half an hour or more is one of its own."""

    def __init__(self, spans: Sequence[Span]):
        self._spans = spans
        self._first, lengths = [], []
        for span in spans:
            length = (span.end - span.start) / _HOUR
            whole = max(int(length), 1)
            parts = [1.0] * whole
            if length - whole >= _SHORTEST:
                parts.append(length - whole)
            else:
                parts[-1] += length - whole
            self._first.append(len(lengths))
            lengths += parts
        self.lengths = np.array(lengths)
        self._ends = [*self._first[1:], len(lengths)]

    def watched(self, what: Event | Interval) -> bool:
        return any(
            span.sensor == what.sensor and span.start <= what.end and what.start <= span.end for span in self._spans
        )

    def count(self, moments: list[tuple[str, int]]) -> np.ndarray:
        """(U,) how many moments, each of a sensor and milliseconds, lie in each hour; those outside in the nearest."""
        counts = np.zeros(len(self.lengths), int)
        for sensor, time in moments:
            places = [place for place, span in enumerate(self._spans) if span.sensor == sensor]
            place = min(places, key=lambda p: max(self._spans[p].start - time, time - self._spans[p].end, 0))
            hour = self._first[place] + max(time - self._spans[place].start, 0) // _HOUR
            counts[min(hour, self._ends[place] - 1)] += 1
        return counts


def _match(events: Sequence[Event], truths: Sequence[Interval]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Pairs of an event's and a truth's place, and (E,) whether an event overlaps any truth."""
    pairs, overlapping = [], np.zeros(len(events), bool)
    margin = 1000 * TOLERANCE
    for sensor in sorted({event.sensor for event in events}):
        own = np.array([place for place, event in enumerate(events) if event.sensor == sensor])
        there = np.array([place for place, t in enumerate(truths) if t.sensor == sensor], int)
        cost = np.zeros((len(own), len(there)))
        for row, event in enumerate(own):
            for column, place in enumerate(there):
                event_, truth = events[event], truths[place]
                if event_.start <= truth.end + margin and truth.start - margin <= event_.confirmed:
                    cost[row, column] = abs(event_.confirmed - truth.start) - _PAIR
        overlapping[own] = (cost < 0).any(1)
        pairs += [
            (int(own[row]), int(there[column]))
            for row, column in zip(*linear_sum_assignment(cost))
            if cost[row, column] < 0
        ]
    return pairs, overlapping


def _what_happened(event: Event, truth: Truth) -> str:
    """What people at the sensor did for the longest time during an event."""
    seconds: Counter[str] = Counter()
    for interval in truth.intervals:
        shared = min(event.end, interval.end) - max(event.start, interval.start)
        if interval.sensor == event.sensor and shared >= 0:
            seconds[interval.label] += shared + 1
    return seconds.most_common(1)[0][0] if seconds else NOBODY


def _rates(totals: Counts) -> dict[str, float | None]:
    """The measures of sums over hours; None where nothing is to be divided by."""
    alarms = totals.false_alarms + totals.repeats
    recall = totals.found / totals.truths if totals.truths else None
    precision = totals.found / (totals.found + alarms) if totals.found + alarms else None
    return {
        "recall": recall,
        "precision": precision,
        "f1": 2 * totals.found / (totals.found + alarms + totals.truths) if totals.truths + alarms else None,
        "false_alarms_an_hour": alarms / totals.hours,
        "false_alarms_a_day": 24 * alarms / totals.hours,
    }


def _percentiles(counts: Counts) -> dict[str, list[float] | None]:
    """95 % intervals of the measures in samples of hours; None with fewer than two hours."""
    drawn: dict[str, list[float]] = {name: [] for name in _rates(Counts(1, 0, 0, 0, 0))}
    if len(counts.hours) > 1:
        for times in drawn_times(len(counts.hours), _SAMPLES):
            for sample in times:
                for name, value in _rates(Counts(*(float(sample @ values) for values in counts))).items():
                    if value is not None:
                        drawn[name].append(value)
    return {name: np.percentile(values, [2.5, 97.5]).tolist() if values else None for name, values in drawn.items()}


def _binomial(found: int, number: int) -> tuple[float, float]:
    """The exact 95 % interval of a share."""
    low = float(beta.ppf(0.025, found, number - found + 1)) if found else 0.0
    return low, float(beta.ppf(0.975, found + 1, number - found)) if found < number else 1.0


def _poisson(count: int) -> tuple[float, float]:
    """The exact 95 % interval of a count's expectation."""
    return float(chi2.ppf(0.025, 2 * count) / 2) if count else 0.0, float(chi2.ppf(0.975, 2 * count + 2) / 2)
