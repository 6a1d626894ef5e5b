"""Which frames make a clip: so many around the keyframe, or those nearest to times around it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClipFrames:
    """The frames of both pathways, on a grid of steps whose step 0 is the keyframe.

    Args:
        length: steps of a clip.
        slow_stride, fast_stride: steps from one frame of a pathway to the next.
        seconds: what the `length` steps span; a step is a time then and its frame the nearest one. 0: a step is a frame.
        position: of the keyframe in the clip, from 0 for the first step to 1 for the last one.
    """

    length: int
    slow_stride: int
    fast_stride: int
    seconds: float = 0.0
    position: float = 0.5

    @classmethod
    def from_config(cls, cfg) -> "ClipFrames":
        rate, node = cfg.DATA.SAMPLING_RATE, cfg.THERMAL
        length = cfg.DATA.NUM_FRAMES * rate
        return cls(length, cfg.SLOWFAST.ALPHA * rate, rate, node.CLIP_SECONDS, node.KEYFRAME_POSITION)

    @property
    def before(self) -> int:
        """Steps before the keyframe."""
        return min(int(self.length * self.position), self.length - 1)

    @property
    def after(self) -> int:
        """Steps after the keyframe."""
        return self.length - 1 - self.before

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
        start = shift - self.before
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
