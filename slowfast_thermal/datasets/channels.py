"""Input channels that are made of a clip's temperatures.

The data set gives what only a recording can tell: the planes `temperature`, `earlier` (of the frame a moment before) and
`background`. The network makes the channels of them, so that whoever holds planes can run it.

Letters: N clips, S planes, K channels, T frames, h, w sensor pixels. Temperatures are parts of THERMAL.TEMPERATURE_RANGE.
"""

from collections.abc import Sequence

import numpy as np
import torch

from slowfast_thermal.datasets.planes import NEEDS, planes


def make_channels(clip: torch.Tensor, channels: Sequence[str]) -> torch.Tensor:
    """(N, K, T, h, w) channels of a clip's (N, S, T, h, w) planes, in their order.

    temperature: as it is.
    less_median: less the median of the frame's pixels (the lower one of two).
    less_background: less the pixel's background.
    difference: less the pixel's temperature a moment earlier.
    box_mask: belongs to a person, not to a clip, and is left out here.
    """
    names = [name for name in channels if name != "box_mask"]
    if names == ["temperature"]:
        return clip[:, :1]
    given = dict(zip(planes(channels), clip.unbind(1), strict=True))
    temperature = given["temperature"]
    made = []
    for name in names:
        if name == "temperature":
            made.append(temperature)
        elif name == "less_median":
            made.append(temperature - _frame_median(temperature))
        else:
            made.append(temperature - given[NEEDS[name]])
    return torch.stack(made, 1)


def _frame_median(frames: torch.Tensor) -> torch.Tensor:
    """(N, T, 1, 1) median of each of (N, T, h, w) frames, the lower one of two."""
    pixels = frames.flatten(2)
    middle = (pixels.shape[2] - 1) // 2
    if torch.compiler.is_compiling():  # for an export: ONNX knows no median
        return pixels.sort(2).values[..., middle, None, None]
    if pixels.is_cpu:
        # The same number; torch's own takes several times as long on a CPU.
        lowest = np.partition(pixels.detach().numpy(), middle, axis=2)[..., middle]
        return torch.from_numpy(lowest)[..., None, None]
    return pixels.median(2).values[..., None, None]
