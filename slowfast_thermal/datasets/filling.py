"""Missing readings filled: the last reading of the same pixel before, else the next after, else a given temperature.

Letters: K frames, H, W pixels. Frames are (K, H, W) float32 with NaN for missing readings, and are filled in place.
"""

from collections.abc import Iterable

import numpy as np


def fill_from(frame: np.ndarray, others: Iterable[np.ndarray]) -> None:
    """Gives each missing reading of an (H, W) frame that of the first of the others that has it."""
    for other in others:
        missing = np.isnan(frame)
        if not missing.any():
            return
        np.copyto(frame, other, where=missing)


def fill_forward(frames: np.ndarray, before: np.ndarray) -> None:
    """Fills each frame from the one before it, the first from the (H, W) frame `before`."""
    missing = np.isnan(frames)
    for place in missing.any(axis=(1, 2)).nonzero()[0]:
        np.copyto(frames[place], frames[place - 1] if place else before, where=missing[place])


def fill_whole(frames: np.ndarray, temperature: float) -> None:
    """Fills all frames of a recording; `temperature` stands for pixels without any reading."""
    first = np.full(frames.shape[1:], np.nan, np.float32)
    fill_from(first, frames)
    first[np.isnan(first)] = temperature
    for start in range(0, len(frames), 64):  # little memory beside the frames
        fill_forward(frames[start : start + 64], frames[start - 1] if start else first)


class Gaps:
    """What fills the first frame of each part of a recording, so that no part needs another.

    It is small: it keeps the pixels that miss a reading there, and the first reading of every pixel.

    Args:
        parts: the recording's frames, part by part.
        temperature: stands for pixels without any reading.
    """

    def __init__(self, parts: Iterable[np.ndarray], temperature: float):
        self._pixels: list[np.ndarray] = []
        self._readings: list[np.ndarray] = []
        first = last = None
        for frames in parts:
            if last is None:
                first, last = (np.full(frames.shape[1:], np.nan, np.float32) for _ in range(2))
            pixels = np.flatnonzero(np.isnan(frames[0]) & ~np.isnan(last)).astype(np.int32)
            self._pixels.append(pixels)
            self._readings.append(last.flat[pixels])
            fill_from(first, frames)
            fill_forward(frames, last)
            last = frames[-1]
        first[np.isnan(first)] = temperature
        self._first = first

    def before_part(self, part: int) -> np.ndarray:
        """(H, W) the reading that fills each pixel which misses one in the first frame of the part."""
        frame = self._first.copy()
        frame.flat[self._pixels[part]] = self._readings[part]
        return frame
