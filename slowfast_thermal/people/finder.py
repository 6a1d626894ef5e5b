"""What every way of finding people takes and gives.

Letters: K frames, H, W pixels, R people of a frame.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class FoundPeople:
    """The people found in one frame.

    Attributes:
        boxes: (R, 4) float32, x1, y1, x2, y2 in pixels of the frame, edges of pixels being whole numbers.
        scores: (R,) float32 from 0 to 1, how sure each is.
    """

    boxes: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def nobody(cls) -> "FoundPeople":
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class PersonFinder(Protocol):
    """Finds the people of one sensor's frames, which it is given in the order of their times, some or one at a time.

    Attributes:
        background: (H, W) float32 degrees Celsius that the pixels read without people, as known after the last frame.
    """

    background: np.ndarray

    def find(self, frames: np.ndarray, times: np.ndarray, wanted: np.ndarray | None = None) -> list[FoundPeople]:
        """The people of each frame.

        Args:
            frames: (K, H, W) float32 degrees Celsius without missing readings.
            times: (K,) int64 milliseconds, rising.
            wanted: (K,) bool, whose people are asked for; the others are looked at all the same, but have none.
        """
