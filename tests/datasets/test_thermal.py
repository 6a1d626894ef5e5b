import numpy as np
import pytest
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import as_tensors, construct_test_loader
from slowfast_thermal.datasets.thermal import object_boxes
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import build_dataset, unpack_batch


def clip(dataset, key):
    """(slow, fast, labels, extra) of one sample."""
    (slow, fast), labels, _, extra = unpack_batch(dataset[key])
    return slow, fast, labels, extra


def to_celsius(pathway, cfg):
    low, high = cfg.THERMAL.TEMPERATURE_RANGE
    return pathway.numpy() * (high - low) + low


def test_pyslowfast_builds_it_by_its_name(handmade_data, small_config):
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)
    assert isinstance(build_dataset("thermal", cfg, "val"), Thermal)


@pytest.mark.parametrize("alpha, slow_frames", [(4, 8), (8, 4)])
def test_the_pathways_are_strided_from_64_frames_around_the_keyframe(handmade_data, small_config, alpha, slow_frames):
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2, "SLOWFAST.ALPHA", alpha)
    dataset = Thermal(cfg, "val")
    slow, fast, _, _ = clip(dataset, 0)
    frames, center = handmade_data.frames["A"], dataset.keyframe(0).frame_index
    assert slow.shape == (1, slow_frames, 8, 12) and fast.shape == (1, 32, 8, 12)
    np.testing.assert_allclose(to_celsius(fast[0], cfg), frames[center - 32 : center + 32 : 2], atol=1e-5)
    np.testing.assert_allclose(
        to_celsius(slow[0], cfg), frames[center - 32 : center + 32 : 64 // slow_frames], atol=1e-5
    )


def test_near_an_end_the_edge_frame_is_repeated(handmade_data, small_config):
    handmade_data.document["images"][0]["frame_idx"] = 2
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)
    _, fast, _, _ = clip(Thermal(cfg, "val"), 0)
    expected = handmade_data.frames["A"][np.clip(np.arange(-30, 34, 2), 0, None)]
    np.testing.assert_allclose(to_celsius(fast[0], cfg), expected, atol=1e-5)


def test_temperatures_are_clamped_to_the_window_and_scaled_to_one(handmade_data, small_config):
    handmade_data.frames["A"][45, :2] = [[5.0], [60.0]]
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2, "DATA.SAMPLING_RATE", 1, "DATA.NUM_FRAMES", 64)
    _, fast, _, _ = clip(Thermal(cfg, "val"), 0)
    assert (fast[0, 37, 0] == 0).all() and (fast[0, 37, 1] == 1).all()
    assert fast.min() >= 0 and fast.max() <= 1 and fast.dtype == torch.float32


def test_boxes_are_in_input_pixels_and_metadata_leads_back_to_the_keyframe(handmade_data, small_config):
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)
    dataset = Thermal(cfg, "val")
    _, _, labels, extra = clip(dataset, 3)
    height, width = cfg.THERMAL.INPUT_SIZE
    np.testing.assert_allclose(extra["ori_boxes"], [[0.375, 0.25, 0.625, 0.75]])
    np.testing.assert_allclose(extra["boxes"], [[0.375 * width, 0.25 * height, 0.625 * width, 0.75 * height]])
    np.testing.assert_array_equal(labels, [[0, 1]])
    place, timestamp = extra["metadata"][0]
    assert (dataset.recordings[place], timestamp) == ("B", dataset.keyframe(3).timestamp)


def test_boxes_are_enlarged_at_test_time_only_where_features_are_pooled(handmade_data, small_config):
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2, "THERMAL.TEST_BOX_ENLARGE", "[0.2,0.1]")
    height, width = cfg.THERMAL.INPUT_SIZE
    extra = clip(Thermal(cfg, "test"), 0)[-1]
    np.testing.assert_allclose(
        extra["boxes"], [[0.35 * width, 0.225 * height, 0.65 * width, 0.775 * height]], rtol=1e-5
    )
    np.testing.assert_allclose(extra["ori_boxes"], [[0.375, 0.25, 0.625, 0.75]])


def test_the_best_objects_of_each_clip_come_in_input_pixels_and_may_be_none(handmade_data, small_config):
    boxes = [[0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.5, 0.5], [0.5, 0.5, 0.1, 0.1]]
    handmade_data.document["images"][1]["objects"] = [{"bbox": box, "score": 1 - box[0]} for box in boxes]
    cfg = small_config(
        handmade_data.write(), "MODEL.NUM_CLASSES", 2, "IA.MAX_OBJECTS", 2, "THERMAL.TEST_BOX_ENLARGE", "[0.2,0.2]"
    )
    height, width = cfg.THERMAL.INPUT_SIZE
    (batch,) = construct_test_loader(cfg, Thermal(cfg, "test"), rank=0, world_size=1)
    objects = object_boxes(as_tensors(batch)[-1]["objects"])
    best = [[0, 0.25, 0.5, 0.75], [0.25, 0.25, 0.75, 0.75]]
    np.testing.assert_array_equal(objects[:, 0], [1, 1])
    np.testing.assert_allclose(objects[:, 1:], best * np.array([width, height, width, height]), rtol=1e-6)


def test_detections_take_the_place_of_the_annotated_boxes_at_test_time(handmade_data, small_config, tmp_path):
    data = handmade_data.write()
    detections = tmp_path / "boxes.csv"
    detections.write_text("B,7000,0.1,0.2,0.3,0.4,,0.9\nB,7000,0.5,0.5,0.9,0.9,,0.85\nB,7000,0,0,1,1,,0.1\n")
    cfg = small_config(data, "MODEL.NUM_CLASSES", 2, "THERMAL.TEST_DETECTIONS", detections)
    dataset = Thermal(cfg, "test")
    assert len(dataset) == 1 and len(dataset.keyframes) == 4
    assert clip(dataset, 0)[-1]["ori_boxes"].shape == (2, 4)
    assert len(Thermal(cfg, "train")) == 4


def test_recordings_are_chosen_by_pattern(handmade_data, small_config):
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2, "THERMAL.TRAIN_RECORDINGS", "['B*']")
    assert Thermal(cfg, "train").recordings == ["B"]
    assert Thermal(cfg, "val").recordings == ["A", "B"]


def test_the_same_place_in_the_stream_gives_the_same_augmented_clip_and_another_place_another(
    synthetic_data, small_config
):
    dataset = Thermal(small_config(synthetic_data), "train")
    first, again, other = (clip(dataset, key)[1] for key in ((0, 5), (0, 5), (0, 6)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_of_either_kind_give_what_one_process_gives(synthetic_data, small_config, start_method):
    batches = []
    for workers in (0, 2):
        cfg = small_config(
            synthetic_data, "DATA_LOADER.NUM_WORKERS", workers, "THERMAL.WORKER_START_METHOD", start_method
        )
        loader = construct_test_loader(cfg, Thermal(cfg, "test"), rank=0, world_size=1)
        batches.append([as_tensors(batch) for batch in loader])
    for (inputs, labels, index, extra), (inputs_2, labels_2, index_2, extra_2) in zip(*batches, strict=True):
        assert all(map(torch.equal, inputs, inputs_2))
        assert torch.equal(labels, labels_2) and torch.equal(index, index_2)
        assert all(torch.equal(extra[key], extra_2[key]) for key in extra)


def test_a_data_set_without_memory_for_recordings_gives_the_same_clips(synthetic_data, small_config):
    cached = Thermal(small_config(synthetic_data), "val")
    uncached = Thermal(small_config(synthetic_data, "THERMAL.CACHE_GIB", 0.0), "val")
    for index in range(len(cached)):
        assert all(map(torch.equal, clip(cached, index)[:2], clip(uncached, index)[:2]))


def remove_frames(data):
    (data / "frames" / "A.h5").unlink()


def remove_folder(data):
    for path in (data / "frames").iterdir():
        path.unlink()
    (data / "frames").rmdir()


@pytest.mark.parametrize(
    "change, message",
    [
        (remove_frames, r"Recording '.*A\.h5' does not exist"),
        (remove_folder, r"Folder of recordings '.*frames' does not exist"),
        (lambda data: (data / "annotations" / "train.json").unlink(), r"'.*train\.json' does not exist"),
    ],
)
def test_a_missing_file_or_folder_is_named(handmade_data, small_config, change, message):
    data = handmade_data.write()
    change(data)
    with pytest.raises(InputError, match=message):
        Thermal(small_config(data, "MODEL.NUM_CLASSES", 2), "train")


def test_a_missing_data_folder_is_named(tmp_path, small_config):
    with pytest.raises(InputError, match=r"Data folder '.*nowhere' does not exist: set DATA\.PATH_TO_DATA_DIR"):
        Thermal(small_config(tmp_path / "nowhere"), "train")


@pytest.mark.parametrize("frame_index", [-1, 100])
def test_a_frame_index_outside_the_recording_is_named(handmade_data, small_config, frame_index):
    handmade_data.document["images"][1]["frame_idx"] = frame_index
    with pytest.raises(
        InputError,
        match=rf"train\.json, images\[1\]: image 'A_50' has frame_idx {frame_index}, but .*A\.h5 holds frames 0 to 99",
    ):
        Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2), "train")


def test_another_number_of_classes_is_named(handmade_data, small_config):
    with pytest.raises(
        InputError, match=r"train\.json lists 2 categories, but MODEL\.NUM_CLASSES is 5: set MODEL\.NUM_CLASSES 2"
    ):
        Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 5), "train")


def test_recordings_of_different_sensors_are_named(handmade_data, small_config):
    handmade_data.frames["B"] = handmade_data.frames["B"][:, :4]
    with pytest.raises(InputError, match=r"B\.h5 has frames of 4x12 pixels, but .*A\.h5 of 8x12"):
        Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2), "train")


def test_a_split_without_people_is_named(handmade_data, small_config):
    handmade_data.document["annotations"] = []
    with pytest.raises(InputError, match=r"train\.json: no keyframe .* has a person's box"):
        Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2), "train")


def test_the_real_data_give_finite_and_different_clips_without_dead_pixels(real_data, small_config):
    cfg = small_config(real_data, "MODEL.NUM_CLASSES", 14)
    for split, keyframes, boxes in (("train", 314, 405), ("val", 73, 95)):
        dataset = Thermal(cfg, split)
        samples = [clip(dataset, (index, 0)) for index in range(len(dataset))]
        assert len(samples) == keyframes
        assert sum(len(labels) for _, _, labels, _ in samples) == boxes
        assert all(fast.isfinite().all() and slow.isfinite().all() for slow, fast, _, _ in samples)
        assert len({fast.numpy().tobytes() for _, fast, _, _ in samples}) == keyframes
        for index in range(len(dataset)):
            keyframe = dataset.keyframe(index)
            frames = dataset._cache[keyframe.recording].read(
                np.arange(keyframe.frame_index - 32, keyframe.frame_index + 32)
            )
            assert frames.min() > 0
