"""Watching sensors: their frames become people, scores and events, as they come.

Every source has a thread, which puts its frames into the inbox of their sensor. One loop takes them out, finds and follows the
people of each frame, and scores those of the moments that are due.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing
from slowfast_thermal.live.events import EventTracker
from slowfast_thermal.live.frames import Frame
from slowfast_thermal.live.scoring import Moment, Scorer
from slowfast_thermal.live.sensors import Sensor
from slowfast_thermal.live.sinks import EventSinks
from slowfast_thermal.live.sources import Source
from slowfast_thermal.live.window import ReadingSettings
from slowfast_thermal.people.finder import PersonFinder
from slowfast_thermal.people.predicted import PredictedPerson
from slowfast_thermal.people.tracks import TrackedPerson

logger = logging.getLogger(__name__)

# Frames that wait for each sensor, and sensors at most: a name a frame would fill the memory.
INBOX, _MOST_SENSORS = 64, 1000
# Moments of a live sensor that may wait; of more only the newest one is scored.
_MOST_BEHIND = 3
# Seconds after which a live sensor counts as silent, between two writings of the status, and for which nothing is waited.
_SILENT, _STATUS_STEP, _WAIT = 10.0, 5.0, 0.05

OnPeople = Callable[[str, int, list[PredictedPerson]], None]


class _Inbox:
    """Frames of one sensor that wait, the newest ones of a live source."""

    def __init__(self, size: int, is_live: bool):
        self.frames: deque[tuple[Frame, float]] = deque()
        self.size, self.is_live, self.skipped = size, is_live, 0


class _Due(NamedTuple):
    """A moment of a sensor that is to be scored, and when its last frame arrived."""

    sensor: Sensor
    moment: Moment
    people: list[TrackedPerson]
    arrived: float


class Watcher:
    """Watches any number of sensors.

    Args:
        scorer: of people.
        new_finder: makes what finds the people of a sensor.
        settings: of readings.
        events: see `EventTracker`.
        sinks: where events go, None: nowhere.
        every: seconds between moments.
        inbox: frames that may wait for each sensor.
        folder: for `status.json`; None: it is not written.
        on_people: is told of the people of every moment that was scored: sensor, milliseconds, people.

    Attributes:
        sensors: by name.
        notes: the last thing that each source told, by its name.
    """

    def __init__(
        self,
        scorer: Scorer,
        new_finder: Callable[[], PersonFinder],
        settings: ReadingSettings,
        events: EventTracker,
        sinks: EventSinks | None = None,
        every: float = 1.0,
        inbox: int = INBOX,
        folder: Path | None = None,
        on_people: OnPeople = lambda sensor, timestamp, people: None,
    ):
        self.sensors: dict[str, Sensor] = {}
        self.notes: dict[str, str] = {}
        self._scorer, self._new_finder, self._settings, self._every = scorer, new_finder, settings, every
        self._events, self.sinks, self._folder, self._on_people = events, sinks, folder, on_people
        self._inbox_size = inbox
        self._inboxes: dict[str, _Inbox] = {}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._running = 0
        self._started = time.monotonic()
        self._next_status = 0.0
        self._turned_away = 0
        self.num_events = 0

    def frames_between(self, sensor: str, start: int, end: int):
        """What is still known of a sensor between two times, see `live.clips.FramesBetween`."""
        return self.sensors[sensor].frames_between(start, end)

    def stop(self) -> None:
        """Ends the watch after what is going on; may be called from a signal handler."""
        self._stop.set()

    def run(self, sources: Sequence[Source], after_round: Callable[[], None] = lambda: None) -> None:
        """Watches until all sources have ended or `stop` is called; `after_round` is called again and again."""
        threads = [threading.Thread(target=self._read, args=(source,), daemon=True) for source in sources]
        self._running = len(threads)
        for thread in threads:
            thread.start()
        try:
            while not self._stop.is_set():
                taken, is_over = self._take()
                for name, frames in taken.items():
                    self._score(self._process(name, frames))
                if is_over and not taken:
                    break
                self._write_status()
                after_round()
        finally:
            self._stop.set()
            with self._changed:
                self._changed.notify_all()
            for name in list(self.sensors):
                self._finish(name)
            for thread in threads:
                thread.join(2)
            self._write_status(now=True)

    def _read(self, source: Source) -> None:
        def tell(text: str) -> None:
            self.notes[source.name] = text
            logger.info("%s: %s", source.name, text)

        try:
            source.run(lambda frame: self._put(frame, source.is_live), tell, self._stop)
            tell("has ended")
        except InputError as error:
            tell(f"has ended: {error}")
        except Exception as error:  # a fault of one source must not end the others
            logger.exception("%s failed", source.name)
            tell(f"has failed: {type(error).__name__}: {error}")
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _put(self, frame: Frame, is_live: bool) -> None:
        with self._changed:
            inbox = self._inboxes.get(frame.sensor)
            if inbox is None:
                if len(self._inboxes) >= _MOST_SENSORS:
                    self._turned_away += 1
                    return
                inbox = self._inboxes[frame.sensor] = _Inbox(self._inbox_size, is_live)
            while len(inbox.frames) >= inbox.size and not self._stop.is_set():
                if is_live:
                    inbox.frames.popleft()
                    inbox.skipped += 1
                else:
                    self._changed.wait(_WAIT)
            inbox.is_live = is_live
            inbox.frames.append((frame, time.monotonic()))
            self._changed.notify_all()

    def _take(self) -> tuple[dict[str, list[tuple[Frame, float]]], bool]:
        """The frames that wait, by sensor, and whether no source gives any more."""
        with self._changed:
            if not any(inbox.frames for inbox in self._inboxes.values()) and self._running:
                self._changed.wait(_WAIT)
            taken = {}
            for name, inbox in self._inboxes.items():
                if inbox.frames:
                    taken[name] = list(inbox.frames)
                    inbox.frames.clear()
            is_over = not self._running
            self._changed.notify_all()
        return taken, is_over

    def _process(self, name: str, frames: list[tuple[Frame, float]]) -> list[_Due]:
        """Follows the people of a sensor's frames; gives the moments that are to be scored."""
        if name not in self.sensors:
            self.sensors[name] = Sensor(name, self._scorer, self._new_finder, self._settings, self._every)
        sensor, inbox = self.sensors[name], self._inboxes[name]
        sensor.health.skipped = inbox.skipped
        ready = []
        for frame, arrived in frames:
            last = sensor.last_time
            if sensor.add(frame):
                self._score(ready)
                ready = []
                self._emit(self._events.close(name, last))
            ready += [_Due(sensor, moment, people, arrived) for moment, people in sensor.due()]
        if inbox.is_live and len(ready) > _MOST_BEHIND:
            sensor.health.skipped_moments += len(ready) - 1
            ready = ready[-1:]
        return ready

    def _finish(self, name: str) -> None:
        sensor = self.sensors[name]
        if sensor.last_time is not None:
            now = time.monotonic()
            self._score([_Due(sensor, moment, people, now) for moment, people in sensor.due(at_end=True)])
            self._emit(self._events.close(name, sensor.last_time))

    def _score(self, ready: list[_Due]) -> None:
        for due in ready:
            sensor, moment = due.sensor, due.moment
            predicted = sensor.predicted(moment, due.people, self._scorer(moment))
            self._emit(self._events.update(sensor.name, moment.time, predicted))
            self._on_people(sensor.name, moment.time, predicted)
            sensor.health.delay = time.monotonic() - due.arrived

    def _emit(self, changes) -> None:
        for change in changes:
            self.num_events += change.type == "new"
            if self.sinks:
                self.sinks.send(change)

    def status(self) -> dict[str, object]:
        """How everything does, as `status.json` has it."""
        now = time.monotonic()
        sensors = {}
        for name, sensor in list(self.sensors.items()):
            health = sensor.health
            silent = now - health.arrivals[-1] if health.arrivals else 0.0
            is_silent = self._inboxes[name].is_live and silent > _SILENT
            sensors[name] = {
                "last_frame": sensor.last_time,
                "frames": health.frames,
                "frames_a_second": 0.0 if is_silent else round(health.rate, 2),
                "delay_seconds": round(health.delay, 3),
                "dropped": health.dropped,
                "skipped": health.skipped,
                "skipped_moments": health.skipped_moments,
                "restarts": health.restarts,
                "people": len(sensor.people),
                "status": f"silent for {silent:.0f} s" if is_silent else health.status,
            }
        problems = list(self.sinks.problems) if self.sinks else []
        if self._turned_away:
            problems.append(f"{self._turned_away} frames of more than {_MOST_SENSORS} sensors were turned away.")
        return {
            "running_seconds": round(now - self._started, 1),
            "events": self.num_events,
            "sources": dict(self.notes),
            "problems": problems,
            "sensors": sensors,
        }

    def _write_status(self, now: bool = False) -> None:
        if self._folder is None or not now and time.monotonic() < self._next_status:
            return
        self._next_status = time.monotonic() + _STATUS_STEP
        try:
            with replacing(self._folder / "status.json") as temporary:
                text = json.dumps(self.status(), indent=2, ensure_ascii=False) + "\n"
                Path(temporary).write_text(text, encoding="utf-8")
        except (OSError, InputError) as error:  # a full disk ends no watch
            logger.warning("The status cannot be written: %s", error)
