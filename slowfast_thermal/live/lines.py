"""Files of lines that only grow and have no half lines, whatever stops the writing."""

import os
from pathlib import Path

from slowfast_thermal.errors import InputError


class LineFile:
    """Appends lines to a file. A place in it is a number of bytes.

    Args:
        path: of the file; a last line without an end, which a crash has left, is cut off.

    Attributes:
        size: bytes of all lines.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            self.size = self._end_of_last_line()
            os.ftruncate(self._file, self.size)
        except OSError as error:
            raise InputError(
                f"{path} cannot be opened ({error.strerror}): write to another folder (--output)."
            ) from None

    def _end_of_last_line(self) -> int:
        end = os.fstat(self._file).st_size
        while end:
            start = max(end - 4096, 0)
            place = os.pread(self._file, end - start, start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
        return 0

    def append(self, lines: bytes, through: bool = False) -> None:
        """Writes whole lines, all or none; `through` to the disk itself. Raises OSError if they cannot be written."""
        try:
            written = 0
            while written < len(lines):
                written += os.pwrite(self._file, lines[written:], self.size + written)
            if through:
                os.fsync(self._file)
            self.size += len(lines)
        except OSError:
            # Half a line would spoil the file for its readers.
            try:
                os.ftruncate(self._file, self.size)
            except OSError:
                pass
            raise

    def line_at(self, place: int) -> bytes:
        """The line that begins at a place before the end."""
        line = b""
        while not line.endswith(b"\n"):
            part = os.pread(self._file, 4096, place + len(line))
            line += part[: part.find(b"\n") + 1] if b"\n" in part else part
        return line

    def close(self) -> None:
        os.close(self._file)
