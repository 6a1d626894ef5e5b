"""The file of events, which is also the queue of what is to be sent."""

import json
import logging
import threading
from collections import deque
from pathlib import Path

from slowfast_thermal.files import full_disk_error
from slowfast_thermal.live.lines import LineFile

logger = logging.getLogger(__name__)

# Lines that are kept in memory while the disk takes none.
_MOST_PENDING = 10_000


class EventLog:
    """A file of lines that only grows; lines that the disk does not take yet follow those in the file.

    A place in the log is a number of bytes. Methods may be called from any thread.

    Args:
        path: of the file; a last line without an end, which a crash has left, is cut off.

    Attributes:
        problem: why the disk takes no lines, in a sentence, or empty.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path):
        self.path, self.problem = path, ""
        self._file = LineFile(path)
        self._pending: deque[bytes] = deque()
        self._grown = threading.Condition()

    @property
    def end(self) -> int:
        """The place behind the last line."""
        with self._grown:
            return self._file.size + sum(map(len, self._pending))

    def append(self, record: dict) -> None:
        """Adds a line and writes it to the disk, if that takes it; never raises."""
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        with self._grown:
            if len(self._pending) < _MOST_PENDING:
                self._pending.append(line)
            else:
                logger.error("Event %s is lost: %s", record.get("id"), self.problem)
            self._flush()
            self._grown.notify_all()

    def flush(self) -> None:
        """Writes what the disk did not take before."""
        with self._grown:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._pending:
                self._file.append(self._pending[0], through=True)
                self._pending.popleft()
            self.problem = ""
        except OSError as error:
            remedy = "make room" if full_disk_error(error) else "see to the disk"
            problem = (
                f"{self.path} cannot be written ({error.strerror}): {remedy}; events are kept in memory until then."
            )
            if problem != self.problem:
                logger.error("%s", problem)
            self.problem = problem

    def line_at(self, place: int, patience: float) -> bytes:
        """The line that begins at a place; waits for it so many seconds, and is empty if none has come."""
        with self._grown:
            if place >= self._file.size + sum(map(len, self._pending)):
                self._grown.wait(patience)
            self._flush()
            if place < self._file.size:
                return self._file.line_at(place)
            begin = self._file.size
            for line in self._pending:
                if begin == place:
                    return line
                begin += len(line)
            return b""

    def close(self) -> None:
        self.flush()
        if self._pending:
            logger.error("%d lines of events are lost: %s", len(self._pending), self.problem)
        self._file.close()
