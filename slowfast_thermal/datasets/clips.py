"""Which frames of a recording make a clip: so many around the keyframe, or those nearest to times around it."""

from dataclasses import dataclass

import numpy as np
import torch

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError

# Frames, evenly spread over a recording, of which a pixel's background is taken, and at which share of them.
_BACKGROUND_FRAMES = 100
_BACKGROUND_SHARE = 0.2


@dataclass(frozen=True)
class ClipFrames:
    """The frames of both pathways, on a grid of steps whose step 0 is the keyframe.

    Args:
        length: steps of a clip; the keyframe is in its middle, length // 2 steps after the first one.
        slow_stride, fast_stride: steps from one frame of a pathway to the next.
        seconds: what the `length` steps span; a step is a time then and its frame the nearest one. 0: a step is a frame.
    """

    length: int
    slow_stride: int
    fast_stride: int
    seconds: float = 0.0

    @classmethod
    def from_config(cls, cfg) -> "ClipFrames":
        rate = cfg.DATA.SAMPLING_RATE
        return cls(cfg.DATA.NUM_FRAMES * rate, cfg.SLOWFAST.ALPHA * rate, rate, cfg.THERMAL.CLIP_SECONDS)

    def __call__(
        self, timestamps: np.ndarray, keyframe: int, shift: int = 0, slow_start: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The frames of one clip.

        Args:
            timestamps: (N,) of the recording's frames in milliseconds, not decreasing.
            keyframe: index of the keyframe.
            shift: steps by which the clip lies later.
            slow_start: steps by which the slow pathway starts later.

        Returns:
            Indices of the slow and of the fast frames; steps beyond the recording's ends repeat its first or last frame.
        """
        start = shift - self.length // 2
        slow = np.arange(start + slow_start, start + self.length, self.slow_stride)
        fast = np.arange(start, start + self.length, self.fast_stride)
        if self.seconds:
            step = 1000 * self.seconds / self.length
            return tuple(nearest_frames(timestamps, timestamps[keyframe] + steps * step) for steps in (slow, fast))
        return tuple(np.clip(keyframe + steps, 0, len(timestamps) - 1) for steps in (slow, fast))


def nearest_frames(timestamps: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Indices (K,) of the frames nearest to `times` (K,), the earlier of two that are as near; both in milliseconds."""
    after = np.searchsorted(timestamps, times).clip(max=len(timestamps) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(times - timestamps[before] <= timestamps[after] - times, before, after)


def check_order(recording: Recording) -> None:
    """Raises InputError if frames cannot be found by their time."""
    steps = np.diff(recording.timestamps)
    if (steps < 0).any():
        raise InputError(
            f"{recording.path}: timestamps decrease after frame {int(np.argmax(steps < 0))}, so frames cannot be found by "
            "their time: put frames and timestamps in order."
        )


def background(recording: Recording) -> torch.Tensor:
    """(H, W) float32 degrees Celsius, where the recording is cached, else on the CPU: what a pixel reads without people.

    It is the temperature below which a fifth of a hundred frames lie that are evenly spread over the recording, as people
    are warmer than the room. Someone who stays in one place for most of a recording becomes part of it.
    """
    count = min(_BACKGROUND_FRAMES, recording.num_frames)
    places = np.linspace(0, recording.num_frames - 1, count).round().astype(np.int64)
    # Frames one by one: those between them are not decoded all at once.
    frames = [recording.read(places[i : i + 1]) for i in range(count)]
    return torch.cat(frames).kthvalue(int(_BACKGROUND_SHARE * (count - 1)) + 1, dim=0).values
