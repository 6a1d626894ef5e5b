import numpy as np
import pytest
import torch

from slowfast_thermal.datasets.augmentation import Augmentation
from slowfast_thermal.datasets.person_frames import change_frame

_NONE = {"slow_jitter": False, "temporal_shift": 0, "box_jitter": 0, "crop": 0, "temperature_offset": 0, "rotation": 0}


def augmentation(flip: bool, scale: float) -> Augmentation:
    return Augmentation(**_NONE, flip=flip, scale=scale, shift=0, temperature_gain=0)


@pytest.mark.parametrize("flip, scale", [(False, 0), (True, 0), (False, 1.0), (True, 1.0)])
def test_boxes_stay_around_what_they_are_of(flip, scale):
    frame = torch.zeros(3, 40, 60)
    frame[:, 12:22, 30:42] = 8
    boxes = np.array([[30 / 60, 12 / 40, 42 / 60, 22 / 40]], np.float32)
    seen = set()
    for seed in range(20):
        changed, moved = change_frame(frame, boxes, augmentation(flip, scale), np.random.default_rng(seed))
        if not len(moved):
            continue
        rows, columns = (np.flatnonzero((changed[0] > 4).any(axis).numpy()) for axis in (1, 0))
        around = np.array([columns[0] / 60, rows[0] / 40, (columns[-1] + 1) / 60, (rows[-1] + 1) / 40])
        np.testing.assert_allclose(moved[0], around, atol=0.6 / 40)
        seen.add(tuple(moved[0].round(3)))
    assert len(seen) == 1 if not flip and not scale else len(seen) > 3


def test_someone_of_whom_little_is_left_is_left_out():
    boxes = np.array([[0.4, 0.4, 0.6, 0.6], [0.0, 0.0, 0.2, 0.2]], np.float32)
    counts = [
        len(change_frame(torch.zeros(3, 40, 60), boxes, augmentation(False, 1.0), np.random.default_rng(seed))[1])
        for seed in range(20)
    ]
    assert {1, 2} <= set(counts)
