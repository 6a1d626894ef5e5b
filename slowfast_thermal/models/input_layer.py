"""From a clip at sensor resolution to what the network reads, on the network's device.

Letters: N clips, S planes, K channels, T frames, h, w sensor pixels, H, W input pixels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from slowfast_thermal.datasets.channels import make_channels


class ThermalInput(nn.Module):
    """Makes the input channels of every frame, resizes them bilinearly and normalises them.

    It holds no parameters, so a network with it has the weights of one without.

    Args:
        size: height and width of the output in pixels.
        mean, std: of each channel; a single channel is repeated for further ones, three for weights from pictures. Inputs
            are in [0, 1].
        channels_last: whether the channels of a pixel lie together in memory.
        channels: see `make_channels`.
    """

    def __init__(
        self,
        size: tuple[int, int],
        mean: list[float],
        std: list[float],
        channels_last: bool = True,
        channels: Sequence[str] = ("temperature",),
    ):
        super().__init__()
        self.size = tuple(size)
        self.channels = tuple(channels)
        self.memory_format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1, 1), persistent=False)

    def forward(self, pathways: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps each pathway from the planes (N, S, T, h, w) in [0, 1] to (N, K, T, H, W), float32."""
        return [self._normalise(self._resize(make_channels(clip, self.channels))) for clip in pathways]

    def _resize(self, clip: torch.Tensor) -> torch.Tensor:
        frames = F.interpolate(clip.flatten(1, 2), size=self.size, mode="bilinear", align_corners=False)
        return frames.unflatten(1, clip.shape[1:3])

    def _normalise(self, clip: torch.Tensor) -> torch.Tensor:
        clip = ((clip - self.mean) / self.std).contiguous(memory_format=self.memory_format)
        if clip.shape[1] > 1 or self.memory_format == torch.contiguous_format or torch.compiler.is_compiling():
            return clip
        # A single channel has the same memory either way, but convolutions go by its stride: in bfloat16 a stem is four times
        # as fast with that of channels last.
        frames, height, width = clip.shape[2:]
        return clip.as_strided(clip.shape, (frames * height * width, 1, height * width, width, 1))
