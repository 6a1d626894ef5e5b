"""Watching sensors: their frames become people, scores and events, as they come.

Every source has a thread, which puts its frames into the inbox of their sensor. One loop takes them out, finds and follows the
people of each frame, and scores those of the moments that are due.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing
from slowfast_thermal.live.events import EventTracker
from slowfast_thermal.live.inboxes import INBOX, SILENT, Arrived, Inboxes
from slowfast_thermal.live.scoring import Moment, Scorer
from slowfast_thermal.live.sensors import Sensor
from slowfast_thermal.live.sinks import EventSinks
from slowfast_thermal.live.sources import Source
from slowfast_thermal.live.window import MOST_BYTES, ReadingSettings
from slowfast_thermal.people.finder import PersonFinder
from slowfast_thermal.people.predicted import PredictedPerson
from slowfast_thermal.people.tracks import TrackedPerson

logger = logging.getLogger(__name__)

# Bytes of the windows of all sensors.
_MOST_BYTES = 2 * 2**30
# Moments of a live sensor that may wait; of more only the newest one is scored.
_MOST_BEHIND = 3
# Seconds between two writings of the status.
_STATUS_STEP = 5.0

OnPeople = Callable[[str, int, list[PredictedPerson]], None]


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
        self._stop = threading.Event()
        self._inboxes = Inboxes(inbox, self._stop)
        self._running: set[threading.Thread] = set()
        self._started = time.monotonic()
        self._next_status = 0.0
        self.num_events = 0

    def frames_between(self, sensor: str, start: int, end: int):
        """What is still known of a sensor between two times, see `live.clips.FramesBetween`."""
        return self.sensors[sensor].frames_between(start, end)

    def stop(self) -> None:
        """Ends the watch after what is going on; may be called from a signal handler."""
        self._stop.set()

    def run(self, sources: Sequence[Source], after_round: Callable[[], None] = lambda: None) -> None:
        """Watches until all sources have ended or `stop` is called; `after_round` is called again and again."""
        self._running = {threading.Thread(target=self._read, args=(source,), daemon=True) for source in sources}
        threads = list(self._running)
        for thread in threads:
            thread.start()
        try:
            while not self._stop.is_set():
                is_over = not self._running
                gone, arrived = self._inboxes.take()
                for name in gone:
                    self._forget(name)
                for name, frames in arrived.items():
                    self._score(self._process(name, frames))
                if is_over and not arrived:
                    break
                self._write_status()
                after_round()
        finally:
            self._stop.set()
            self._inboxes.wake()
            for name in list(self.sensors):
                self._finish(name)
            for thread in threads:
                thread.join(2)
            self._write_status(now=True)

    def _read(self, source: Source) -> None:
        def tell(text: str) -> None:
            if self.notes.get(source.name) != text:
                logger.info("%s: %s", source.name, text)
            self.notes[source.name] = text

        try:
            source.run(lambda frame, sender: self._inboxes.put(frame, sender, source.is_live), tell, self._stop)
            tell("has ended")
        except InputError as error:
            tell(f"has ended: {error}")
        except Exception as error:  # a fault of one source must not end the others
            logger.exception("%s failed", source.name)
            tell(f"has failed: {type(error).__name__}: {error}")
        finally:
            self._running.discard(threading.current_thread())
            self._inboxes.wake()

    def _process(self, name: str, frames: Arrived) -> list[_Due]:
        """Follows the people of a sensor's frames; gives the moments that are to be scored."""
        if name not in self.sensors:
            self.sensors[name] = Sensor(name, self._scorer, self._new_finder, self._settings, self._every)
            self._share_memory()
        sensor = self.sensors[name]
        sensor.health.skipped, sensor.is_live = frames.skipped, frames.is_live
        ready = []
        for frame, arrived in frames.frames:
            last = sensor.last_time
            if sensor.add(frame):
                self._score(ready)
                ready = []
                self._emit(self._events.close(name, last))
                self._scorer.forget(name)
            ready += [_Due(sensor, moment, people, arrived) for moment, people in sensor.due()]
        if sensor.is_live and len(ready) > _MOST_BEHIND:
            sensor.health.skipped_moments += len(ready) - 1
            ready = ready[-1:]
        return ready

    def _share_memory(self) -> None:
        for sensor in self.sensors.values():
            sensor.limit(min(MOST_BYTES, _MOST_BYTES // len(self.sensors)))

    def _finish(self, name: str) -> None:
        sensor = self.sensors[name]
        if sensor.last_time is not None:
            now = time.monotonic()
            self._score([_Due(sensor, moment, people, now) for moment, people in sensor.due(at_end=True)])
            self._emit(self._events.close(name, sensor.last_time))

    def _forget(self, name: str) -> None:
        """Forgets a sensor that made room for another one, if it was watched."""
        if name in self.sensors:
            self._finish(name)
            self._scorer.forget(name)
            del self.sensors[name]

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
            is_silent = sensor.is_live and silent > SILENT
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
        problems = [*(self.sinks.problems if self.sinks else []), *self._inboxes.problems]
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
