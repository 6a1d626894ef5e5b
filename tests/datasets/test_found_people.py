import numpy as np
import pytest

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.errors import InputError


def test_blobs_take_the_place_of_the_annotated_boxes_at_test_time_only(people_in_room_a, small_config):
    cfg = small_config(people_in_room_a.write(), "MODEL.NUM_CLASSES", 2, "THERMAL.PEOPLE", "blobs")
    dataset = Thermal(cfg, "test")
    assert len(dataset.keyframes) == 4 and len(dataset) == 2
    for index in range(len(dataset)):
        keyframe, boxes, labels = dataset.sample(index)
        left = keyframe.frame_index // 2
        pixels = np.array(sorted(boxes.tolist(), key=lambda box: box[1])) * [60, 40, 60, 40]
        np.testing.assert_allclose(pixels, [[left, 4, left + 8, 16], [50 - left, 24, 58 - left, 36]], atol=1.1)
        assert labels.shape == (2, 2) and not labels.any()
    train = Thermal(cfg, "train")
    assert [len(train.sample(index)[1]) for index in range(len(train))] == [1, 1, 1, 1]


def test_annotated_boxes_are_taken_in_spite_of_a_file_where_they_are_asked_for(handmade_data, small_config, tmp_path):
    settings = ("MODEL.NUM_CLASSES", 2, "THERMAL.TEST_DETECTIONS", tmp_path / "gone.csv", "THERMAL.PEOPLE", "annotated")
    assert len(Thermal(small_config(handmade_data.write(), *settings), "test")) == 4


def test_a_test_needs_someone_who_is_found(people_in_room_a, small_config):
    settings = ("MODEL.NUM_CLASSES", 2, "THERMAL.PEOPLE", "blobs", "THERMAL.TEST_RECORDINGS", "['B']")
    with pytest.raises(
        InputError, match=r"no keyframe .* has a person who was found, .*: set THERMAL\.PEOPLE annotated"
    ):
        Thermal(small_config(people_in_room_a.write(), *settings), "test")
