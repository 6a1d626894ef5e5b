import copy
import json

import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import load_annotations, load_detections
from slowfast_thermal.errors import InputError

DOCUMENT = {
    "images": [
        {"id": "a", "sensor_id": "R1", "timestamp": 100, "frame_idx": 3},
        {"id": "b", "sensor_id": "R1", "timestamp": 200, "frame_idx": 4},
    ],
    "annotations": [
        {"image_id": "a", "bbox": [0.5, 0.5, 0.2, 0.4], "category_id": 7},
        {"image_id": "b", "bbox": [0.5, 0.5, 0.2, 0.4], "category_id": 2},
    ],
    "categories": [{"id": 7, "name": "lying"}, {"id": 2, "name": "standing"}],
}

CHAIR = {"bbox": [0.5, 0.5, 0.2, 0.4], "category": "furniture", "subcategory": "chair"}


def write(tmp_path, change=lambda document: None, name="train.json"):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return path


def test_boxes_become_corners_and_classes_follow_the_order_of_their_ids(tmp_path):
    annotations = load_annotations([write(tmp_path)])
    assert annotations.classes == ["standing", "lying"]
    first = annotations.keyframes[0]
    np.testing.assert_allclose(first.boxes, [[0.4, 0.3, 0.6, 0.7]], rtol=1e-6)
    np.testing.assert_array_equal(first.labels, [[0, 1]])
    assert (first.recording, first.timestamp, first.frame_index) == ("R1", 100, 3)


def test_objects_come_by_falling_score_and_size_and_are_none_where_the_file_has_none(tmp_path):
    def change(document):
        document["images"][0]["objects"] = [
            {"bbox": [0.5, 0.5, 0.2, 0.2], "score": 0.5},
            {"bbox": [0.5, 0.5, 0.4, 0.4], "score": 0.5},
            {"bbox": [0.05, 0.5, 0.2, 0.4], "category": "furniture", "subcategory": "chair"},
            {"bbox": [1.5, 0.5, 0.2, 0.4]},
        ]

    annotations = load_annotations([write(tmp_path, change)])
    first, second = annotations.keyframes
    expected = [[0, 0.3, 0.15, 0.7], [0.3, 0.3, 0.7, 0.7], [0.4, 0.4, 0.6, 0.6]]
    np.testing.assert_allclose(first.objects, expected, rtol=1e-6)
    assert second.objects.shape == (0, 4)
    assert (annotations.num_clipped, annotations.num_dropped) == (1, 1)


def test_boxes_are_cut_at_the_edge_and_those_outside_dropped_with_a_count(tmp_path):
    def change(document):
        document["annotations"][0]["bbox"] = [0.05, 0.5, 0.2, 0.4]
        document["annotations"][1]["bbox"] = [1.5, 0.5, 0.2, 0.4]

    annotations = load_annotations([write(tmp_path, change)])
    np.testing.assert_allclose(annotations.keyframes[0].boxes, [[0, 0.3, 0.15, 0.7]], rtol=1e-6)
    assert annotations.keyframes[1].boxes.shape == (0, 4)
    assert (annotations.num_clipped, annotations.num_dropped) == (1, 1)


def test_a_box_that_misses_the_edge_by_rounding_does_not_count_as_cut(tmp_path):
    # Four and six sevenths, to six decimals: the right side is at 1.0000005.
    annotations = load_annotations(
        [write(tmp_path, set_field("annotations", 0, "bbox", [0.571429, 0.5, 0.857143, 1.0]))]
    )
    assert annotations.clipped == []
    assert annotations.keyframes[0].boxes.max() == 1


def test_two_actions_of_one_box_are_one_person(tmp_path):
    def change(document):
        document["annotations"].append({**document["annotations"][0], "category_id": 2})

    first = load_annotations([write(tmp_path, change)]).keyframes[0]
    assert first.boxes.shape == (1, 4)
    np.testing.assert_array_equal(first.labels, [[1, 1]])


def set_field(section, position, key, value):
    def change(document):
        document[section][position][key] = value

    return change


def remove_field(section, position, key):
    def change(document):
        del document[section][position][key]

    return change


@pytest.mark.parametrize(
    "change, message",
    [
        (set_field("annotations", 1, "bbox", [0.5, float("nan"), 0.2, 0.4]), r"annotations\[1\]: bbox .*finite"),
        (set_field("annotations", 1, "bbox", [0.5, 0.5, -0.2, 0.4]), r"annotations\[1\]: bbox .*not positive"),
        (set_field("images", 1, "objects", {}), r"images\[1\]: 'objects' is \{\}, but must be of type list"),
        (set_field("images", 1, "objects", ["chair"]), r"images\[1\], objects\[0\] has no 'bbox'"),
        (set_field("images", 1, "objects", [CHAIR, {"bbox": [0.5]}]), r"images\[1\], objects\[1\]: bbox .*four finite"),
        (set_field("images", 1, "objects", [{**CHAIR, "score": "high"}]), r"objects\[0\]: 'score' is 'high'"),
        (
            set_field("images", 1, "objects", [{**CHAIR, "score": float("nan")}]),
            r"objects\[0\]: score is nan, .*finite",
        ),
        (set_field("annotations", 1, "bbox", [0.5, 0.5, 0.2, 0]), r"annotations\[1\]: bbox .*not positive"),
        (set_field("annotations", 1, "bbox", [0.5, 0.5, 0.2]), r"annotations\[1\]: bbox .*four finite numbers"),
        (set_field("annotations", 1, "bbox", "0.5 0.5"), r"annotations\[1\]: 'bbox' is .*type list"),
        (set_field("annotations", 1, "category_id", 99), r"annotations\[1\]: category_id 99 is not in .*\[2, 7\]"),
        (set_field("annotations", 1, "image_id", "z"), r"annotations\[1\]: image_id 'z' is no image"),
        (set_field("images", 1, "id", "a"), r"images\[1\]: image id 'a' stands in .*images\[0\] already"),
        (set_field("images", 1, "timestamp", 100), r"images\[1\]: R1 has a keyframe at 100 ms"),
        (set_field("images", 1, "frame_idx", "four"), r"images\[1\]: 'frame_idx' is 'four'.*type int"),
        (set_field("images", 1, "sensor_id", "R 1,x"), r"images\[1\]: sensor_id 'R 1,x' .*rename"),
        (remove_field("images", 1, "sensor_id"), r"images\[1\] has no 'sensor_id': add it"),
        (set_field("categories", 1, "id", 7), r"categories\[1\]: id 7 .*twice"),
        (set_field("categories", 1, "name", 'a "quote"'), r"categories\[1\]: the name .*quote"),
        (lambda document: document.pop("categories"), r"train\.json has no 'categories'"),
        (lambda document: document["categories"].clear(), r"train\.json lists no categories"),
    ],
)
def test_a_wrong_record_is_named_with_its_place(tmp_path, change, message):
    path = write(tmp_path, change)
    with pytest.raises(InputError, match=rf"train\.json.*{message}|{message}"):
        load_annotations([path])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"'.*gone\.json' does not exist"):
        load_annotations([tmp_path / "gone.json"])


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[1, 2"])
def test_invalid_json_is_named(tmp_path, content):
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(InputError, match=r"train\.json is not valid JSON"):
        load_annotations([tmp_path / "train.json"])


def test_an_id_that_stands_in_two_files_is_named(tmp_path):
    with pytest.raises(InputError, match=r"val\.json, images\[0\]: image id 'a' stands in .*train\.json, images\[0\]"):
        load_annotations([write(tmp_path), write(tmp_path, name="val.json")])


def test_files_with_other_categories_do_not_mix(tmp_path):
    other = write(tmp_path, set_field("categories", 0, "name", "resting"), "val.json")
    with pytest.raises(InputError, match=r"val\.json has other categories than .*train\.json"):
        load_annotations([write(tmp_path), other])


def detect(path, tmp_path, min_score=0.5):
    keyframes = load_annotations([write(tmp_path)]).keyframes
    return load_detections(path, keyframes, {"R1": (40, 60)}, min_score)


def test_detections_come_from_ava_csv_above_the_score(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("R1,100,0.1,0.2,0.3,0.4,,0.9\nR1,100,0.5,0.5,0.6,0.6,,0.4\nR1,999,0.1,0.2,0.3,0.4,,0.9\n")
    first, second = detect(path, tmp_path)
    np.testing.assert_allclose(first, [[0.1, 0.2, 0.3, 0.4]])
    assert second.shape == (0, 4)


def test_detections_come_from_coco_results_in_pixels(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps([{"image_id": "b", "category_id": 1, "bbox": [6, 4, 30, 50], "score": 0.8}]))
    first, second = detect(path, tmp_path)
    assert first.shape == (0, 4)
    np.testing.assert_allclose(second, [[0.1, 0.1, 0.6, 1.0]], rtol=1e-6)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("boxes.csv", "R1,100,0.1,0.2,0.3\n", r"boxes\.csv, line 1"),
        ("boxes.csv", "R1,100,0.1,0.2,0.3,0.4,,0.9\nR1,100,0.3,0.2,0.1,0.4,,0.9\n", r"boxes\.csv, line 2"),
        ("boxes.json", "{}", r"boxes\.json is no list of COCO results"),
        ("boxes.json", '[{"image_id": "a", "bbox": [1, 1, 0, 5], "score": 1}]', r"boxes\.json, record 0: bbox"),
        ("boxes.json", '[{"image_id": "a", "bbox": [1, 1, 2, 5]}]', r"boxes\.json, record 0 has no 'score'"),
    ],
)
def test_a_wrong_detection_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        detect(tmp_path / name, tmp_path)
