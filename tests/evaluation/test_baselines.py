import csv
import json
import math

import numpy as np
import pytest

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation import baselines
from slowfast_thermal.evaluation.baselines import BASELINES, assess, compare_with, not_above
from slowfast_thermal.evaluation.bootstrap import difference
from slowfast_thermal.evaluation.results import read_predictions, summary, write_results
from slowfast_thermal.trees.people import fit_trees, read_people


@pytest.fixture
def assessed(random_evaluation):
    dataset, evaluation, cfg = random_evaluation
    cfg.THERMAL.CLASS_GROUPS = [["first", *dataset.classes[:3]], ["second", *dataset.classes[3:]]]
    cfg.merge_from_list(["THERMAL.BASELINES", True, "THERMAL.BOOTSTRAP_SAMPLES", 20])
    return assess(evaluation, dataset, cfg), dataset, cfg


def test_trees_are_fitted_to_the_training_people_and_scored_on_the_same_boxes(assessed):
    assessment, dataset, cfg = assessed
    train, test = read_people(Thermal(cfg, "train")), read_people(dataset)
    scores = fit_trees(train, dataset.classes, cfg.RNG_SEED).predict(test.features)
    trees = assessment.baselines["feature_trees"].evaluation
    assert trees.groundtruth == assessment.scores.evaluation.groundtruth
    assert {key: np.array(boxes).shape for key, boxes in trees.detections[0].items()} == {
        key: np.array(boxes).shape for key, boxes in assessment.scores.evaluation.detections[0].items()
    }
    right = test.labels[np.arange(len(scores)), scores.argmax(1)].mean()
    assert assessment.baselines["feature_trees"].measures["top1"] == pytest.approx(right)


def test_random_scores_are_told_not_to_be_above_the_trees(assessed):
    assessment, _, _ = assessed
    remark = assessment.remarks[-1]
    assert remark.startswith("The mAP is not surely above that of trees") and remark.count("95 % interval") in (1, 2)
    for name, found in assessment.differences.items():
        expected = assessment.scores.measures["mAP"] - assessment.baselines[name].measures["mAP"]
        assert found["mAP"][0] == pytest.approx(expected)
        again = difference([assessment.scores.evaluation], [assessment.baselines[name].evaluation], 20)
        assert found["mAP"] == again["mAP"]


def test_only_a_difference_that_is_surely_above_0_is_above():
    assert not_above({"box_trees": (0.2, 0.1, 0.3), "feature_trees": (0.1, 0.01, 0.3)}) is None
    nan = float("nan")
    assert not_above({"box_trees": (nan, nan, nan)}) is None
    assert "(+0.400, without an interval)" in not_above({"box_trees": (0.4, nan, nan)})
    for unsure in ((0.1, 0.0, 0.2), (0.1, -0.1, 0.2), (-0.2, -0.3, -0.1)):
        sentence = not_above({"box_trees": (0.2, 0.1, 0.3), "feature_trees": unsure})
        assert BASELINES["feature_trees"] in sentence and BASELINES["box_trees"] not in sentence


def test_a_tested_class_without_a_training_box_is_named(random_evaluation):
    dataset, evaluation, cfg = random_evaluation
    tested = next(name for name, number in evaluation.num_boxes.items() if number)
    whole = baselines.Thermal
    assert baselines._untrained_classes(whole(cfg, "train"), evaluation) is None
    train = whole(cfg, "train")
    train.class_counts[train.classes.index(tested)] = 0
    assert baselines._untrained_classes(train, evaluation).startswith(
        f"The training annotations have no box of {tested}, which"
    )


def test_clips_that_overlap_training_are_counted(random_evaluation):
    dataset, evaluation, cfg = random_evaluation
    apart = assess(evaluation, dataset, cfg)
    assert apart.overlap == {"clips": len(dataset), "sharing": 0} and not apart.remarks and not apart.baselines
    cfg.THERMAL.TRAIN_ANNOTATIONS = cfg.THERMAL.TEST_ANNOTATIONS
    leaking = assess(evaluation, dataset, cfg)
    assert leaking.overlap == {"clips": len(dataset), "sharing": len(dataset)}
    assert leaking.remarks[0].startswith(f"{len(dataset)} of {len(dataset)} validation clips share frames")


def test_missing_training_data_are_told(random_evaluation):
    dataset, evaluation, cfg = random_evaluation
    cfg.THERMAL.TRAIN_ANNOTATIONS = ["annotations/gone.json"]
    assessment = assess(evaluation, dataset, cfg)
    assert not assessment.baselines and not assessment.overlap
    assert "no baselines" in assessment.remarks[0] and "gone.json' does not exist" in assessment.remarks[0]


def test_console_and_files_hold_what_was_found(assessed, tmp_path):
    assessment, dataset, _ = assessed
    write_results(assessment, tmp_path)
    metrics = json.loads((tmp_path / "test_metrics.json").read_text())
    evaluation = assessment.scores.evaluation
    assert metrics["mAP"] == evaluation.mean_ap and metrics["per_class_ap"] == evaluation.class_ap
    assert metrics["num_boxes"] == evaluation.num_boxes and metrics["remarks"] == assessment.remarks
    assert metrics["mAP_interval_95"] == list(assessment.intervals["mAP"])
    assert metrics["overlap"] == assessment.overlap
    text = summary(assessment)
    for name, scores in {"": assessment.scores, **assessment.baselines}.items():
        found = metrics["baselines"][name] if name else metrics
        assert found["groups"]["mAP"] == scores.groups.mean_ap
        assert {key: found[key] for key in scores.measures} == {
            key: None if math.isnan(value) else value for key, value in scores.measures.items()
        }
        assert f"{found['mAP']:.3f}" in text and f"{found['groups']['top1']:.3f}" in text
        rows = list(csv.reader((tmp_path / f"{name or 'predictions'}.csv").open()))
        assert len(rows) == sum(map(len, scores.evaluation.detections[2].values()))
        np.testing.assert_array_equal(
            np.float32([float(row[7]) for row in rows]),
            np.float32([score for part in scores.evaluation.detections[2].values() for score in part]),
        )
    assert assessment.remarks[-1] in text
    assert read_predictions(tmp_path / "feature_trees.csv", dataset)[0].keys() == evaluation.detections[0].keys()


def test_predictions_of_earlier_baselines_do_not_stay(assessed, tmp_path):
    assessment, _, cfg = assessed
    write_results(assessment, tmp_path)
    write_results(compare_with({}, assessment.scores.evaluation, cfg), tmp_path)
    assert not (tmp_path / "feature_trees.csv").exists()
    assert json.loads((tmp_path / "test_metrics.json").read_text())["baselines"] == {}
