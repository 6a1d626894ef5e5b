"""Where events go: to a file, and from there to those who are to come.

Every change is a line of `events.jsonl`, written through to the disk before anything is sent. What leaves the machine is read
from this file, by a thread for each receiver, which keeps the place up to which it was taken in `events.NAME.sent`. So nothing
is held in memory, nothing that was confirmed is lost when the receiver, the program or the machine stops, and what was not
sent is sent at the next start. A receiver may get a line twice if it took one and the answer was lost.

Receivers are told of an event from its confirmation on: a suspicion that comes to nothing would wake people for nothing.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from slowfast_thermal.live.clips import Clips
from slowfast_thermal.live.event_log import EventLog
from slowfast_thermal.live.events import EventChange
from slowfast_thermal.live.receivers import Receiver

logger = logging.getLogger(__name__)

LOG_NAME = "events.jsonl"
# Seconds to the second attempt, which double up to the longest pause.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# Seconds after which a thread that waits for a line looks whether it is to stop.
_LOOK = 1.0
# Seconds for which closing waits until all is sent.
_PATIENCE = 5.0


class HasProblem(Protocol):
    """Whatever may go wrong: `problem` says why, in a sentence, or is empty."""

    problem: str


class Sender:
    """Sends the lines of a log to a receiver, one after another, again and again until each was taken.

    Args:
        log: of which a receiver that was never there before gets the lines from now on.
        receiver: closed with the sender.
        first_pause: seconds to the second attempt.

    Attributes:
        problem: why the receiver takes no lines, in a sentence, or empty.
    """

    def __init__(self, log: EventLog, receiver: Receiver, first_pause: float = _FIRST_PAUSE):
        self._log, self._receiver, self._first_pause = log, receiver, first_pause
        self._path = log.path.with_name(f"events.{receiver.name}.sent")
        self.problem = ""
        self._place = self._read_place()
        self._save_place()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"events to {receiver.name}", daemon=True)
        self._thread.start()

    def _read_place(self) -> int:
        try:
            place = int(self._path.read_text())
        except (OSError, ValueError):
            return self._log.end
        # The log of a later place was moved away, and what is in the new one was not sent.
        return place if 0 <= place <= self._log.end else 0

    def _save_place(self) -> None:
        temporary = self._path.with_suffix(".partial")
        try:
            temporary.write_text(f"{self._place}\n")
            os.replace(temporary, self._path)
        except OSError as error:  # then a line may be sent again
            logger.warning("%s cannot be written (%s)", self._path, error.strerror)

    def _run(self) -> None:
        pause = self._first_pause
        while True:
            line = self._log.line_at(self._place, 0.0 if self._is_closing.is_set() else _LOOK)
            if line and self._is_sent(line):
                self._place += len(line)
                self._save_place()
                pause = self._first_pause
            elif self._is_closing.is_set():
                break
            elif line:
                self._is_closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self._receiver.close()

    def _is_sent(self, line: bytes) -> bool:
        """Sends a line, if it is one to send; whether it is done with."""
        try:
            record = json.loads(line)
            is_for_others, sensor = record["confirmed"] is not None, record["sensor"]
        except (ValueError, KeyError, TypeError):  # no line of ours
            return True
        if not is_for_others:
            return True
        try:
            self._receiver.take(line, sensor)
        except Exception as error:  # whatever a receiver does, the others and the watch go on
            problem = f"Events wait for {self._receiver.where}, which does not take them ({error})."
            if not self.problem:
                logger.warning("%s", problem)
            self.problem = problem
            return False
        if self.problem:
            logger.info("%s takes events again", self._receiver.where)
        self.problem = ""
        return True

    def stop(self) -> None:
        """Asks to end when all is sent or the receiver takes no more; returns at once."""
        self._is_closing.set()

    def has_ended(self, patience: float) -> bool:
        """Waits for the end so many seconds at most."""
        self._thread.join(patience)
        return not self._thread.is_alive()


class EventSinks:
    """All places to which events go.

    Args:
        folder: for `events.jsonl` and what belongs to it.
        receivers: on the network; closed with the sinks.
        clips: keeps the seconds around events, or None.
        on_change: is told of each change once it is written down; does not raise.
        others: each with a `problem`, which is told with those of the sinks.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(
        self,
        folder: Path,
        receivers: Sequence[Receiver] = (),
        clips: Clips | None = None,
        on_change: Callable[[EventChange], None] = lambda change: None,
        others: Sequence[HasProblem] = (),
    ):
        self._log = EventLog(folder / LOG_NAME)
        self._senders = [Sender(self._log, receiver) for receiver in receivers]
        self._clips, self._on_change = clips, on_change
        self._told = [self._log, *self._senders, *([clips] if clips else []), *others]

    @property
    def problems(self) -> list[str]:
        """What goes wrong now, a sentence each."""
        return [part.problem for part in self._told if part.problem]

    def send(self, change: EventChange) -> None:
        """Writes a change down and has it sent; never raises, and waits for the disk alone."""
        self._log.append(change.as_json())
        if self._clips:
            self._clips.send(change)
        self._on_change(change)

    def close(self) -> None:
        """Waits a few seconds until all is sent; what is not is sent at the next start."""
        for sender in self._senders:
            sender.stop()
        end = time.monotonic() + _PATIENCE
        have_ended = [sender.has_ended(max(end - time.monotonic(), 0)) for sender in self._senders]
        if self._clips:
            self._clips.close()
        if all(have_ended):  # else one still waits for its receiver, and may yet read the log
            self._log.close()
