"""What each pixel of a sensor reads when nobody is there, followed frame by frame.

Letters: K frames, H, W pixels.
"""

import numpy as np

# A pixel may differ from its background by this much and still be empty, degrees Celsius.
_EMPTY = 1.0
# Time constants in seconds: of an empty pixel; of one that is colder than its background, which so held something warm
# that has left; of one that is warmer. After an hour in one place a person still stands out by four fifths.
_EMPTY_SECONDS = 60.0
_COLDER_SECONDS = 30.0
_WARMER_SECONDS = 5 * 3600.0
# Frames of which a recording's background is taken, and the percentile of a pixel's readings that it is.
_SAMPLE = 512
_PERCENTILE = 20


class Background:
    """An exponential average of each pixel that hardly follows what is warmer, so that a person does not fade into it.

    The whole picture's drift, and its jumps when a sensor calibrates itself, are followed at once: they are the median
    of all pixels' differences.

    Args:
        first: (H, W) degrees Celsius, for example `still_background` of a recording. None: the first frame; someone in it
            stands out once they have moved.
    """

    def __init__(self, first: np.ndarray | None):
        self._temperatures = None if first is None else first.astype(np.float32)
        self._time: int | None = None

    @property
    def temperatures(self) -> np.ndarray:
        """(H, W) float32 degrees Celsius that the pixels read without people; a copy."""
        return self._temperatures.copy()

    def difference(self, frame: np.ndarray, time: int) -> np.ndarray:
        """How much warmer a frame is than the background, which then learns from it.

        Args:
            frame: (H, W) degrees Celsius without missing readings.
            time: milliseconds, not before the last frame's.

        Returns:
            (H, W) float32 degrees.
        """
        if self._temperatures is None:
            self._temperatures = frame.astype(np.float32)
        seconds = 0.0 if self._time is None else (time - self._time) / 1000
        self._time = time
        difference = difference_from(frame, self._temperatures)
        drift = frame - self._temperatures - difference
        constants = np.where(difference > _EMPTY, _WARMER_SECONDS, _EMPTY_SECONDS)
        constants[difference < -_EMPTY] = _COLDER_SECONDS
        self._temperatures += drift + difference * -np.expm1(-seconds / constants).astype(np.float32)
        return difference


def difference_from(frame: np.ndarray, background: np.ndarray) -> np.ndarray:
    """(H, W) degrees by which a frame is warmer than a background (H, W), but for what the whole picture has drifted."""
    difference = frame - background
    ordered = np.sort(difference, axis=None)
    drift = middle(ordered)
    # The median again, of empty pixels alone: people would pull it up, frame after frame.
    ordered -= drift
    empty = ordered[np.searchsorted(ordered, -_EMPTY) : np.searchsorted(ordered, _EMPTY, side="right")]
    difference -= drift
    if len(empty):
        difference -= middle(empty)
    return difference


def middle(ordered: np.ndarray) -> np.ndarray:
    """The median of (..., S) values that are sorted along the last axis, found several times as fast so as by np.median."""
    size = ordered.shape[-1]
    return (ordered[..., (size - 1) // 2] + ordered[..., size // 2]) / 2


def still_background(frames: np.ndarray) -> np.ndarray:
    """(H, W) float32 degrees Celsius: a low percentile of each pixel, which people who move do not enter.

    Args:
        frames: (K, H, W) degrees Celsius; of many frames a few hundred, evenly spread, are looked at.
    """
    step = max(len(frames) // _SAMPLE, 1)
    return np.percentile(frames[::step], _PERCENTILE, axis=0).astype(np.float32)
