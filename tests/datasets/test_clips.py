import numpy as np
import pytest
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.clip_frames import ClipFrames, nearest_frames
from slowfast_thermal.datasets.clips import background
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import unpack_batch
from slowfast_thermal.trees.people import FeatureReader

PLANES = ("THERMAL.CHANNELS", "['less_background','difference']", "DATA.INPUT_CHANNEL_NUM", "[2,2]")
PLANES += ("DATA.MEAN", "[0.0,0.0]", "DATA.STD", "[0.1,0.1]", "MODEL.NUM_CLASSES", 2)


def test_without_seconds_a_step_is_a_frame_and_the_ends_repeat():
    frames = ClipFrames(length=64, slow_stride=16, fast_stride=2)
    slow, fast = frames(np.arange(100) ** 2, keyframe=20)
    np.testing.assert_array_equal(slow, [0, 4, 20, 36])
    np.testing.assert_array_equal(fast, np.clip(np.arange(-12, 52, 2), 0, None))
    np.testing.assert_array_equal(frames(np.arange(100), 20, shift=2, slow_start=3)[0], [0, 9, 25, 41])


def test_with_seconds_a_clip_spans_the_same_time_at_any_frame_rate():
    frames = ClipFrames(length=16, slow_stride=4, fast_stride=1, seconds=4.0)
    for interval in (10, 50, 125):
        timestamps = 5000 + np.arange(0, 20_000, interval)
        slow, fast = frames(timestamps, keyframe=len(timestamps) // 2)
        expected = timestamps[len(timestamps) // 2] + np.arange(-2000, 2000, 250)
        np.testing.assert_array_equal(timestamps[fast], expected)
        np.testing.assert_array_equal(timestamps[slow], expected[::4])


def test_a_gap_and_the_ends_repeat_the_nearest_frame():
    timestamps = np.array([0, 100, 200, 1200, 1300])
    np.testing.assert_array_equal(
        nearest_frames(timestamps, np.array([-900, 149, 150, 151, 700, 701, 9000])), [0, 1, 1, 2, 2, 3, 4]
    )
    np.testing.assert_array_equal(nearest_frames(timestamps[:1], np.array([-5, 5])), [0, 0])


def test_the_background_is_a_low_percentile_whether_the_recording_is_in_memory_or_not(handmade_data):
    handmade_data.frames["A"][:] = 20 + np.arange(100)[:, None, None] % 50
    path = handmade_data.write() / "frames" / "A.h5"
    recording = Recording(path, (-40.0, 300.0), 20.0)
    from_file = background(recording)
    recording.cache(torch.device("cpu"))
    assert torch.equal(from_file, background(recording))
    np.testing.assert_array_equal(from_file, np.full((8, 12), 29))


def test_planes_are_the_clip_the_frames_a_moment_before_and_the_background(handmade_data, small_config):
    cfg = small_config(handmade_data.write(), *PLANES, "THERMAL.DIFFERENCE_SECONDS", 0.5)
    dataset = Thermal(cfg, "val")
    (slow, fast), *_ = unpack_batch(dataset[0])
    assert slow.shape == (3, 8, 8, 12) and fast.shape == (3, 32, 8, 12)
    low, high = cfg.THERMAL.TEMPERATURE_RANGE
    temperature, earlier, behind = fast.numpy() * (high - low) + low
    recorded, centre = handmade_data.frames["A"], dataset.keyframe(0).frame_index
    chosen = np.arange(centre - 32, centre + 32, 2)
    np.testing.assert_allclose(temperature, recorded[chosen], atol=1e-5)
    # Frames come every 150 ms: 450 ms before is nearer to 500 ms than 600 ms before.
    np.testing.assert_allclose(earlier, recorded[chosen - 3], atol=1e-5)
    np.testing.assert_allclose(behind, np.broadcast_to(np.sort(recorded, axis=0)[19], (32, 8, 12)), atol=1e-5)


def test_by_default_a_clip_is_its_frames_in_the_window_to_the_bit(handmade_data, small_config):
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)
    dataset = Thermal(cfg, "val")
    inputs, *_ = unpack_batch(dataset[0])
    low, high = cfg.THERMAL.TEMPERATURE_RANGE
    centre = dataset.keyframe(0).frame_index
    for pathway, stride in zip(inputs, (8, 2), strict=True):
        frames = torch.from_numpy(handmade_data.frames["A"][centre - 32 : centre + 32 : stride])
        assert torch.equal(pathway[0], ((frames - low) * (1 / (high - low))).clamp(0, 1))


def test_the_view_of_a_clip_is_drawn_after_all_else(synthetic_data, small_config):
    crops = ("THERMAL.PERSON_CROPS.ENABLE", True, "THERMAL.AUG.ROTATION", 90, "THERMAL.AUG.SHIFT", 0.1)
    whole, cut = (Thermal(small_config(synthetic_data, *of, "THERMAL.AUG.CROP", 0.2), "train") for of in ((), crops))
    (inputs, _, _, extra), (same_inputs, _, _, with_view) = (unpack_batch(dataset[0, 5]) for dataset in (whole, cut))
    assert all(map(torch.equal, inputs, same_inputs))
    height, width = inputs[0].shape[2:]
    np.testing.assert_allclose(with_view["boxes"] / ([width, height] * 2), extra["boxes"] / ([48, 32] * 2), rtol=1e-5)
    assert with_view["view"].shape == (4,) and "view" not in extra


def test_timestamps_that_decrease_are_refused_where_frames_are_found_by_time(handmade_data, small_config):
    handmade_data.timestamps["A"][60] = 0
    data = handmade_data.write()
    Thermal(small_config(data, "MODEL.NUM_CLASSES", 2), "val")
    with pytest.raises(
        InputError, match=r"A\.h5: timestamps decrease after frame 59, .*put frames and timestamps in order"
    ):
        Thermal(small_config(data, "MODEL.NUM_CLASSES", 2, "THERMAL.CLIP_SECONDS", 4.0), "val")
    with pytest.raises(InputError, match="timestamps decrease after frame 59"):
        FeatureReader(Thermal(small_config(data, "MODEL.NUM_CLASSES", 2), "val"))
