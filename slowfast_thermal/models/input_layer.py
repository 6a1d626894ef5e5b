"""From a clip at sensor resolution to what the network reads, on the network's device.

Letters: N clips, T frames, h, w sensor pixels, H, W input pixels.
"""

import torch
import torch.nn.functional as F
from torch import nn


class ThermalInput(nn.Module):
    """Resizes every frame bilinearly, repeats the temperature in C channels and normalises them.

    It holds no parameters, so a network with it has the weights of one without.

    Args:
        size: height and width of the output in pixels.
        mean, std: of each of the C channels, three for weights from pictures, for inputs in [0, 1].
        channels_last: whether the channels of a pixel lie together in memory.
    """

    def __init__(self, size: tuple[int, int], mean: list[float], std: list[float], channels_last: bool = True):
        super().__init__()
        self.size = tuple(size)
        self.memory_format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1, 1), persistent=False)

    def forward(self, pathways: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps each pathway from (N, 1, T, h, w) in [0, 1] to (N, C, T, H, W), float32."""
        return [self._prepare(clip) for clip in pathways]

    def _prepare(self, clip: torch.Tensor) -> torch.Tensor:
        frames = F.interpolate(clip.squeeze(1), size=self.size, mode="bilinear", align_corners=False)
        normalised = (frames.unsqueeze(1) - self.mean) / self.std
        return normalised.contiguous(memory_format=self.memory_format)
