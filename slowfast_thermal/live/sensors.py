"""One sensor that is watched: its window, its people, and the moments at which they are to be scored.

Letters: H, W pixels, R people.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from slowfast_thermal.datasets.clip_frames import nearest_frames
from slowfast_thermal.live.frames import Frame
from slowfast_thermal.live.order import FrameOrder
from slowfast_thermal.live.scoring import Moment, Scorer
from slowfast_thermal.live.window import MOST_BYTES, ReadingSettings, Window
from slowfast_thermal.people.finder import PersonFinder
from slowfast_thermal.people.predicted import PredictedPerson
from slowfast_thermal.people.tracks import EVEN_SCORE, TrackedPerson, Tracker, relative_boxes
from slowfast_thermal.trees.features import empty_room

# Seconds that are kept for the clips of events, and for which an unseen person still counts.
_KEPT, _REMEMBERED = 30.0, 1.0
# Boxes of a track whose median score tells whether it is a person, as in `track_recording`.
_JUDGED = 64
# What tells the room: so many frames, so many seconds apart, looked at anew after so many.
_ROOM_FRAMES, _ROOM_STEP, _ROOM_ANEW = 120, 2.0, 10
# Seconds for which is told what was wrong.
_TOLD = 60.0
# Arrivals of which the rate is told.
_ARRIVALS = 50


@dataclass
class Health:
    """How a sensor does.

    Attributes:
        frames: that came.
        dropped: that came late or twice, without any reading, or a few with another resolution or time.
        skipped: frames that were passed over because newer ones waited.
        skipped_moments: at which nobody was scored because newer moments waited.
        restarts: times at which nothing went on: another resolution, or a clock that was set back.
        status: what was wrong within the last minute, in a few words, or empty; told when.
        delay: seconds from the arrival of the last frame that a decision needed to the decision.
    """

    frames: int = 0
    dropped: int = 0
    skipped: int = 0
    skipped_moments: int = 0
    restarts: int = 0
    status: str = ""
    told: float = 0.0
    delay: float = 0.0
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=_ARRIVALS))

    def tell(self, status: str) -> None:
        """Says what is wrong now."""
        self.status, self.told = status, time.monotonic()

    def forget(self) -> None:
        """Says no more of what was wrong a while ago."""
        if self.status and time.monotonic() - self.told > _TOLD:
            self.status = ""

    @property
    def rate(self) -> float:
        """Frames a second, lately."""
        if len(self.arrivals) < 2 or self.arrivals[-1] == self.arrivals[0]:
            return 0.0
        return (len(self.arrivals) - 1) / (self.arrivals[-1] - self.arrivals[0])


@dataclass(frozen=True)
class Picture:
    """The last frame of a sensor and who is followed in it: one object, so that another thread reads what belongs together.

    Attributes:
        time: milliseconds.
        temperatures: (H, W) degrees Celsius.
        people: boxes are in its pixels.
    """

    time: int
    temperatures: np.ndarray
    people: list[TrackedPerson]


@dataclass(frozen=True)
class _Due:
    """A moment whose frames are not all there yet, or not scored."""

    time: int
    people: list[TrackedPerson]


class Sensor:
    """Takes the frames of one sensor and tells whom to score when.

    Args:
        name: of the sensor.
        scorer: which knows how much it must see.
        new_finder: makes what finds people, anew where nothing goes on.
        settings: of its readings.
        every: seconds from moment to moment.

    Attributes:
        health: see `Health`.
        picture: the last frame, None before it.
        people: of the last moment that was scored.
        last_time: milliseconds of the last frame, None before it.
        is_live: whether its frames come when they come.
    """

    def __init__(
        self,
        name: str,
        scorer: Scorer,
        new_finder: Callable[[], PersonFinder],
        settings: ReadingSettings,
        every: float = 1.0,
    ):
        self.name = name
        self._scorer, self._new_finder, self._settings, self._step = scorer, new_finder, settings, 1000 * every
        self.health = Health()
        self.people: list[PredictedPerson] = []
        self.is_live = False
        self._order, self._most_bytes = FrameOrder(), MOST_BYTES
        self._needed = scorer.before + scorer.after + every
        self._start_anew()

    def _start_anew(self) -> None:
        frames_before, _ = self._scorer.frames_around
        # Clips of consecutive frames may span any time, so it is their number that bounds the window then.
        seconds = max(self._needed, _KEPT) if not frames_before else max(self._needed, _KEPT, 600.0)
        self._window = Window(self._settings, seconds, self._most_bytes)
        self._finder, self._tracker = self._new_finder(), Tracker()
        self._scores: dict[int, deque[float]] = {}
        self._seen: dict[int, int] = {}
        self._previous: tuple[int, list[TrackedPerson]] | None = None
        self._first: int | None = None
        self._next_step = 0
        self._due: deque[_Due] = deque()
        self._room: deque[np.ndarray] = deque()
        self._room_time, self._room_added, self._room_map = -np.inf, 0, None
        self.picture: Picture | None = None
        self.last_time: int | None = None
        self._last_scored: int | None = None

    def add(self, frame: Frame) -> bool:
        """Takes a frame in; whether everything before it is to be forgotten, as nothing of it goes on."""
        self.health.frames += 1
        self.health.arrivals.append(time.monotonic())
        self.health.forget()
        low, high = self._settings.valid_range
        if not ((frame.temperatures >= low) & (frame.temperatures <= high)).any():
            self.health.dropped += 1
            self.health.tell("frames without any reading")
            return False
        ordered = self._order.add(frame)
        self.health.dropped += ordered.dropped
        if ordered.told:
            self.health.tell(ordered.told)
        if ordered.is_new:
            self.health.restarts += 1
            self._start_anew()
        for each in ordered.frames:
            filled = self._window.add(each)
            self.last_time = each.timestamp
            self._follow(filled, each.timestamp)
        if self._window.is_short(self._needed):
            self.health.tell(f"memory is left for less than the {self._needed:.0f} seconds that are looked at")
        return ordered.is_new

    def limit(self, num_bytes: int) -> None:
        """Keeps no more frames from now on than fit into so many bytes."""
        self._most_bytes = self._window.most_bytes = num_bytes
        self._window.shrink()

    def _follow(self, filled: np.ndarray, now: int) -> None:
        """Finds and follows the people of a frame, and notes the moments that it completes."""
        found = self._finder.find(filled[None], np.array([now]))[0]
        people = [person for person in self._tracker.update(found, now) if self._is_person(person, now)]
        self.picture = Picture(now, filled, people)
        if self._scorer.needs_room and now - self._room_time >= 1000 * _ROOM_STEP:
            self._room.append(filled)
            while len(self._room) > max(min(_ROOM_FRAMES, self._most_bytes // (4 * filled.nbytes)), 1):
                self._room.popleft()
            self._room_time = now
            self._room_added += 1
        if self._first is None:
            self._first = now
        # The moments up to this frame: each is the nearest frame to its time, if one is within half a step.
        while (target := self._first + self._next_step * self._step) <= now:
            before = self._previous if self._previous else (now, people)
            is_before = target - before[0] <= now - target
            moment, there = before if is_before else (now, people)
            if abs(moment - target) <= self._step / 2:
                self._note(moment, there)
                self._next_step += 1
            else:  # a gap: the moments in it have no frame
                self._next_step = max(self._next_step + 1, int((now - self._first) / self._step + 0.5))
        self._previous = now, people

    def _is_person(self, person: TrackedPerson, now: int) -> bool:
        if person.seen:
            self._scores.setdefault(person.track, deque(maxlen=_JUDGED)).append(person.score)
            self._seen[person.track] = now
        if len(self._seen) > 256:
            old = [track for track, seen in self._seen.items() if now - seen > 60_000]
            for track in old:
                del self._seen[track], self._scores[track]
        if person.track not in self._seen or now - self._seen[person.track] > 1000 * _REMEMBERED:
            return False
        return float(np.median(self._scores[person.track])) >= EVEN_SCORE

    def _note(self, moment: int, people: list[TrackedPerson]) -> None:
        if self._last_scored is None or moment > self._last_scored:
            self._last_scored = moment
            self._due.append(_Due(moment, people))

    def due(self, at_end: bool = False) -> list[tuple[Moment, list[TrackedPerson]]]:
        """The moments that can be scored now, in the order of time, each with its people; also where nobody is.

        Args:
            at_end: no frame comes any more, so the last frame is a moment too and nothing is waited for.
        """
        if at_end and self._previous:
            self._note(*self._previous)
        ready = []
        times = self._window.times
        while self._due and (at_end or self._is_complete(self._due[0].time, times)):
            ready.append(self._due.popleft())
        return [(self._moment(each, times), each.people) for each in ready]

    def _is_complete(self, moment: int, times: np.ndarray) -> bool:
        _, after = self._scorer.frames_around
        if after:
            return len(times) - 1 - int(np.searchsorted(times, moment)) >= after
        return int(times[-1]) >= moment + 1000 * self._scorer.after

    def _moment(self, due: _Due, times: np.ndarray) -> Moment:
        before, after = self._scorer.frames_around
        place = int(np.searchsorted(times, due.time))
        if before or after:
            first, last = max(place - before, 0), min(place + after, len(times) - 1)
        else:
            # With the frames nearest to the ends, of which one lies beyond.
            ends = due.time - 1000 * self._scorer.before, due.time + 1000 * self._scorer.after
            first, last = nearest_frames(times, np.array(ends)).tolist()
            first, last = max(first - 1, 0), min(last + 1, len(times) - 1)
        places = np.arange(first, last + 1)
        frames = self._window.frames(places)
        boxes = relative_boxes(due.people, *frames.shape[1:])
        return Moment(self.name, due.time, boxes, times[places], frames, self._finder.background, self._empty_room())

    def _empty_room(self) -> np.ndarray:
        if not self._scorer.needs_room:
            return np.zeros_like(self.picture.temperatures)
        if self._room_map is None or self._room_added >= _ROOM_ANEW:
            self._room_map, self._room_added = empty_room(np.stack(self._room)), 0
        return self._room_map

    def frames_between(self, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """What the window still holds between two times, see `live.clips.FramesBetween`."""
        return self._window.measured_between(start, end)

    def predicted(self, moment: Moment, people: list[TrackedPerson], scores: np.ndarray) -> list[PredictedPerson]:
        """The scored people of a moment, which are kept as the last ones."""
        self.people = [
            PredictedPerson(
                self.name,
                moment.time,
                person.track,
                box,
                person.score,
                person.seen,
                dict(zip(self._scorer.classes, row.tolist())),
            )
            for person, box, row in zip(people, moment.boxes, scores)
        ]
        return self.people
