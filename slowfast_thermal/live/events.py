"""Events of the people who are watched: suspected, confirmed, cleared, with one id throughout.

A person's score of a kind of event is that of its classes together, smoothed over time. From the threshold on the event is
suspected; after its lowest duration it is confirmed; once the score has stayed below for `hold` seconds it is cleared.

Trackers lose people and find them again under another number, and part one person in two. Who is near an event is therefore
taken for the same thing: if its own track is gone, someone near with a score above the threshold carries it on; if not, they
support it, but raise no second event. The same holds in the cool-down after it. Near means that the centres of the two boxes
are no further apart than the wider box is wide and the taller one is tall. So two people who fall onto one another raise one
event, which somebody will come for too.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.people.predicted import PredictedPerson

# A track that is gone for so many seconds longer than an event is held begins anew.
_FORGOTTEN = 60.0


_NUMBERS = ("THRESHOLD", "DURATION", "HOLD", "COOL_DOWN", "SMOOTHING")
# Of numbers that are no seconds.
_BOUNDS = {
    "THRESHOLD": (1e-9, 1.0, "above 0 and at most 1"),
    "CLIP_GIGABYTES": (1e-9, 1e6, "above 0 and at most 1000000"),
}


@dataclass(frozen=True)
class EventSettings:
    """A kind of event.

    Attributes:
        name: of the kind.
        classes: whose scores, added up, are the event's.
        threshold: of the smoothed score, from 0 to 1.
        duration: seconds of the threshold or more after which a suspected event is confirmed.
        hold: seconds of less after which an event that was confirmed is cleared.
        cool_down: seconds after an event's end in which the same person, or one near, raises no other.
        smoothing: time constant of the exponential average, seconds; 0 for none.
    """

    name: str
    classes: tuple[str, ...]
    threshold: float
    duration: float
    hold: float
    cool_down: float
    smoothing: float

    @classmethod
    def from_config(cls, cfg, classes: Sequence[str]) -> list["EventSettings"]:
        """The kinds of a configuration.

        Args:
            cfg: with the node EVENTS.
            classes: names of the network's classes.

        Raises:
            InputError: a key or a value is none, a kind names a class that the network does not have, or two have the same name.
        """
        node = cfg.get("EVENTS")
        if not isinstance(node, dict) or not isinstance(node.get("KINDS"), (list, tuple)):
            raise InputError(
                "EVENTS must have a list KINDS and the keys " + ", ".join(_NUMBERS) + ": write them again."
            )
        _check_keys(node, {"KINDS", "CLIP_GIGABYTES", *_NUMBERS}, "EVENTS")
        kinds = []
        for place, kind in enumerate(node["KINDS"], start=1):
            where = f"EVENTS.KINDS, kind {place}"
            if (
                not isinstance(kind, dict)
                or not isinstance(kind.get("NAME"), str)
                or not _are_names(kind.get("CLASSES"))
            ):
                raise InputError(f"{where}: give it a NAME and a list of CLASSES.")
            _check_keys(kind, {"NAME", "CLASSES", *_NUMBERS}, where)
            unknown = sorted(set(kind["CLASSES"]) - set(classes))
            if unknown:
                raise InputError(
                    f"EVENTS.KINDS: '{kind['NAME']}' has the class '{unknown[0]}', but the network's are {', '.join(classes)}."
                )
            if kind["NAME"] in [other.name for other in kinds]:
                raise InputError(f"EVENTS.KINDS names '{kind['NAME']}' twice: give each kind a name of its own.")
            numbers = {key.lower(): _number(kind.get(key, node.get(key)), key) for key in _NUMBERS}
            kinds.append(cls(kind["NAME"], tuple(kind["CLASSES"]), **numbers))
        return kinds

    def score(self, person: PredictedPerson) -> float:
        """What the network says of the person at this moment, from 0 to 1."""
        return min(sum(person.scores[name] for name in self.classes), 1.0)


@dataclass(frozen=True)
class EventChange:
    """What has become of an event.

    Attributes:
        type: "new", "update" or "end".
        id: of the event; the same scores at the same times give the same ids.
        sensor: where.
        track: number of the person now.
        kind: name of the kind of event.
        state: "suspected", "confirmed" or "cleared".
        start: milliseconds from which on the score was at the threshold.
        confirmed: milliseconds at which it was confirmed, None if it was not.
        end: milliseconds until which the score was at the threshold, None while it lasts.
        score: the highest smoothed score so far.
        box: x1, y1, x2, y2 divided by the image size, of the person when last above the threshold.
        decided: milliseconds of the moment at which this was known.
    """

    type: str
    id: str
    sensor: str
    track: int
    kind: str
    state: str
    start: int
    confirmed: int | None
    end: int | None
    score: float
    box: tuple[float, float, float, float]
    decided: int

    def as_json(self) -> dict[str, object]:
        """The change as JSON has it; the kind is called "class"."""
        values = {"class" if name == "kind" else name: value for name, value in vars(self).items()}
        return values | {"score": round(self.score, 6), "box": [round(value, 6) for value in self.box]}


@dataclass
class _Event:
    """An event that lasts; `seen` is when its own track was last there, `last` when it was last supported."""

    change: EventChange
    last: int
    seen: int


@dataclass
class _Smoothed:
    """A track's score and the time of it."""

    value: float
    time: int


@dataclass
class _Ended:
    """What a confirmed event leaves for its cool-down."""

    until: float
    track: int
    box: np.ndarray


@dataclass
class _Kind:
    """The events of one kind of one sensor."""

    sensor: str
    settings: EventSettings
    events: list[_Event] = field(default_factory=list)
    scores: dict[int, _Smoothed] = field(default_factory=dict)
    ended: list[_Ended] = field(default_factory=list)

    def update(self, time: int, people: Sequence[PredictedPerson]) -> Iterator[EventChange]:
        yield from self._clear(time, lambda event: time - event.last > 1000 * self.settings.hold)
        self.ended = [each for each in self.ended if time <= each.until]
        above = []
        for person in people:
            score = self._smooth(person, time)
            if score >= self.settings.threshold:
                above.append((person, score))
        present = {person.track for person in people}
        for event in self.events:
            if event.change.track in present:
                event.seen = time
        for person, score in above:
            yield from self._support(person, score, time, present)
        yield from self._clear(
            time, lambda event: event.change.confirmed is None and event.change.track in present and event.last < time
        )
        for event in self.events:
            if event.change.confirmed is None and event.last - event.change.start >= 1000 * self.settings.duration:
                event.change = replace(event.change, type="update", state="confirmed", confirmed=time, decided=time)
                yield event.change

    def close(self, time: int) -> Iterator[EventChange]:
        yield from self._clear(time, lambda event: True)

    def _smooth(self, person: PredictedPerson, time: int) -> float:
        """The person's score, smoothed; forgets the tracks that have gone."""
        settings, score = self.settings, self.settings.score(person)
        before = self.scores.get(person.track)
        if before is not None and settings.smoothing:
            share = -math.expm1((before.time - time) / (1000 * settings.smoothing))
            score = before.value + (score - before.value) * share
        self.scores[person.track] = _Smoothed(score, time)
        if len(self.scores) > 64:
            oldest = time - 1000 * (settings.hold + _FORGOTTEN)
            self.scores = {track: each for track, each in self.scores.items() if each.time >= oldest}
        return score

    def _support(self, person: PredictedPerson, score: float, time: int, present: set[int]) -> Iterator[EventChange]:
        """Lets a person above the threshold carry an event on, or begin one."""
        event = next((event for event in self.events if event.change.track == person.track), None)
        if event is None:
            near = [event for event in self.events if _are_near(event.change.box, person.box)]
            event = next((event for event in near if event.change.track not in present), next(iter(near), None))
            if event is not None and event.change.track not in present:
                event.change = replace(event.change, type="update", track=person.track, decided=time)
                event.seen = time
                yield event.change
        if event is not None:
            event.last = time
            box = _as_tuple(person.box) if event.change.track == person.track else event.change.box
            event.change = replace(event.change, score=max(event.change.score, score), box=box)
        elif not any(each.track == person.track or _are_near(each.box, person.box) for each in self.ended):
            change = EventChange(
                "new",
                _new_id(self.sensor, self.settings.name, person.track, time),
                self.sensor,
                person.track,
                self.settings.name,
                "suspected",
                time,
                None,
                None,
                score,
                _as_tuple(person.box),
                time,
            )
            self.events.append(_Event(change, last=time, seen=time))
            yield change

    def _clear(self, time: int, is_over) -> Iterator[EventChange]:
        """Ends the events of which this is true."""
        for event in [event for event in self.events if is_over(event)]:
            self.events.remove(event)
            change = replace(event.change, type="end", state="cleared", end=event.last, decided=time)
            if change.confirmed is not None:
                until = event.last + 1000 * self.settings.cool_down
                self.ended.append(_Ended(until, change.track, np.array(change.box)))
            yield change


class EventTracker:
    """Makes events of the people of any number of sensors.

    Args:
        settings: of each kind of event.
    """

    def __init__(self, settings: Iterable[EventSettings]):
        self._settings = list(settings)
        self._sensors: dict[str, list[_Kind]] = {}
        self._times: dict[str, int] = {}

    def update(self, sensor: str, timestamp: int, people: Sequence[PredictedPerson]) -> list[EventChange]:
        """What changes with the people of a sensor at a moment.

        Args:
            sensor: its name.
            timestamp: milliseconds. Before the sensor's last moment its clock was set back: what lasted has ended then.
            people: everyone at this moment, with their scores; also nobody.
        """
        changes = []
        if timestamp < self._times.get(sensor, timestamp):
            changes += self.close(sensor, self._times[sensor])
        if sensor not in self._sensors:
            self._sensors[sensor] = [_Kind(sensor, settings) for settings in self._settings]
        self._times[sensor] = timestamp
        ordered = sorted(people, key=lambda person: person.track)
        for kind in self._sensors[sensor]:
            changes += kind.update(timestamp, ordered)
        return changes

    def close(self, sensor: str, timestamp: int) -> list[EventChange]:
        """Ends all that lasts at a sensor and forgets it, as where it stops or its tracks begin anew.

        Args:
            sensor, timestamp: see `update`.
        """
        self._times.pop(sensor, None)
        return [change for kind in self._sensors.pop(sensor, []) for change in kind.close(timestamp)]


def replay(people: Iterable[PredictedPerson], settings: Iterable[EventSettings]) -> list[EventChange]:
    """The changes that scores of recordings give, such as those of `tracks.jsonl`.

    Args:
        people: of each recording by rising time.
        settings: see `EventTracker`.
    """
    tracker = EventTracker(settings)
    moments: dict[str, dict[int, list[PredictedPerson]]] = {}
    for person in people:
        moments.setdefault(person.recording, {}).setdefault(person.timestamp, []).append(person)
    changes = []
    for recording, times in moments.items():
        for time, there in times.items():
            changes += tracker.update(recording, time, there)
        changes += tracker.close(recording, max(times))
    return changes


def _new_id(sensor: str, kind: str, track: int, start: int) -> str:
    """Sorts by time, names a file, and hardly ever comes twice."""
    return f"{start}-{hashlib.sha256(repr((sensor, kind, track, start)).encode()).hexdigest()[:8]}"


def _as_tuple(box: np.ndarray) -> tuple[float, float, float, float]:
    return tuple(float(value) for value in box)


def _are_near(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the centres of two boxes x1, y1, x2, y2 are no further apart than the larger side, in x and in y."""
    return all(
        abs(first[low] + first[low + 2] - second[low] - second[low + 2]) / 2
        <= max(first[low + 2] - first[low], second[low + 2] - second[low])
        for low in (0, 1)
    )


def _check_keys(node: dict, known: set[str], where: str) -> None:
    unknown = sorted(map(str, node.keys() - known))
    if unknown:
        raise InputError(f"{where} has the key {unknown[0]}, but its keys are {', '.join(sorted(known))}: correct it.")


def _are_names(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(name, str) for name in value)


def clip_bytes(cfg) -> float:
    """Bytes that the clips of events may take at most. Raises InputError if EVENTS.CLIP_GIGABYTES is no such number."""
    return 1e9 * _number(cfg.EVENTS.get("CLIP_GIGABYTES"), "CLIP_GIGABYTES")


def _number(value: object, key: str) -> float:
    """A number of EVENTS within its bounds."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    low, high, meant = _BOUNDS.get(key, (0.0, 1e9, "of seconds from 0 on"))
    if not is_number or not low <= value <= high:
        raise InputError(f"EVENTS: {key} is {value!r}: give a number {meant}.")
    return float(value)
