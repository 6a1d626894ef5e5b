"""Frames that come from recordings: whole ones that are replayed, and one that a recorder still writes.

Letters: K frames, H, W pixels.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from slowfast_thermal.datasets.hdf5 import check_frames, check_times, open_dataset, open_file
from slowfast_thermal.datasets.units import unit_of
from slowfast_thermal.errors import InputError
from slowfast_thermal.live.frames import Frame, Take, Tell
from slowfast_thermal.user_input import LARGEST_WHOLE

# Seconds between looks at a file that grows.
_LOOK = 0.2
# Frames of a file that are read at a time.
_PART = 64


class _Stored:
    """The frames and times of an open file.

    Args:
        unit: THERMAL.UNIT, of frames that do not say it themselves.

    Raises:
        InputError: it is no recording.
    """

    def __init__(self, path: Path, frames: h5py.Dataset, times: h5py.Dataset, unit: str):
        self._path, self._frames, self.times = path, frames, times
        self._unit = unit_of(frames, str(path), unit)

    def between(self, start: int, end: int) -> Iterator[Frame]:
        """The frames of these places. Raises InputError if they cannot be read."""
        try:
            stored, times = self._frames[start:end], self.times[start:end].tolist()
        except (OSError, RuntimeError) as error:
            raise self._unreadable(error) from None
        for readings, timestamp in zip(stored, times):
            if abs(timestamp) > LARGEST_WHOLE:
                raise InputError(f"{self._path}: the timestamp {timestamp} is no time in milliseconds: correct it.")
            with np.errstate(over="ignore"):  # what no float32 holds is no temperature
                temperatures = readings.astype(np.float32)
            self._unit.to_celsius(temperatures)
            yield Frame(self._path.stem, timestamp, temperatures)

    def length(self) -> int:
        """Frames that a recorder has written so far. Raises InputError if that cannot be read."""
        try:
            self.times.refresh()
            self._frames.refresh()
            return min(len(self.times), len(self._frames))
        except (OSError, RuntimeError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        return InputError(f"{self._path} cannot be read to its end ({error}): it may be damaged, so copy it again.")


class Replay:
    """A recording, at its own speed, another one, or as fast as it is taken (0)."""

    is_live = False

    def __init__(self, path: Path, speed: float, unit: str):
        self.name, self.sensor = f"replay:{path}", path.stem
        self._path, self._speed, self._unit = path, speed, unit
        open_file(path).close()

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        with open_file(self._path) as file:
            frames, times = (open_dataset(file, key, self._path) for key in ("frames", "timestamps"))
            check_frames(frames, self._path)
            check_times(times, self._path, len(frames))
            stored, started, first = _Stored(self._path, frames, times, self._unit), time.monotonic(), None
            for start in range(0, len(times), _PART):
                for frame in stored.between(start, start + _PART):
                    first = frame.timestamp if first is None else first
                    if self._speed:
                        due = started + (frame.timestamp - first) / 1000 / self._speed
                        stop.wait(max(due - time.monotonic(), 0))
                    if stop.is_set():
                        return
                    take(frame, self.name)


class Followed:
    """A recording that another program is still writing, with `libver="latest"` and SWMR on.

    Frames that are there already are taken first.
    """

    is_live = True

    def __init__(self, path: Path, unit: str):
        self.name, self.sensor = f"follow:{path}", path.stem
        self._path, self._unit = path, unit
        if not path.is_file():
            raise InputError(f"Recording '{path}' does not exist: start the recorder first.")

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        try:
            file = h5py.File(self._path, "r", libver="latest", swmr=True)
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be followed ({error}): its recorder must write it with libver 'latest' and SWMR on."
            ) from None
        with file:
            for key in ("frames", "timestamps"):
                if not isinstance(file.get(key), h5py.Dataset):
                    raise InputError(f"{self._path} has no data set '{key}': it is no thermal recording.")
            check_frames(file["frames"], self._path, may_grow=True)
            check_times(file["timestamps"], self._path)
            stored, taken = _Stored(self._path, file["frames"], file["timestamps"], self._unit), 0
            while not stop.is_set():
                there = stored.length()
                while taken < there and not stop.is_set():
                    end = min(taken + _PART, there)
                    for frame in stored.between(taken, end):
                        take(frame, self.name)
                    taken = end
                stop.wait(_LOOK)
