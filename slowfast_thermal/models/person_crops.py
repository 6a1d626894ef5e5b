"""Windows around people in place of whole frames, cut on the network's device.

Letters: N clips, R people (and objects) over all clips, S planes, K channels, T frames, h, w sensor pixels, H, W input pixels.

A pixel (i, j) covers the square from (j, i) to (j + 1, i + 1), so x and y of boxes are in [0, w] and [0, h].
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from slowfast_thermal.datasets.channels import make_channels
from slowfast_thermal.models.input_layer import ThermalInput


def window_views(
    boxes: torch.Tensor, size: tuple[int, int], views: torch.Tensor | None, outward_up: bool
) -> torch.Tensor | None:
    """How the window of each box is turned, scaled and moved.

    Args:
        boxes: (R, 5), the clip's place in the batch and x1, y1, x2, y2 in pixels of the image.
        size: height and width of the image.
        views: (N, 4) of each clip: the angle in radians by which a window is turned around its centre, the factor of its size,
            and by how much of its width and height it is moved to the right and down, all as seen in the crop. None: none is.
        outward_up: the way from the middle of the image to the box's centre points up in its window before a view turns it.

    Returns:
        (R, 5) float32: cosine and sine of the angle, factor, shift to the right and down; None: all windows are straight.
    """
    if views is None and not outward_up:
        return None
    centre_x, centre_y = (boxes[:, 1:3] + boxes[:, 3:5]).float().unbind(1)
    cos, sin = torch.ones_like(centre_x), torch.zeros_like(centre_x)
    if outward_up:
        right, down = centre_x - size[1], centre_y - size[0]
        far = (right.square() + down.square()).sqrt()
        cos, sin = torch.where(far > 0, -down / far, cos), torch.where(far > 0, right / far, sin)
    if views is None:
        return torch.stack([cos, sin, torch.ones_like(cos), *[torch.zeros_like(cos)] * 2], 1)
    angle, *others = views[boxes[:, 0].long()].float().unbind(1)
    turned = cos * angle.cos() - sin * angle.sin(), sin * angle.cos() + cos * angle.sin()
    return torch.stack([*turned, *others], 1)


def turned_size(wide: torch.Tensor, tall: torch.Tensor, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Width and height in its window of the ellipse that touches a box's sides, which fits people better than its corners.

    Args:
        wide, tall: (R,) of the boxes.
        views: (R, 5) of `window_views`; their factor does not count.
    """
    cos, sin = views[:, :2].unbind(1)
    return _length(cos * wide, sin * tall), _length(sin * wide, cos * tall)


def _length(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """As torch.hypot, which ONNX does not know."""
    return (x.square() + y.square()).sqrt()


class PersonCrops(ThermalInput):
    """Cuts the same window around a person's box out of all frames and scales it to the network's input.

    The window has the box's centre and the shape H:W of the input, so nothing is distorted. It is scaled bilinearly between
    pixel centres, without a filter where it becomes smaller; beyond the image's edge the pixels at the edge go on.
    A training clip's view turns, scales and moves the windows of all its people; `window_views` gives those of each. The
    channel box_mask, the last one, is 1 inside the box and 0 outside.

    Args:
        size, mean, std, channels_last, channels: as of ThermalInput.
        unit: "pixel": `window` is the window's height in sensor pixels; "box": the smallest window of the input's shape that
            holds the box, of `turned_size` in a turned one, grows by the factor `window`.
        window: see `unit`.
    """

    def __init__(
        self,
        size: tuple[int, int],
        mean: list[float],
        std: list[float],
        channels_last: bool = True,
        channels: Sequence[str] = ("temperature",),
        unit: str = "pixel",
        window: float = 24.0,
    ):
        super().__init__(size, mean, std, channels_last, channels)
        self.unit = unit
        self.window = window

    def forward(
        self, pathways: list[torch.Tensor], boxes: torch.Tensor, views: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Cuts out the windows.

        Args:
            pathways: planes (N, S, T, h, w) in [0, 1].
            boxes: (R, 5), the clip's place in the batch and x1, y1, x2, y2 in sensor pixels, on any device.
            views: (R, 5) of `window_views`, on the device of `boxes`.

        Returns:
            Each pathway as (R, K, T, H, W), float32, normalised.
        """
        device = pathways[0].device
        # In bfloat16 the positions would be off by pixels.
        with torch.autocast(device.type, enabled=False):
            positions = self.positions(boxes, views).to(device, non_blocking=True)
            boxes = boxes.to(device, non_blocking=True)
            return [self._normalise(self._cut(clip, boxes, positions)) for clip in pathways]

    def positions(self, boxes: torch.Tensor, views: torch.Tensor | None = None) -> torch.Tensor:
        """(R, H, W, 2), x and y in sensor pixels of the centre of each pixel of the crops."""
        height, width = self.size
        x1, y1, x2, y2 = boxes[:, 1:].float().unbind(1)
        if self.unit == "box":
            wide, tall = (x2 - x1, y2 - y1) if views is None else turned_size(x2 - x1, y2 - y1, views)
            tall = torch.maximum(tall, wide * (height / width)) * self.window
        else:
            tall = torch.full_like(x1, self.window)
        wide = tall * (width / height)
        u, v = ((torch.arange(n, device=boxes.device) + 0.5) / n - 0.5 for n in (width, height))
        u, v = u[None, None, :], v[None, :, None]
        if views is None:
            views = boxes.new_tensor([[1.0, 0.0, 1.0, 0.0, 0.0]]).expand(boxes.shape[0], 5)
        cos, sin, scale, right, down = views[:, :, None, None].unbind(1)
        u = (u + right) * scale * wide[:, None, None]
        v = (v + down) * scale * tall[:, None, None]
        x = ((x1 + x2) / 2)[:, None, None] + cos * u - sin * v
        y = ((y1 + y2) / 2)[:, None, None] + sin * u + cos * v
        return torch.stack([x, y], 3)

    def _cut(self, clip: torch.Tensor, boxes: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(R, K, T, H, W) of the channels of planes (N, S, T, h, w)."""
        channels = make_channels(clip, self.channels).float()
        height, width = clip.shape[3:]
        x, y = positions.unbind(3)
        grid = torch.stack([x * (2 / width), y * (2 / height)], 3) - 1
        frames = channels.flatten(1, 2)[boxes[:, 0].long()]
        cut = F.grid_sample(frames, grid, mode="bilinear", padding_mode="border", align_corners=False)
        cut = cut.unflatten(1, channels.shape[1:3])
        if "box_mask" not in self.channels:
            return cut
        low, high = boxes[:, None, None, 1:3], boxes[:, None, None, 3:5]
        inside = ((positions >= low) & (positions <= high)).all(3).to(cut.dtype)
        return torch.cat([cut, inside[:, None, None].expand(-1, -1, clip.shape[2], -1, -1)], 1)
