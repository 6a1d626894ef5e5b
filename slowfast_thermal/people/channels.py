"""What a detector of people reads of a frame: three channels in degrees Celsius.

1. temperature less the frame's median;
2. less the background, without the whole picture's drift;
3. less the frame of half a second before.

Letters: H, W pixels.
"""

import numpy as np

SECONDS_BEFORE = 0.5
"""How long before a frame the other one is that it is compared with; the nearest to that is taken."""


def frame_channels(frame: np.ndarray, difference: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """(3, H, W) float32 of a frame.

    Args:
        frame: (H, W) degrees Celsius.
        difference: (H, W), how much warmer than the background it is, see `background.difference_from`.
        earlier: (H, W), the frame half a second before.
    """
    return np.stack([frame - np.median(frame), difference, frame - earlier]).astype(np.float32)
