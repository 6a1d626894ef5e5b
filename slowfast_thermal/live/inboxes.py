"""Frames that wait until they are watched: the threads of sources put them in, the watch takes them out."""

import threading
import time
from collections import deque
from typing import NamedTuple

from slowfast_thermal.live.frames import Frame

# Frames that wait for each sensor, bytes of all that wait, and sensors at a time: a name a frame would fill the memory.
INBOX, _MOST_BYTES, _MOST_SENSORS = 64, 256 * 2**20, 1000
# Senders of one sensor that are told apart.
_MOST_SENDERS = 8
# Seconds after which a sensor or a live sender counts as silent, and a sensor makes room for another one.
SILENT, _FORGOTTEN = 10.0, 60.0
# Seconds for which nothing is waited, and for which is told what was wrong.
_WAIT, _TOLD = 0.05, 60.0


class Arrived(NamedTuple):
    """The frames of a sensor that waited, each with the time of its arrival.

    Attributes:
        skipped: frames so far that were passed over because newer ones waited.
        is_live: whether frames come when they come.
    """

    frames: list[tuple[Frame, float]]
    skipped: int
    is_live: bool


class _Inbox:
    """Frames of one sensor; `senders` of it, of whom the last one's are taken, and when the last one came."""

    def __init__(self) -> None:
        self.frames: deque[tuple[Frame, float]] = deque()
        self.skipped, self.is_live, self.last = 0, False, -float("inf")
        self.senders: list[str] = []


class Inboxes:
    """An inbox for each sensor.

    Frames of a sensor are taken from whoever began last to send them, until that one has been silent for a while: whoever was cut
    off may come again at once, and two sensors of one name are not mixed.

    Args:
        size: frames that may wait for each sensor; of a live one the oldest are passed over, else the source waits.
        stop: whether all is to end.
    """

    def __init__(self, size: int, stop: threading.Event):
        self._size, self._stop = size, stop
        self._changed = threading.Condition()
        self._inboxes: dict[str, _Inbox] = {}
        self._bytes = 0
        self._gone: list[str] = []
        self._turned_away: tuple[int, float] = (0, 0.0)
        self._ignored: dict[str, tuple[str, float]] = {}

    def put(self, frame: Frame, sender: str, is_live: bool) -> None:
        """Takes a frame in, unless there are too many sensors or another sender's are taken."""
        with self._changed:
            inbox = self._of(frame.sensor)
            if inbox is None or not self._is_sender(inbox, frame.sensor, sender):
                return
            inbox.is_live, inbox.last = is_live, time.monotonic()
            while self._is_full(inbox, frame) and not self._stop.is_set():
                if not is_live:
                    self._changed.wait(_WAIT)
                    continue
                inbox.skipped += 1
                if not inbox.frames:
                    return
                self._bytes -= inbox.frames.popleft()[0].temperatures.nbytes
            inbox.frames.append((frame, time.monotonic()))
            self._bytes += frame.temperatures.nbytes
            self._changed.notify_all()

    def _is_full(self, inbox: _Inbox, frame: Frame) -> bool:
        is_too_much = self._bytes + frame.temperatures.nbytes > _MOST_BYTES and self._bytes > 0
        return len(inbox.frames) >= self._size or is_too_much

    def _of(self, sensor: str) -> _Inbox | None:
        if sensor not in self._inboxes:
            if len(self._inboxes) >= _MOST_SENSORS and not self._has_made_room():
                self._turned_away = self._turned_away[0] + 1, time.monotonic()
                return None
            self._inboxes[sensor] = _Inbox()
        return self._inboxes[sensor]

    def _has_made_room(self) -> bool:
        """Forgets the sensor that was silent for longest, if it was for a while."""
        oldest = min(self._inboxes, key=lambda sensor: self._inboxes[sensor].last)
        if self._inboxes[oldest].frames or time.monotonic() - self._inboxes[oldest].last < _FORGOTTEN:
            return False
        del self._inboxes[oldest]
        self._ignored.pop(oldest, None)
        self._gone.append(oldest)
        return True

    def _is_sender(self, inbox: _Inbox, sensor: str, sender: str) -> bool:
        senders, now = inbox.senders, time.monotonic()
        if senders and senders[-1] == sender:
            return True
        if sender in senders:
            if now - inbox.last <= SILENT:
                self._ignored[sensor] = f"{senders[-1]}, and not from {sender}", now
                return False
            senders.remove(sender)
        inbox.senders = [*senders, sender][-_MOST_SENDERS:]
        return True

    def take(self) -> tuple[list[str], dict[str, Arrived]]:
        """Waits a moment for frames; gives the sensors that were forgotten, and then what waits, by sensor."""
        with self._changed:
            if not self._bytes:
                self._changed.wait(_WAIT)
            taken = {}
            for name, inbox in self._inboxes.items():
                if inbox.frames:
                    taken[name] = Arrived(list(inbox.frames), inbox.skipped, inbox.is_live)
                    inbox.frames.clear()
            gone, self._gone, self._bytes = self._gone, [], 0
            self._changed.notify_all()
        return gone, taken

    def wake(self) -> None:
        """Ends all waiting at once."""
        with self._changed:
            self._changed.notify_all()

    @property
    def problems(self) -> list[str]:
        """What went wrong lately, a sentence each."""
        now = time.monotonic()
        number, told = self._turned_away
        problems = []
        if number and now - told < _TOLD:
            problems.append(f"{number} frames of more than {_MOST_SENSORS} sensors were turned away.")
        for sensor, (whence, told) in list(self._ignored.items()):
            if now - told < _TOLD:
                problems.append(f"Frames of {sensor} are taken from {whence}: give each sensor a name of its own.")
        return problems
