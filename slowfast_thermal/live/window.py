"""What one sensor measured in the last seconds, put right frame by frame.

Letters: H, W pixels, T frames of the window.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.datasets.packets import LiveRepair
from slowfast_thermal.live.frames import Frame

# Bytes that a sensor's frames may take, whatever their number and size.
MOST_BYTES = 256 * 2**20


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


class Window:
    """The frames of one sensor in the order of their times.

    Args:
        settings: see `ReadingSettings`.
        seconds: for which frames are kept.
        most_bytes: that they may take; the last two are kept in any case.

    Attributes:
        times: (T,) int64 milliseconds, increasing.
        size: (H, W), None before the first frame.
        most_bytes: see above.
    """

    def __init__(self, settings: ReadingSettings, seconds: float, most_bytes: int = MOST_BYTES):
        self._settings, self._span, self.most_bytes = settings, round(1000 * seconds), most_bytes
        self._repair = None if settings.packet_length is None else LiveRepair(settings.packet_length)
        self._times: deque[int] = deque()
        self._measured: deque[np.ndarray] = deque()
        self._filled: deque[np.ndarray] = deque()
        self._is_cut = False
        self.size: tuple[int, int] | None = None

    @property
    def times(self) -> np.ndarray:
        return np.array(self._times, np.int64)

    def is_short(self, seconds: float) -> bool:
        """Whether frames of the last so many seconds were let go for want of room."""
        return self._is_cut and self._times[-1] - self._times[0] < 1000 * seconds

    def add(self, frame: Frame) -> np.ndarray:
        """Takes a frame in and lets go of what is too old.

        Args:
            frame: later than the last one, and of its size.

        Returns:
            (H, W) float32 degrees Celsius without missing readings.
        """
        assert self.size in (None, frame.temperatures.shape)
        assert not self._times or frame.timestamp > self._times[-1]
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
        self.shrink()
        return filled

    def shrink(self) -> None:
        """Lets go of the oldest frames until the others fit."""
        if not self._times:
            return
        while self._times[0] < self._times[-1] - self._span:
            self._forget_oldest()
        most = max(self.most_bytes // (2 * self._filled[-1].nbytes), 2)
        self._is_cut = len(self._times) > most
        while len(self._times) > most:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        for kept in (self._times, self._measured, self._filled):
            kept.popleft()

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
