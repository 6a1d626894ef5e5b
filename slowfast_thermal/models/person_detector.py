"""A small detector of people in single frames: FCOS (Tian et al., arXiv:1904.01355) from torchvision's parts.

It finds boxes without anchors, so nothing in it is made for photographs. A frame of any sensor is scaled to the same
height, in which a person of the training's sensors is as tall as in theirs.

Letters: K frames, H, W pixels, R people of a frame.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead

from slowfast_thermal.people.detector import LOWEST_SCORE, MAX_CANDIDATES, MAX_PEOPLE, SAME_PERSON
from slowfast_thermal.pyslowfast import MODEL_REGISTRY

# Degrees by which people typically differ in each channel that it reads (see `people.channels`).
_SCALES = (4.0, 4.0, 2.0)
# Pixels of the scaled frame between two places of the grid on which people are found.
STRIDE = 4
# Convolutions of the head before each of its results.
_HEAD_DEPTH = 2


class _Block(nn.Sequential):
    def __init__(self, dim_in: int, dim_out: int, stride: int):
        super().__init__(
            nn.Conv2d(dim_in, dim_out, 3, stride, 1, bias=False), nn.BatchNorm2d(dim_out), nn.ReLU(),
            nn.Conv2d(dim_out, dim_out, 3, 1, 1, bias=False), nn.BatchNorm2d(dim_out), nn.ReLU(),
        )  # fmt: skip


class _Backbone(nn.Module):
    """Features at a stride of 4 that know what lies around them, from three scales (Lin et al., arXiv:1612.03144).

    Args:
        widths: channels at strides 1, 2, 4, 8 and 16.
        out_channels: of the result.
    """

    def __init__(self, widths: Sequence[int], out_channels: int):
        super().__init__()
        dims = [len(_SCALES), *widths]
        self.stages = nn.ModuleList(
            _Block(dim_in, dim_out, stride=1 if number == 0 else 2)
            for number, (dim_in, dim_out) in enumerate(zip(dims, dims[1:]))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, out_channels, 1) for width in widths[2:])
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        merged = None
        for lateral, feature in zip(reversed(self.lateral), reversed(features[2:])):
            below = lateral(feature)
            merged = below if merged is None else below + F.interpolate(merged, size=below.shape[-2:])
        return OrderedDict([("0", merged)])


class PersonDetector(FCOS):
    """Finds people in frames.

    Args:
        height: to which the shorter side of a frame is scaled, pixels.
        widths: channels of the backbone at strides 1, 2, 4, 8 and 16.
        dim: channels of what the head reads.

    Attributes:
        frame_size: (2,) int64 height and width of the frames that it was trained on, 0 before.
    """

    def __init__(self, height: int, widths: Sequence[int], dim: int):
        # The one anchor of a place stands for the unit in which FCOS learns the sides.
        anchors = AnchorGenerator(sizes=((4 * STRIDE,),), aspect_ratios=((1.0,),))
        super().__init__(
            _Backbone(widths, dim),
            num_classes=1,
            min_size=height,
            max_size=16 * height,
            image_mean=[0.0] * len(_SCALES),
            image_std=list(_SCALES),
            anchor_generator=anchors,
            head=FCOSHead(dim, 1, 1, num_convs=_HEAD_DEPTH),
            score_thresh=LOWEST_SCORE,
            nms_thresh=SAME_PERSON,
            detections_per_img=MAX_PEOPLE,
            topk_candidates=MAX_CANDIDATES,
            size_divisible=16,
        )
        self.register_buffer("frame_size", torch.zeros(2, dtype=torch.int64))

    def forward(self, frames: Tensor, boxes: Tensor | None = None) -> Tensor | list[dict[str, Tensor]]:
        """Finds the people of K frames, or learns them.

        Args:
            frames: (K, 3, H, W) float32 degrees Celsius, see `people.channels`.
            boxes: in training (R, 5), the place of the frame and x1, y1, x2, y2 in its pixels.

        Returns:
            In training the loss, else for each frame (R, 4) "boxes" in pixels and (R,) "scores".
        """
        if not self.training:
            return super().forward(list(frames))
        of_frames = [boxes[boxes[:, 0] == place, 1:] for place in range(len(frames))]
        targets = [{"boxes": of, "labels": of.new_zeros(len(of), dtype=torch.int64)} for of in of_frames]
        return sum(super().forward(list(frames), targets).values())

    @torch.inference_mode()
    def find_people(self, channels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of (K, 3, H, W) frames each one's (R, 4) boxes and (R,) scores; in evaluation mode."""
        found = self(torch.from_numpy(channels).to(self.frame_size.device))
        return [(people["boxes"].cpu().numpy(), people["scores"].cpu().numpy()) for people in found]


@MODEL_REGISTRY.register()
class ThermalPersonDetector(PersonDetector):
    """The PersonDetector that a configuration describes."""

    def __init__(self, cfg):
        node = cfg.THERMAL.DETECTOR
        super().__init__(node.HEIGHT, node.WIDTHS, node.DIM)
