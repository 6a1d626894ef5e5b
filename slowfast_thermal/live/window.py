"""What one sensor measured in the last seconds, put right frame by frame.

Letters: H, W pixels, T frames of the window.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.datasets.packets import LiveRepair
from slowfast_thermal.errors import InputError
from slowfast_thermal.live.frames import Frame

# A timestamp this far before the last one is a clock that was set back; a nearer one is a frame that came late or twice.
_SET_BACK = 5000
# Bytes that a sensor's frames may take, whatever their number and size.
_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class ReadingSettings:
    """How readings become temperatures.

    Attributes:
        valid_range: THERMAL.VALID_RANGE, degrees Celsius.
        fill_temperature: THERMAL.FILL_TEMPERATURE, for pixels that never had a reading.
        packet_length: THERMAL.PACKET_LENGTH, None where THERMAL.REPAIR_FRAMES is off.
    """

    valid_range: tuple[float, float]
    fill_temperature: float
    packet_length: int | None

    @classmethod
    def from_config(cls, cfg) -> "ReadingSettings":
        node = cfg.THERMAL
        return cls(tuple(node.VALID_RANGE), node.FILL_TEMPERATURE, node.PACKET_LENGTH if node.REPAIR_FRAMES else None)


class ClockSetBack(Exception):
    """A sensor's time jumped back, so nothing that was known of it goes on."""


class Window:
    """The frames of one sensor in the order of their times.

    Args:
        settings: see `ReadingSettings`.
        seconds: for which frames are kept.

    Attributes:
        times: (T,) int64 milliseconds, increasing.
        size: (H, W), None before the first frame.
    """

    def __init__(self, settings: ReadingSettings, seconds: float):
        self._settings, self._span = settings, round(1000 * seconds)
        self._repair = None if settings.packet_length is None else LiveRepair(settings.packet_length)
        self._times: deque[int] = deque()
        self._measured: deque[np.ndarray] = deque()
        self._filled: deque[np.ndarray] = deque()
        self.size: tuple[int, int] | None = None

    @property
    def times(self) -> np.ndarray:
        return np.array(self._times, np.int64)

    def add(self, frame: Frame) -> np.ndarray:
        """Takes a frame in and lets go of what is too old.

        Returns:
            (H, W) float32 degrees Celsius without missing readings.

        Raises:
            InputError: the frame came late or twice, or has another size.
            ClockSetBack: its time is far before the last one's.
        """
        if self._times and frame.timestamp <= self._times[-1]:
            if frame.timestamp < self._times[-1] - _SET_BACK:
                raise ClockSetBack
            raise InputError("frames come late or twice")
        if self.size not in (None, frame.temperatures.shape):
            raise InputError("another resolution")
        self.size = frame.temperatures.shape
        low, high = self._settings.valid_range
        measured = frame.temperatures.astype(np.float32)
        measured[~((measured >= low) & (measured <= high))] = np.nan
        if self._repair:
            measured = self._repair(measured)
        before = self._filled[-1] if self._filled else np.full(self.size, self._settings.fill_temperature, np.float32)
        filled = np.where(np.isnan(measured), before, measured)
        self._times.append(frame.timestamp)
        self._measured.append(measured)
        self._filled.append(filled)
        most = max(_MOST_BYTES // (2 * filled.nbytes), 2)
        while self._times[0] < frame.timestamp - self._span or len(self._times) > most:
            for kept in (self._times, self._measured, self._filled):
                kept.popleft()
        return filled

    def frames(self, places: np.ndarray) -> np.ndarray:
        """(K, H, W) float32 degrees Celsius without missing readings, of the frames at (K,) `places`."""
        return np.stack([self._filled[place] for place in places.tolist()])

    def measured_between(self, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """(K, H, W) degrees Celsius, NaN for missing readings, and (K,) times of the frames between two times."""
        times = self.times
        places = np.flatnonzero((times >= start) & (times <= end))
        if not len(places):
            return np.zeros((0, *(self.size or (0, 0))), np.float32), times[:0]
        return np.stack([self._measured[place] for place in places.tolist()]), times[places]
