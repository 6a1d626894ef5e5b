"""The file of events, which is also the queue of what is to be sent."""

import json
import logging
import os
import threading
from collections import deque
from pathlib import Path

from slowfast_thermal.errors import InputError
from slowfast_thermal.files import full_disk_error

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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(
                f"{path} cannot be opened ({error.strerror}): write to another folder (--output)."
            ) from None
        self._size = self._end_of_last_line()
        os.ftruncate(self._file, self._size)
        self._pending: deque[bytes] = deque()
        self._grown = threading.Condition()

    def _end_of_last_line(self) -> int:
        end = os.fstat(self._file).st_size
        while end:
            start = max(end - 4096, 0)
            place = os.pread(self._file, end - start, start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
        return 0

    @property
    def end(self) -> int:
        """The place behind the last line."""
        with self._grown:
            return self._size + sum(map(len, self._pending))

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
                line = self._pending[0]
                written = os.pwrite(self._file, line, self._size)
                while written < len(line):
                    written += os.pwrite(self._file, line[written:], self._size + written)
                os.fsync(self._file)
                self._size += len(line)
                self._pending.popleft()
            self.problem = ""
        except OSError as error:
            # Half a line would spoil the file for its readers.
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                pass
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
            if place >= self._size + sum(map(len, self._pending)):
                self._grown.wait(patience)
            self._flush()
            if place < self._size:
                return self._read(place)
            begin = self._size
            for line in self._pending:
                if begin == place:
                    return line
                begin += len(line)
            return b""

    def _read(self, place: int) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            part = os.pread(self._file, 4096, place + len(line))
            line += part[: part.find(b"\n") + 1] if b"\n" in part else part
        return line

    def close(self) -> None:
        self.flush()
        os.close(self._file)
