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
    rotation: float
    scale: float
    shift: float

    @classmethod
    def from_config(cls, node) -> "Augmentation":
        return cls(**{name.lower(): value for name, value in node.items()})

    def sample_times(self, rng: np.random.Generator, slow_stride: int) -> tuple[int, int]:
        """Shift of the whole clip and start of the slow pathway in its first stride, in frames."""
        shift = rng.integers(-self.temporal_shift, self.temporal_shift + 1)
        return int(shift), int(rng.integers(slow_stride)) if self.slow_jitter else 0

    def sample_view(self, rng: np.random.Generator) -> np.ndarray:
        """(4,) float32, what `PersonCrops` does to the windows of a clip: angle in radians, factor, shift right and down."""
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        factor = (1 + self.scale) ** rng.uniform(-1, 1)
        return np.array([angle, factor, *rng.uniform(-self.shift, self.shift, 2)], np.float32)

    def __call__(
        self,
        frames: torch.Tensor,
        boxes: np.ndarray,
        objects: np.ndarray,
        rng: np.random.Generator,
        batch_rng: np.random.Generator | None = None,
    ) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
        """Changes a clip and its boxes alike.

        Args:
            frames: (K, H, W) float32 degrees Celsius, on any device.
            boxes: (R, 4) float32, of people.
            objects: (Q, 4) float32.
            rng: makes every choice; objects change none of them.
            batch_rng: makes those that the clips of a batch have in common.

        Returns:
            Frames, boxes and objects in the same units; objects that a crop cut off are left out. With `batch_rng` the
            frames have the size of its crop, without they are scaled up to (K, H, W).
        """
        if self.crop:
            frames, boxes, objects = _random_crop(frames, boxes, objects, self.crop, rng, batch_rng)
        gain, offset = 1.0, torch.zeros((), device=frames.device)
        if self.temperature_gain:
            gain += rng.uniform(-self.temperature_gain, self.temperature_gain)
            offset = frames.mean() * (1 - gain)
        if self.temperature_offset:
            offset = offset + rng.uniform(-self.temperature_offset, self.temperature_offset)
        if self.temperature_gain or self.temperature_offset:
            frames = torch.add(offset, frames, alpha=gain)
        if self.flip and rng.random() < 0.5:
            frames = frames.flip(-1)
            boxes, objects = _mirror(boxes), _mirror(objects)
        if self.box_jitter:
            boxes = _jitter_boxes(boxes, self.box_jitter, rng)
        return frames, boxes, objects


def _mirror(boxes: np.ndarray) -> np.ndarray:
    return np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)


def _random_crop(
    frames: torch.Tensor,
    boxes: np.ndarray,
    objects: np.ndarray,
    largest_cut: float,
    rng: np.random.Generator,
    batch_rng: np.random.Generator | None,
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Cuts out a window of the image's shape; where it would cut off a person, the whole image is scaled instead."""
    height, width = frames.shape[1:]
    kept = 1 - (batch_rng or rng).uniform(0, largest_cut)
    crop_height, crop_width = max(round(height * kept), 1), max(round(width * kept), 1)
    top, left = rng.integers(height - crop_height + 1), rng.integers(width - crop_width + 1)

    corner = np.array([left / width, top / height] * 2, np.float32)
    scale = np.array([width / crop_width, height / crop_height] * 2, np.float32)
    moved = (np.concatenate([boxes, objects]) - corner) * scale
    inside = np.clip(moved, 0, 1)
    visible = _areas(inside) >= _MIN_VISIBLE * _areas(moved)
    people = len(boxes)
    if visible[:people].all():
        frames = frames[:, top : top + crop_height, left : left + crop_width]
        boxes, objects = inside[:people], inside[people:][visible[people:]]
    size = (crop_height, crop_width) if batch_rng else (height, width)
    if frames.shape[1:] != size:
        frames = F.interpolate(frames[None], size=size, mode="bilinear", align_corners=False)[0]
    return frames, boxes, objects


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _jitter_boxes(boxes: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Moves each edge by a normal fraction of the box size; a box that would lose its area stays."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2))
    moved = np.clip(boxes + rng.normal(0, deviation, boxes.shape) * size, 0, 1).astype(np.float32)
    keeps_area = (moved[:, 0] < moved[:, 2]) & (moved[:, 1] < moved[:, 3])
    return np.where(keeps_area[:, None], moved, boxes)
