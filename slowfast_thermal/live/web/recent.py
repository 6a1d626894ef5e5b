"""What the last minutes brought, kept for the page.

The watch's thread writes and the server's reads. Both hold the lock only while they append to or copy a short list.
"""

import threading
from collections import deque
from typing import NamedTuple

from slowfast_thermal.live.events import EventChange
from slowfast_thermal.people.predicted import PredictedPerson

# Milliseconds that are kept of a sensor, and of them at most so many moments with so many people each.
KEPT = 300_000
_MOST_MOMENTS, _MOST_PEOPLE = 600, 16
# Events that are kept, and sensors.
_MOST_EVENTS, _MOST_SENSORS = 100, 1000


class Action(NamedTuple):
    """What a person does most likely: the number of the track, the class, and its score from 0 to 1."""

    track: int
    name: str
    score: float


class Seen(NamedTuple):
    """The people of a moment, which is milliseconds."""

    time: int
    actions: tuple[Action, ...]


class Recent:
    """The strongest actions of the last minutes, and the last events that were suspected or confirmed."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seen: dict[str, deque[Seen]] = {}
        self._events: dict[str, EventChange] = {}

    def add_people(self, sensor: str, timestamp: int, people: list[PredictedPerson]) -> None:
        """Notes the people of a moment; a clock that was set back begins anew."""
        strongest = ((person, max(person.scores, key=person.scores.get)) for person in people[:_MOST_PEOPLE])
        seen = Seen(timestamp, tuple(Action(person.track, name, person.scores[name]) for person, name in strongest))
        with self._lock:
            moments = self._seen[sensor] = self._seen.pop(sensor, deque(maxlen=_MOST_MOMENTS))
            if len(self._seen) > _MOST_SENSORS:  # the one of whom nothing came for longest
                del self._seen[next(iter(self._seen))]
            if moments and moments[-1].time >= timestamp:
                moments.clear()
            moments.append(seen)
            while moments[0].time < timestamp - KEPT:
                moments.popleft()

    def add_change(self, change: EventChange) -> None:
        """Notes what has become of an event; a suspicion that came to nothing is forgotten."""
        with self._lock:
            if change.type == "end" and change.confirmed is None:
                self._events.pop(change.id, None)
                return
            self._events[change.id] = change
            if len(self._events) > _MOST_EVENTS:
                ended = (id for id, event in self._events.items() if event.type == "end")
                del self._events[next(ended, next(iter(self._events)))]

    def moments(self, sensor: str) -> list[Seen]:
        """Of a sensor, by rising time."""
        with self._lock:
            return list(self._seen.get(sensor, ()))

    def events(self) -> list[EventChange]:
        """The last change of each event, the newest event first."""
        with self._lock:
            return list(self._events.values())[::-1]

    def has_event(self, id: str) -> bool:
        """Whether this is the id of an event that is kept."""
        with self._lock:
            return id in self._events
