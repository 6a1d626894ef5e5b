"""The truth of events: read and written unchanged, wrong records refused, and made of annotated keyframes."""

import json

import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.truth import Interval, Span, Truth, truth_of_keyframes

CATEGORIES = [{"id": 0, "name": "standing"}, {"id": 3, "name": "lying"}]


def annotations(path, keyframes):
    """Writes keyframes {second: {person: category}} of one recording."""
    images = [{"id": str(second), "sensor_id": "A_R1", "timestamp": round(1000 * second)} for second in keyframes]
    boxes = [
        {"image_id": str(second), "object_id": person, "category_id": category}
        for second, people in keyframes.items()
        for person, category in people.items()
    ]
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": CATEGORIES}))
    return path


def test_a_file_is_read_as_it_was_written(tmp_path):
    truth = Truth([Span("A", 0, 10)], [Interval("A", 1, "lying", 2, 3)])
    truth.write(tmp_path / "truth.json")
    assert Truth.read(tmp_path / "truth.json") == truth


@pytest.mark.parametrize(
    "change, message",
    [
        ({"intervals": [{"sensor": "A", "person": 1, "class": "lying", "start": 5, "end": 4}]}, "before it starts"),
        ({"intervals": [{"sensor": "B", "person": 1, "class": "lying", "start": 4, "end": 5}]}, "recordings without"),
        ({"intervals": [{"sensor": "A", "person": 1, "start": 4, "end": 5}]}, r"intervals\[0\] has no 'class'"),
        ({"recordings": []}, "lists no recordings"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, change, message):
    document = {"recordings": [{"sensor": "A", "start": 0, "end": 9}], "intervals": []}
    (tmp_path / "truth.json").write_text(json.dumps(document | change))
    with pytest.raises(InputError, match=message):
        Truth.read(tmp_path / "truth.json")


def test_consecutive_keyframes_of_a_class_are_one_interval(tmp_path):
    path = annotations(tmp_path / "a.json", {0: {7: 0}, 2: {7: 3}, 4: {7: 3}, 6: {7: 0, 8: 3}})
    truth = truth_of_keyframes([path], longest_gap=5)
    assert truth.recordings == [Span("A_R1", 0, 6000)]
    assert truth.intervals == [
        Interval("A_R1", 7, "standing", 0, 1000),
        Interval("A_R1", 7, "lying", 1000, 5000),
        Interval("A_R1", 7, "standing", 5000, 6000),
        Interval("A_R1", 8, "lying", 5000, 6000),
    ]


def test_nothing_is_said_of_the_time_between_keyframes_far_apart(tmp_path):
    path = annotations(tmp_path / "a.json", {0: {7: 3}, 2: {7: 3}, 20: {7: 3}, 21: {7: 3}, 40: {7: 3}})
    truth = truth_of_keyframes([path], longest_gap=5)
    assert truth.recordings == [Span("A_R1", 0, 2000), Span("A_R1", 20000, 21000)]
    assert [(i.start, i.end) for i in truth.intervals] == [(0, 2000), (20000, 21000)]


def test_keyframes_of_several_files_are_joined_by_time(tmp_path):
    first = annotations(tmp_path / "a.json", {0: {7: 3}, 4: {7: 3}})
    second = annotations(tmp_path / "b.json", {2: {7: 0}})
    truth = truth_of_keyframes([first, second], longest_gap=5)
    assert [(i.label, i.start, i.end) for i in truth.intervals] == [
        ("lying", 0, 1000),
        ("standing", 1000, 3000),
        ("lying", 3000, 4000),
    ]


def test_people_without_a_number_are_refused(tmp_path):
    path = annotations(tmp_path / "a.json", {0: {7: 3}, 2: {7: 3}})
    document = json.loads(path.read_text())
    del document["annotations"][1]["object_id"]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"annotations\[1\] has no 'object_id'"):
        truth_of_keyframes([path], longest_gap=5)


def test_keyframes_that_are_all_far_apart_are_refused(tmp_path):
    path = annotations(tmp_path / "a.json", {0: {7: 3}, 20: {7: 3}})
    with pytest.raises(InputError, match="--gap"):
        truth_of_keyframes([path], longest_gap=5)
