"""The data set `PersonFrames`: annotated frames with the boxes of their people, all of one class.

Letters: H, W pixels, R people of a frame.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from slowfast_thermal.datasets.annotations import Annotations, Keyframe
from slowfast_thermal.datasets.augmentation import Augmentation
from slowfast_thermal.datasets.clip_frames import nearest_frames
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.thermal import Thermal
from slowfast_thermal.people.background import difference_from
from slowfast_thermal.people.channels import SECONDS_BEFORE, frame_channels
from slowfast_thermal.pyslowfast import DATASET_REGISTRY, pack_sample

PERSON = "person"
"""The one class."""

# Largest standard deviation of the noise that training adds, degrees Celsius.
_NOISE = 0.3
# Of a person at the edge of a changed frame this much of the box must be left.
_MIN_VISIBLE = 0.4


def finds_people(cfg) -> bool:
    """Whether a configuration is that of a detector of people, not of actions."""
    return cfg.MODEL.MODEL_NAME == "ThermalPersonDetector"


class OfPeople:
    """What makes a `Thermal` one of frames and people in place of clips and actions."""

    needs_people = False

    def _read_annotations(self, paths: list[Path]) -> Annotations:
        annotations = super()._read_annotations(paths)
        return replace(annotations, classes=[PERSON], keyframes=[_of_one_class(k) for k in annotations.keyframes])

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        recording = next(iter(self._cache))
        return recording.height, recording.width

    def _clip(
        self,
        index: int,
        place: int | None,
        recording: Recording,
        keyframe: Keyframe,
        ori_boxes: np.ndarray,
        labels: np.ndarray,
        metadata: list[int],
    ) -> tuple:
        """As `Thermal` packs a clip, a frame: inputs [(3, H, W) float32, see `people.channels`], labels (R, 1), and of the
        extra "boxes" (R, 4) in its pixels, "ori_boxes" and "metadata"."""
        time = recording.timestamps[keyframe.frame_index]
        earlier = nearest_frames(recording.timestamps, np.array([time - 1000 * SECONDS_BEFORE]))
        frames = recording.read(np.append(earlier, keyframe.frame_index)).cpu().numpy()
        difference = difference_from(frames[1], self._background(recording).cpu().numpy())
        channels = torch.from_numpy(frame_channels(frames[1], difference, frames[0]))
        boxes = ori_boxes
        if self._augmentation:
            rng, _ = self._generators(place)
            channels, boxes = change_frame(channels, boxes, self._augmentation, rng)
        height, width = channels.shape[1:]
        extra = {
            "boxes": boxes * np.array([width, height, width, height], np.float32),
            "ori_boxes": boxes,
            "metadata": [metadata] * len(boxes),
        }
        return pack_sample([channels], np.ones((len(boxes), 1), np.float32), index, extra)


@DATASET_REGISTRY.register()
class PersonFrames(OfPeople, Thermal):
    """Keyframes of thermal recordings with the boxes of their people, see `Thermal`."""


def change_frame(
    channels: torch.Tensor, boxes: np.ndarray, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[torch.Tensor, np.ndarray]:
    """Changes a frame and its boxes alike.

    Args:
        channels: (3, H, W) float32 degrees Celsius.
        boxes: (R, 4) float32 x1, y1, x2, y2 divided by the image size.
        augmentation: of it flip, here in both directions, for a sensor that looks down; scale, by which a part of the frame is
            enlarged at most; and temperature_gain.
        rng: makes every choice.

    Returns:
        The same of the changed frame; people of whom little is left are left out.
    """
    for axis in (0, 1) if augmentation.flip else ():
        if rng.random() < 0.5:
            channels = channels.flip(2 - axis)
            boxes = boxes.copy()
            boxes[:, [axis, axis + 2]] = 1 - boxes[:, [axis + 2, axis]]
    if augmentation.scale:
        factor = (1 + augmentation.scale) ** rng.uniform(0, 1)
        # The grid counts from -1 to 1, boxes from 0 to 1. The view stays inside the frame: what would lie beside a person whom
        # its edge cuts is not known.
        shift = rng.uniform(-1, 1, 2) * (1 - 1 / factor)
        view = torch.tensor([[1 / factor, 0, shift[0]], [0, 1 / factor, shift[1]]], dtype=torch.float32)
        grid = F.affine_grid(view[None], [1, *channels.shape], align_corners=False)
        channels = F.grid_sample(channels[None], grid, align_corners=False)[0]
        moved = ((boxes * 2 - 1 - np.tile(shift, 2)) * factor + 1) / 2
        inside = moved.clip(0, 1)
        boxes = inside[_areas(inside) > _MIN_VISIBLE * _areas(moved)].astype(np.float32)
    gain = (1 + augmentation.temperature_gain) ** rng.uniform(-1, 1)
    noise = rng.uniform(0, _NOISE) * rng.standard_normal(channels.shape, np.float32)
    return channels * gain + torch.from_numpy(noise.astype(np.float32)), boxes


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _of_one_class(keyframe: Keyframe) -> Keyframe:
    return replace(keyframe, labels=np.ones((len(keyframe.boxes), 1), np.float32))
