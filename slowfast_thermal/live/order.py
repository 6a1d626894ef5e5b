"""Which frames of a sensor go on with those before them, and which do not.

A frame of another resolution or another time may be damaged, or be the first one after the sensor was set up anew. Only the frames that
follow tell which: until then it is kept aside.
"""

from typing import NamedTuple

from slowfast_thermal.live.frames import Frame

# A timestamp further than this many milliseconds from the last one is of a pause or another clock; one that is less far back is
# of a frame that came late or twice.
_APART = 5000
# Frames in a row after which a pause, and another clock or resolution, are believed.
_BELIEVED_AHEAD, _BELIEVED = 2, 8
_LATE = "frames come late or twice"


class Ordered(NamedTuple):
    """What becomes of a frame and those that were kept aside.

    Attributes:
        frames: to go on with.
        is_new: whether nothing that was known goes on with them.
        dropped: frames that are given up.
        told: what is wrong, in a few words, or empty.
    """

    frames: list[Frame]
    is_new: bool = False
    dropped: int = 0
    told: str = ""


class FrameOrder:
    """Puts the frames of one sensor in order."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._aside: list[Frame] = []

    def add(self, frame: Frame) -> Ordered:
        """What to do when a frame comes."""
        if self._last is None or _goes_on(self._last, frame):
            dropped = len(self._aside)
            told = self._why() if dropped else ""
            self._last, self._aside = frame, []
            return Ordered([frame], dropped=dropped, told=told)
        if any(_is_late(each, frame) for each in (self._last, *self._aside[-1:])):
            return Ordered([], dropped=1, told=_LATE)
        dropped = 0
        if self._aside and not _is_later(self._aside[-1], frame):
            dropped, self._aside = len(self._aside), []
        self._aside.append(frame)
        is_ahead = _is_later(self._last, self._aside[0])
        told = "" if is_ahead else self._why()
        if len(self._aside) < (_BELIEVED_AHEAD if is_ahead else _BELIEVED):
            return Ordered([], dropped=dropped, told=told)
        frames, self._last, self._aside = self._aside, frame, []
        return Ordered(frames, not is_ahead, dropped, told)

    def _why(self) -> str:
        """Why the frames that were kept aside do not go on with the last one."""
        was, now = ("x".join(map(str, each.temperatures.shape)) for each in (self._last, self._aside[0]))
        if was != now:
            return f"the resolution changed from {was} to {now}"
        seconds = (self._aside[0].timestamp - self._last.timestamp) / 1000
        return f"the clock was set {'back' if seconds < 0 else 'forward'} by {abs(seconds):.0f} s"


def _is_later(first: Frame, second: Frame) -> bool:
    return first.temperatures.shape == second.temperatures.shape and second.timestamp > first.timestamp


def _goes_on(first: Frame, second: Frame) -> bool:
    return _is_later(first, second) and second.timestamp - first.timestamp <= _APART


def _is_late(first: Frame, second: Frame) -> bool:
    is_same = first.temperatures.shape == second.temperatures.shape
    return is_same and -_APART <= second.timestamp - first.timestamp <= 0
