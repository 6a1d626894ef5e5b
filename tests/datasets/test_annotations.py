import copy
import json

import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import Keyframe, load_annotations, moved
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


@pytest.mark.parametrize(
    "box, ids, people",
    [
        ([0.505, 0.5, 0.2, 0.4], (), 1),  # rounded otherwise
        ([0.53, 0.5, 0.2, 0.4], (), 2),  # an overlap of 0.74
        ([0.53, 0.5, 0.2, 0.4], (7, 7), 1),
        ([0.53, 0.5, 0.2, 0.4], (7,), 2),
        ([0.505, 0.5, 0.2, 0.4], (7, 8), 2),
        ([0.8, 0.5, 0.2, 0.4], (7, 7), 2),  # an id that two people share
    ],
)
def test_a_box_that_was_rounded_otherwise_is_another_action_of_the_same_person(tmp_path, box, ids, people):
    def change(document):
        document["annotations"].append({"image_id": "a", "bbox": box, "category_id": 2})
        for place, object_id in zip((0, 2), ids):
            document["annotations"][place]["object_id"] = object_id

    annotations = load_annotations([write(tmp_path, change)])
    first = annotations.keyframes[0]
    assert len(first.boxes) == people and first.labels.sum() == 2
    np.testing.assert_allclose(first.boxes[0], [0.4, 0.3, 0.6, 0.7], rtol=1e-6)
    assert annotations.joined == ([f"{tmp_path / 'train.json'}, annotations[2]"] if people == 1 else [])


CONVENTIONS = {
    "left x, top y, width, height, each divided by the image size": lambda x, y, w, h: [x - w / 2, y - h / 2, w, h],
    "x1, y1, x2, y2, each divided by the image size": lambda x, y, w, h: [x - w / 2, y - h / 2, x + w / 2, y + h / 2],
    "centre x, centre y, width, height in pixels": lambda x, y, w, h: [60 * x, 40 * y, 60 * w, 40 * h],
    "left x, top y, width, height in pixels": lambda x, y, w, h: [60 * (x - w / 2), 40 * (y - h / 2), 60 * w, 40 * h],
    "x1, y1, x2, y2 in pixels": lambda x, y, w, h: [
        60 * (x - w / 2), 40 * (y - h / 2), 60 * (x + w / 2), 40 * (y + h / 2)
    ],
}  # fmt: skip


def with_boxes(convention):
    """A change of the document to twenty images with a box each, all inside, and some at the edges."""

    def change(document):
        boxes = [[x, y, 0.2, 0.3] for x in (0.1, 0.3, 0.5, 0.7, 0.9) for y in (0.15, 0.3, 0.5, 0.85)]
        image = {"sensor_id": "R1", "frame_idx": 3, "width": 60, "height": 40}
        document["images"] = [{**image, "id": i, "timestamp": i} for i in range(20)]
        document["annotations"] = [
            {"image_id": i, "bbox": convention(*box), "category_id": 7} for i, box in enumerate(boxes)
        ]

    return change


@pytest.mark.parametrize("name, convention", CONVENTIONS.items())
def test_boxes_of_another_convention_are_one_sentence_that_names_it(tmp_path, name, convention):
    path = write(tmp_path, with_boxes(convention))
    with pytest.raises(
        InputError,
        match=f"train.json, annotations: as centre x.* do not fit .* but 20 fit as (.*, or as )?{name}(, or as .*)?: convert",
    ):
        load_annotations([path])


def test_of_pixel_boxes_without_image_sizes_it_is_said_that_they_lie_outside(tmp_path):
    def change(document):
        with_boxes(CONVENTIONS["x1, y1, x2, y2 in pixels"])(document)
        for image in document["images"]:
            del image["width"]

    message = r"annotations: as .*, \d+ of 20 boxes do not fit their image \([12]\d lie outside, \d reach over the edge, .*: correct them"
    with pytest.raises(InputError, match=message):
        load_annotations([write(tmp_path, change)])


@pytest.mark.parametrize("num_wide", [0, 4, 9])
def test_boxes_at_the_edges_are_no_other_convention(tmp_path, num_wide):
    def change(document):
        with_boxes(lambda *box: list(box))(document)
        for annotation in document["annotations"][:num_wide]:
            annotation["bbox"][2] += 0.9

    assert load_annotations([write(tmp_path, change)]).num_clipped == num_wide


def test_boxes_that_reach_over_one_edge_may_be_right_all_the_same(tmp_path):
    def change(document):
        with_boxes(lambda x, y, w, h: [0.1 if x < 0.4 else 0.5, 0.5, 0.3, h])(document)

    with pytest.raises(InputError, match=r"8 reach over the edge.*, or if they are right, cut them at the edge\."):
        load_annotations([write(tmp_path, change)])


def test_boxes_of_which_most_are_cut_are_refused(tmp_path):
    def change(document):
        with_boxes(lambda x, y, w, h: [x, y, w + 0.9, h])(document)

    with pytest.raises(
        InputError, match=r"annotations: as .* 20 of 20 boxes do not fit .*\(0 lie outside, 20 reach over .*correct"
    ):
        load_annotations([write(tmp_path, change)])


def test_numbers_and_text_are_different_ids(tmp_path):
    def change(document):
        document["images"][0]["id"], document["images"][1]["id"] = 1, "1"
        document["annotations"][0]["image_id"], document["annotations"][1]["image_id"] = "1", "1"

    first, second = load_annotations([write(tmp_path, change)]).keyframes
    assert (first.image_id, second.image_id) == (1, "1")
    assert (len(first.boxes), len(second.boxes)) == (0, 1)


UNPRINTABLE = ["\u2029", "\u2028", "\x85", "\x1c", "\x00", "\n", "\ud800"]


@pytest.mark.parametrize("section, key", [("images", "sensor_id"), ("images", "id"), ("categories", "name")])
@pytest.mark.parametrize("text", [*(f"a{character}b" for character in UNPRINTABLE), "x" * 501])
def test_text_that_no_picture_can_show_is_refused_with_its_record(tmp_path, section, key, text):
    path = write(tmp_path, set_field(section, 1, key, text))
    with pytest.raises(InputError, match=rf"{section}\[1\]: .*rename|{section}\[1\]: .*give 1 to 500 characters"):
        load_annotations([path])


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
        (set_field("images", 1, "sensor_id", "x" * 251), r"images\[1\]: sensor_id 'x+\.\.\.x+' .*at most 250 bytes"),
        (set_field("images", 1, "width", "60"), r"images\[1\]: 'width' is '60', but must be of type int"),
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


def test_moved_boxes_are_cut_at_the_edge_and_none_is_lost():
    boxes = np.array([[0.5, 0.5, 0.6, 0.7], [0.9, 0.1, 0.95, 0.2], [0.98, 0.1, 1, 0.2]], np.float32)
    keyframe = Keyframe("a", "", "R", 0, 0, boxes, np.ones((3, 1), np.float32), np.zeros((0, 4), np.float32))
    (found,) = moved([keyframe], (0.08, -0.04))
    assert found.boxes == pytest.approx(
        np.array([[0.58, 0.46, 0.68, 0.66], [0.98, 0.06, 1, 0.16], [0.98, 0.1, 1, 0.2]])
    )
