import json

import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.detections import load_detections
from slowfast_thermal.errors import InputError

LINE = "R1,{},0.1,0.2,0.3,0.4,,{}\n"


def keyframe(image_id, timestamp):
    nobody = np.zeros((0, 4), np.float32), np.zeros((0, 2), np.float32), np.zeros((0, 4), np.float32)
    return Keyframe(image_id, f"val.json, image {image_id}", "R1", timestamp, 3, *nobody)


def detect(path, ids=("a", "b"), times=(100, 200), min_score=0.5):
    return load_detections(path, [keyframe(*pair) for pair in zip(ids, times)], {"R1": (40, 60)}, min_score)


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def coco(image_id, box=(6, 4, 30, 36), score=0.8):
    return {"image_id": image_id, "category_id": 1, "bbox": list(box), "score": score}


def test_detections_come_from_ava_csv_above_the_score_and_the_rest_is_counted(tmp_path):
    content = (
        LINE.format(100, 0.9) + "R1,100,0.5,0.5,0.6,0.6,,0.4\n" + LINE.format(999, 0.9) + "R1,200,1.5,0,1.6,1,,1\n"
    )
    (first, second), summary = detect(written(tmp_path / "boxes.csv", content))
    np.testing.assert_allclose(first, [[0.1, 0.2, 0.3, 0.4]])
    assert second.shape == (0, 4)
    assert summary.endswith(
        "boxes.csv: 1 of 4 records are people of these 2 keyframes; 1 score below AVA.DETECTION_SCORE_THRESH (0.5); "
        "1 are of no keyframe here (such as 'R1' at 999 ms); 1 lie outside the image"
    )


def test_detections_come_from_coco_results_in_pixels_and_are_cut_at_the_edge(tmp_path):
    path = written(tmp_path / "boxes.json", [coco("b", (6, 4, 30, 50))])
    (first, second), summary = detect(path)
    assert first.shape == (0, 4)
    np.testing.assert_allclose(second, [[0.1, 0.1, 0.6, 1.0]], rtol=1e-6)
    assert summary.endswith("1 of 1 records are people of these 2 keyframes; none was left out")


def test_recording_names_may_be_quoted_in_a_csv(tmp_path):
    content = LINE.format(100, 0.9).replace("R1", '"R1"')
    assert len(detect(written(tmp_path / "boxes.csv", content)).boxes[0]) == 1


def test_numbers_and_text_are_different_ids(tmp_path):
    path = written(tmp_path / "boxes.json", [coco("1"), coco("1", (30, 4, 6, 9))])
    assert [len(boxes) for boxes in detect(path, (1, "1")).boxes] == [0, 2]
    with pytest.raises(
        InputError, match=r"2 are of no keyframe .*image_id '1', which is text here and not in the annot"
    ):
        detect(path, (1, 2))


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("boxes.csv", LINE.format(100, 0.3), r"0 of 1 records .* 1 score below .*THRESH \(0\.5\): lower the threshold"),
        (
            "boxes.csv",
            LINE.format(1760482260, 0.9),
            r"R1 at 1760482260, which seems to be in seconds, and must be in milli",
        ),
        (
            "boxes.csv",
            LINE.format(7, 0.9),
            r"1 are of no keyframe here \(such as 'R1' at 7 ms\): give the detections of",
        ),
        ("boxes.json", [coco("z")], r"1 are of no keyframe here \(such as image_id 'z'\)"),
        (
            "boxes.json",
            [coco("a", (90, 4, 3, 3))],
            r"as left x, top y, .* 1 of 1 boxes do not fit their image \(1 lie outside",
        ),
        ("boxes.json", [], r"boxes\.json holds no records: run the detector again"),
        ("boxes.csv", "", r"boxes\.csv holds no records: run the detector again"),
    ],
)
def test_where_no_detection_is_left_the_file_and_the_reason_are_named(tmp_path, name, content, message):
    with pytest.raises(InputError, match=rf"{name}.*{message}|{message}"):
        detect(written(tmp_path / name, content), times=(100, 1760482260170))


@pytest.mark.parametrize(
    "name, content, message",
    [
        (
            "boxes.json",
            [coco("a", (0.1, 0.2, 0.3, 0.4))] * 9,
            r"9 fit as left x, top y, width, height, each divided",
        ),
        ("boxes.json", [coco("a", (50, 20, 55, 38))] * 9, r"9 fit as x1, y1, x2, y2 in pixels: convert"),
        ("boxes.csv", "R1,100,6,8,18,16,,0.9\n" * 9, r"9 fit as .* in pixels: convert"),
    ],
)
def test_boxes_of_another_convention_are_one_sentence_that_names_it(tmp_path, name, content, message):
    with pytest.raises(InputError, match=rf"{name}: as .* but {message}"):
        detect(written(tmp_path / name, content))


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("boxes.csv", "R1,100,0.1,0.2,0.3\n", r"boxes\.csv, line 1"),
        ("boxes.csv", LINE.format(100, 0.9) + "R1,100,0.3,0.2,0.1,0.4,,0.9\n", r"boxes\.csv, line 2"),
        ("boxes.csv", LINE.format("1.5", 0.9), r"line 1: .* with a time in whole milliseconds"),
        ("boxes.csv", LINE.format(100, "nan"), r"boxes\.csv, line 1"),
        ("boxes.csv", '"R1', r"boxes\.csv, line 1 is no line of a CSV file"),
        ("boxes.json", {}, r"boxes\.json is no list of COCO results"),
        ("boxes.json", [coco("a", (1, 1, 0, 5))], r"boxes\.json, record 0: bbox"),
        ("boxes.json", [coco("a", score=float("inf"))], r"boxes\.json, record 0: score is inf"),
        ("boxes.json", [{"image_id": "a", "bbox": [1, 1, 2, 5]}], r"boxes\.json, record 0 has no 'score'"),
    ],
)
def test_a_wrong_detection_is_named(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        detect(written(tmp_path / name, content))


@pytest.mark.parametrize("name", ["gone.csv", "gone.json", "x" * 300 + ".csv"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}' does not exist"):
        detect(tmp_path / name)
