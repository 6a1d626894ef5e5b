import numpy as np
import pytest
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.ava_files import export_ava_files
from slowfast_thermal.evaluation.metrics import DetectionMeter, evaluate_detections
from slowfast_thermal.evaluation.results import results_table
from slowfast_thermal.pyslowfast import ava_evaluation

CLASSES = ["standing", "lying", "walking"]


def average_precision(ranking, num_boxes):
    """AP from a ranking of correct (True) and wrong predictions, by its definition: the area under
    precision over recall, where the precision at a recall is the best at that recall or a higher one."""
    points = []
    for end in range(1, len(ranking) + 1):
        hits = sum(ranking[:end])
        points.append((hits / num_boxes, hits / end))
    area, previous = 0.0, 0.0
    for recall in sorted({recall for recall, _ in points}):
        area += (recall - previous) * max(p for r, p in points if r >= recall)
        previous = recall
    return area


@pytest.fixture
def evaluate(handmade_data, small_config):
    """Evaluates scores for handmade keyframes.

    `keyframes` lists, for each keyframe, its people as (box, class or None, scores): a box divided by
    the image size, the class it is annotated with, and the three scores predicted for it.
    """

    def run(keyframes, **settings):
        document = {"categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES)]}
        document["images"] = [
            {"id": str(i), "sensor_id": "A", "timestamp": 1000 + i, "frame_idx": i} for i in range(len(keyframes))
        ]
        document["annotations"] = [
            {"image_id": str(i), "bbox": [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], "category_id": label}
            for i, people in enumerate(keyframes)
            for (x1, y1, x2, y2), label, _ in people
            if label is not None
        ]
        handmade_data.document = document
        cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 3, *settings)
        dataset = Thermal(cfg, "test")
        export_ava_files(dataset, handmade_data.folder / "ava", cfg)
        meter = DetectionMeter(1, cfg, "test")
        people = [(i, box, scores) for i, people in enumerate(keyframes) for box, _, scores in people if scores]
        meter.update_stats(
            torch.tensor([scores for _, _, scores in people]),
            torch.tensor([[0.0, *box] for _, box, _ in people]),
            torch.tensor([[0, 1000 + i] for i, _, _ in people]),
        )
        meter.finalize_metrics(log=False)
        return meter.evaluation

    return run


LEFT, RIGHT = (0.1, 0.1, 0.4, 0.9), (0.6, 0.1, 0.9, 0.9)


def test_average_precision_of_a_ranking_and_a_class_without_boxes(evaluate):
    result = evaluate(
        [
            [(LEFT, 0, [0.9, 0.1, 0.0])],
            [(LEFT, 1, [0.8, 0.2, 0.0])],
            [(LEFT, 0, [0.7, 0.3, 0.0])],
            [(LEFT, 1, [0.1, 0.9, 0.0])],
        ]
    )
    standing = average_precision([True, False, True, False], 2)
    lying = average_precision([True, False, True, False], 2)
    assert result.class_ap == {"standing": pytest.approx(standing), "lying": pytest.approx(lying), "walking": None}
    assert result.mean_ap == pytest.approx((standing + lying) / 2)
    assert result.num_boxes == {"standing": 2, "lying": 2, "walking": 0}


def test_several_people_in_a_keyframe_are_matched_by_their_boxes(evaluate):
    result = evaluate(
        [
            [(LEFT, 0, [0.6, 0.4, 0.0]), (RIGHT, 1, [0.7, 0.3, 0.0])],
            [(LEFT, 0, [0.5, 0.5, 0.0]), (RIGHT, 0, [0.2, 0.8, 0.0])],
        ]
    )
    assert result.class_ap["standing"] == pytest.approx(average_precision([False, True, True, True], 3))
    assert result.class_ap["lying"] == pytest.approx(average_precision([False, False, False, True], 1))


def test_tied_scores_give_an_ap_between_the_best_and_the_worst_order(evaluate):
    result = evaluate([[(LEFT, 0, [0.5, 0.5, 0.0])], [(LEFT, 1, [0.5, 0.5, 0.0])], [(LEFT, 0, [0.5, 0.2, 0.0])]])
    lowest, highest = average_precision([False, True, True], 2), average_precision([True, True, False], 2)
    assert lowest <= result.class_ap["standing"] <= highest
    assert 0.5 <= result.class_ap["lying"] <= 1.0


def test_a_person_without_a_prediction_is_missed_and_one_too_many_is_wrong(evaluate):
    result = evaluate(
        [
            [(LEFT, 0, [0.9, 0.0, 0.0]), (RIGHT, 0, None)],
            [(LEFT, 1, [0.0, 0.9, 0.0]), (RIGHT, None, [0.95, 0.0, 0.0])],
        ]
    )
    assert result.class_ap["standing"] == pytest.approx(average_precision([False, True], 2))


def test_random_scores_agree_with_the_definition(evaluate):
    rng = np.random.default_rng(0)
    keyframes = [
        [(box, int(rng.integers(2)), rng.random(3).round(6).tolist()) for box in (LEFT, RIGHT)[: rng.integers(1, 3)]]
        for _ in range(60)
    ]
    result = evaluate(keyframes)
    people = [person for keyframe in keyframes for person in keyframe]
    for c in (0, 1):
        ranking = [label == c for _, label, scores in sorted(people, key=lambda person: -person[2][c])]
        assert result.class_ap[CLASSES[c]] == pytest.approx(average_precision(ranking, sum(ranking)))


def test_the_table_names_every_class(evaluate):
    table = results_table(evaluate([[(LEFT, 0, [0.9, 0.1, 0.0]), (RIGHT, 1, [0.2, 0.8, 0.0])]]))
    lines = table.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == CLASSES
    assert "no boxes" in lines[4] and lines[5].split() == ["mean", "of", "2", "classes", "2", "1.000"]


def test_average_precisions_are_those_of_pyslowfasts_own_evaluation():
    rng = np.random.default_rng(0)
    names = [f"class {c}" for c in range(6)]

    def boxes(number):
        corners = rng.random((number, 2, 2)).round(1)  # some without area
        return np.sort(corners, axis=1).reshape(-1, 4).tolist()

    groundtruth, detections = ({}, {}, {}), ({}, {}, {})
    for moment in range(60):
        key, people = f"A,{moment}", boxes(rng.integers(1, 5))
        if moment % 5:
            for part, values in zip(groundtruth, (people, rng.integers(1, 6, len(people)), np.ones(len(people)))):
                part[key] = list(values)
        found = people + boxes(rng.integers(0, 8))
        for part, values in zip(detections, (found, rng.integers(1, 7, len(found)), rng.random(len(found)).round(1))):
            part[key] = list(values)
    ours = evaluate_detections(names, groundtruth, detections)
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    theirs = ava_evaluation.run_evaluation(categories, groundtruth, detections, set())
    assert ours.mean_ap == theirs["PascalBoxes_Precision/mAP@0.5IOU"] > 0
    assert ours.class_ap["class 5"] is None and 0 < sum(ranking.correct.sum() for ranking in ours.rankings)
    for name in names[:5]:
        assert ours.class_ap[name] == theirs[f"PascalBoxes_PerformanceByCategory/AP@0.5IOU/{name}"]
