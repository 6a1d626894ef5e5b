import json

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from slowfast_thermal.evaluation.curves import (
    plot_precision_recall,
    plot_training,
    precision_recall,
    read_training_curves,
)
from slowfast_thermal.evaluation.metrics import Evaluation, Ranking


def test_the_area_under_each_curve_is_the_ap_also_among_tied_scores(random_evaluation):
    _, evaluation, _ = random_evaluation
    compared = 0
    for (name, ap), ranking in zip(evaluation.class_ap.items(), evaluation.rankings):
        if ap is not None:
            recall, precision = precision_recall(ranking, evaluation.num_boxes[name])
            assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(ap, abs=1e-12)
            compared += 1
    assert compared > 4


def test_the_figure_draws_that_curve_for_each_class_with_boxes(random_evaluation):
    _, evaluation, _ = random_evaluation
    figure = plot_precision_recall(evaluation)
    drawn = [axes for axes in figure.axes if axes.lines]
    aps = [ap for ap in evaluation.class_ap.values() if ap is not None]
    assert len(drawn) == len(aps)
    for axes, ap in zip(drawn, aps):
        (line,) = axes.lines
        recall, precision = line.get_data()
        assert line.get_drawstyle() == "steps-pre"
        assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(ap)


def test_it_is_the_envelope_of_scikit_learns_curve():
    correct = np.random.default_rng(0).random(50) < 0.4
    scores = np.linspace(1, 0, 50)
    precision, recall, _ = precision_recall_curve(correct, scores)
    our_recall, our_precision = precision_recall(Ranking(scores, correct, np.zeros(50, int)), int(correct.sum()))
    for r in set(our_recall[1:]) - {0.0}:
        assert our_precision[our_recall == r].max() == pytest.approx(precision[recall >= r - 1e-9].max())


def test_a_class_that_nobody_predicted_has_no_area():
    recall, precision = precision_recall(Ranking(np.zeros(0), np.zeros(0, bool), np.zeros(0, int)), 3)
    assert recall.tolist() == precision.tolist() == [0.0]


def test_of_many_classes_those_with_the_most_boxes_are_drawn():
    names = [f"class {c}" for c in range(40)]
    boxes = {name: (c * 7) % 40 for c, name in enumerate(names)}
    keyframe = {"A,1000": []}
    evaluation = Evaluation(0.0, dict.fromkeys(names, 0.0), boxes, 1, ({}, {}, {}), (keyframe, keyframe, keyframe))
    shown = [axes.get_title().splitlines()[0] for axes in plot_precision_recall(evaluation).axes if axes.lines]
    assert shown == [name for name in names if boxes[name] >= 24]


def test_a_figure_without_any_box_can_be_drawn():
    empty = Evaluation(float("nan"), {"standing": None}, {"standing": 0}, 1, ({}, {}, {}), ({}, {}, {}))
    plot_precision_recall(empty).savefig("/dev/null", format="png")


def test_training_curves_are_read_from_json_stats(tmp_path):
    stats = [
        {"_type": "train_iter", "cur_epoch": "1", "cur_iter": "10", "loss": 9.0},
        {"_type": "train_iter", "cur_epoch": "1/2", "cur_iter": "10", "loss": 2.0},
        {"_type": "train_iter", "cur_epoch": "1", "cur_iter": "20", "loss": 1.5},
        {"_type": "val_epoch", "cur_epoch": "1", "map": 0.25},
        {"_type": "train_iter", "cur_epoch": "2", "cur_iter": "10", "loss": float("nan")},
        {"_type": "test_epoch", "map": 0.5},
    ]
    lines = [f"json_stats: {json.dumps(entry)}" for entry in stats]
    lines += ["", "Traceback", "json_stats: {", "json_stats: null", "json_stats: []", 'json_stats: {"cur_epoch": "x"}']
    (tmp_path / "json_stats.log").write_text("\n".join(lines), encoding="utf-8")
    curves = read_training_curves(tmp_path / "json_stats.log")
    assert curves.loss[:2] == [(0.5, 2.0), (1.0, 1.5)] and curves.loss[2][0] == 1.5
    assert curves.val_map == [(1.0, 0.25)]
    assert len(plot_training(curves).axes) == 2


def test_a_run_without_training_has_no_curves(tmp_path):
    assert not any(read_training_curves(tmp_path / "json_stats.log"))
