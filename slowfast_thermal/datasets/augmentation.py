"""Random changes of a training clip at the sensor's resolution.

Letters: K frames of a clip, H, W pixels, R people, Q objects. Boxes are x1, y1, x2, y2 divided by the image size.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

# A crop that leaves less of a person's box than this is not taken; one that leaves less of an object's loses it.
_MIN_VISIBLE = 0.5


@dataclass(frozen=True)
class Augmentation:
    """The augmentations of config node THERMAL.AUG, which gives their meaning; 0 or False turns one off."""

    flip: bool
    slow_jitter: bool
    temporal_shift: int
    box_jitter: float
    crop: float
    temperature_offset: float
    temperature_gain: float

    @classmethod
    def from_config(cls, node) -> "Augmentation":
        return cls(**{name.lower(): value for name, value in node.items()})

    def sample_times(self, rng: np.random.Generator, slow_stride: int) -> tuple[int, int]:
        """Shift of the whole clip and start of the slow pathway in its first stride, in frames."""
        shift = rng.integers(-self.temporal_shift, self.temporal_shift + 1)
        return int(shift), int(rng.integers(slow_stride)) if self.slow_jitter else 0

    def __call__(
        self, frames: torch.Tensor, boxes: np.ndarray, objects: np.ndarray, rng: np.random.Generator
    ) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
        """Changes a clip and its boxes alike.

        Args:
            frames: (K, H, W) float32 degrees Celsius, on any device; may be changed in place.
            boxes: (R, 4) float32, of people.
            objects: (Q, 4) float32.
            rng: makes every choice; objects change none of them.

        Returns:
            Frames, boxes and objects in the same units; objects that a crop cut off are left out.
        """
        offset = 0.0
        if self.temperature_gain:
            gain = 1 + rng.uniform(-self.temperature_gain, self.temperature_gain)
            offset = frames.mean() * (1 - gain)
            frames = frames.mul_(gain)
        if self.temperature_offset:
            offset = offset + rng.uniform(-self.temperature_offset, self.temperature_offset)
        if self.temperature_gain or self.temperature_offset:
            frames = frames.add_(offset)
        if self.crop:
            frames, boxes, objects = _random_crop(frames, boxes, objects, self.crop, rng)
        if self.flip and rng.random() < 0.5:
            frames = frames.flip(-1)
            boxes, objects = _mirror(boxes), _mirror(objects)
        if self.box_jitter:
            boxes = _jitter_boxes(boxes, self.box_jitter, rng)
        return frames, boxes, objects


def _mirror(boxes: np.ndarray) -> np.ndarray:
    return np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)


def _random_crop(
    frames: torch.Tensor, boxes: np.ndarray, objects: np.ndarray, largest_cut: float, rng: np.random.Generator
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Cuts out a window of the image's shape and scales it up to the full size."""
    height, width = frames.shape[1:]
    kept = 1 - rng.uniform(0, largest_cut)
    crop_height, crop_width = max(round(height * kept), 1), max(round(width * kept), 1)
    top, left = rng.integers(height - crop_height + 1), rng.integers(width - crop_width + 1)

    corner = np.array([left / width, top / height] * 2, np.float32)
    scale = np.array([width / crop_width, height / crop_height] * 2, np.float32)

    def move(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The boxes in the window, and which of them are still to be seen."""
        moved = (boxes - corner) * scale
        inside = np.clip(moved, 0, 1)
        return inside, _areas(inside) >= _MIN_VISIBLE * _areas(moved)

    moved_boxes, visible = move(boxes)
    if not visible.all():
        return frames, boxes, objects
    moved_objects, visible = move(objects)
    window = frames[None, :, top : top + crop_height, left : left + crop_width]
    resized = F.interpolate(window, size=(height, width), mode="bilinear", align_corners=False)[0]
    return resized, moved_boxes, moved_objects[visible]


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _jitter_boxes(boxes: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Moves each edge by a normal fraction of the box size; a box that would lose its area stays."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2))
    moved = np.clip(boxes + rng.normal(0, deviation, boxes.shape) * size, 0, 1).astype(np.float32)
    keeps_area = (moved[:, 0] < moved[:, 2]) & (moved[:, 1] < moved[:, 3])
    return np.where(keeps_area[:, None], moved, boxes)
