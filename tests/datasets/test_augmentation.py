import numpy as np
import pytest
import torch

from slowfast_thermal.datasets.augmentation import Augmentation

OFF = {
    "flip": False,
    "slow_jitter": False,
    "temporal_shift": 0,
    "box_jitter": 0.0,
    "crop": 0.0,
    "temperature_offset": 0.0,
    "temperature_gain": 0.0,
    "rotation": 0.0,
    "scale": 0.0,
    "shift": 0.0,
}
BOXES = np.array([[0.25, 0.25, 0.5, 0.75], [0.6, 0.1, 0.9, 0.6]], np.float32)


def warm_boxes():
    """Frames of 40x60 pixels at 20 degrees with 30 degrees inside the boxes."""
    frames = torch.full((3, 40, 60), 20.0)
    for x1, y1, x2, y2 in BOXES:
        frames[:, round(y1 * 40) : round(y2 * 40), round(x1 * 60) : round(x2 * 60)] = 30.0
    return frames


def augment(seed=0, batch_seed=None, **switches):
    batch_rng = None if batch_seed is None else np.random.default_rng(batch_seed)
    augmentation = Augmentation(**{**OFF, **switches})
    frames, boxes, _ = augmentation(warm_boxes(), BOXES, BOXES[:0], np.random.default_rng(seed), batch_rng)
    return frames, boxes


def mean_inside(frames, boxes):
    height, width = frames.shape[1:]
    return [
        frames[:, round(y1 * height) : round(y2 * height), round(x1 * width) : round(x2 * width)].mean()
        for x1, y1, x2, y2 in boxes
    ]


def test_with_everything_off_nothing_changes():
    frames, boxes = augment()
    np.testing.assert_array_equal(frames, warm_boxes())
    np.testing.assert_array_equal(boxes, BOXES)
    assert Augmentation(**OFF).sample_times(np.random.default_rng(0), 16) == (0, 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("switch", [{"flip": True}, {"crop": 0.3}, {"flip": True, "crop": 0.3}])
def test_boxes_move_with_their_pixels(seed, switch):
    frames, boxes = augment(seed, **switch)
    assert frames.shape == (3, 40, 60)
    assert min(mean_inside(frames, boxes)) > 28.5


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("switch", [{"flip": True}, {"crop": 0.3}, {"flip": True, "crop": 0.3}])
def test_objects_move_with_the_clip_and_go_when_a_crop_cuts_them_off(seed, switch):
    augmentation = Augmentation(**{**OFF, **switch})
    objects = np.concatenate([BOXES, [[0, 0, 0.04, 0.04]]]).astype(np.float32)
    frames, boxes, moved = augmentation(warm_boxes(), BOXES, objects, np.random.default_rng(seed))
    np.testing.assert_array_equal(moved[:2], boxes)
    area = (moved[:, 2:] - moved[:, :2]).prod(axis=1)
    assert len(moved) == 3 or "crop" in switch
    assert area.min() > 0 and moved.min() >= 0 and moved.max() <= 1


def test_objects_leave_the_augmentation_of_the_clip_as_it_is():
    augmentation = Augmentation(**{**OFF, "flip": True, "crop": 0.3, "box_jitter": 0.1})
    for seed in range(8):
        alone = augmentation(warm_boxes(), BOXES, BOXES[:0], np.random.default_rng(seed))
        together = augmentation(warm_boxes(), BOXES, BOXES[::-1], np.random.default_rng(seed))
        np.testing.assert_array_equal(alone[0], together[0])
        np.testing.assert_array_equal(alone[1], together[1])


def test_half_of_the_clips_are_mirrored():
    mirrored = sum(not np.array_equal(augment(seed, flip=True)[1], BOXES) for seed in range(200))
    assert 70 < mirrored < 130


def test_a_crop_keeps_at_least_half_of_every_person():
    for seed in range(100):
        frames, boxes = augment(seed, crop=0.6)
        assert ((boxes[:, 2:] - boxes[:, :2]) > 0).all() and boxes.min() >= 0 and boxes.max() <= 1
        assert min(mean_inside(frames, boxes)) > 28


def test_the_clips_of_a_batch_are_cut_to_one_size_at_different_places():
    sizes = set()
    for batch in range(8):
        clips = [augment(seed, batch, crop=0.3) for seed in range(8)]
        (size,) = {frames.shape[1:] for frames, _ in clips}
        sizes.add(size)
        assert 28 <= size[0] <= 40 and 42 <= size[1] <= 60
        assert min(min(mean_inside(frames, boxes)) for frames, boxes in clips) > 28
        assert len({tuple(boxes.ravel()) for _, boxes in clips}) > 1
    assert len(sizes) > 4


def test_where_a_crop_would_cut_off_a_person_the_image_is_scaled_to_its_size():
    edges = np.array([[0.0, 0.4, 0.05, 0.6], [0.95, 0.4, 1.0, 0.6]], np.float32)
    frames = torch.linspace(20, 30, 60).repeat(1, 40, 1)
    augmentation = Augmentation(**{**OFF, "crop": 0.6})
    cut, boxes, _ = augmentation(frames, edges, edges[:0], np.random.default_rng(0), np.random.default_rng(0))
    assert cut.shape[2] < 50
    np.testing.assert_array_equal(boxes, edges)
    np.testing.assert_allclose(cut[0, 0, [0, -1]], [20, 30], atol=0.3)


def test_temperature_changes_keep_to_their_limits():
    offsets = [augment(seed, temperature_offset=2.0)[0].mean() - warm_boxes().mean() for seed in range(100)]
    assert -2 <= min(offsets) < -1 and 1 < max(offsets) <= 2
    gains = [np.ptp(augment(seed, temperature_gain=0.2)[0].numpy()) / 10 for seed in range(100)]
    assert 0.8 <= min(gains) < 0.9 and 1.1 < max(gains) <= 1.2


def test_box_jitter_moves_boxes_and_leaves_pixels():
    frames, boxes = augment(box_jitter=0.1)
    np.testing.assert_array_equal(frames, warm_boxes())
    assert 0 < np.abs(boxes - BOXES).max() < 0.3


def test_views_keep_to_their_limits_and_cover_them():
    rng = np.random.default_rng(0)
    views = np.array(
        [Augmentation(**OFF | {"rotation": 180, "scale": 0.25, "shift": 0.1}).sample_view(rng) for _ in range(300)]
    )
    limits = np.array([np.pi, 1.25, 0.1, 0.1])
    assert (views.max(0) <= limits).all() and (views.max(0) > 0.9 * limits).all()
    assert (views.min(0) >= [-np.pi, 0.8, -0.1, -0.1]).all() and (views.min(0) < [-3, 0.83, -0.09, -0.09]).all()
    np.testing.assert_array_equal(Augmentation(**OFF).sample_view(rng), [0, 1, 0, 0])


def test_times_cover_the_stride_of_the_slow_pathway_and_the_shift():
    augmentation = Augmentation(**{**OFF, "slow_jitter": True, "temporal_shift": 2})
    rng = np.random.default_rng(0)
    shifts, starts = zip(*(augmentation.sample_times(rng, 8) for _ in range(500)))
    assert set(shifts) == {-2, -1, 0, 1, 2} and set(starts) == set(range(8))
