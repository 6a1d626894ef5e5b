import numpy as np
import pytest

from slowfast_thermal.evaluation.bootstrap import MEASURES, difference, interval, measure
from tests.evaluation.conftest import CLASSES, evaluate_rows


def keyframes(num, step=1000, recording="HALL_R1"):
    return [f"{recording},{step * i:04d}" for i in range(num)]


def noisy_scores(labels, noise, seed=0):
    return np.eye(3)[labels] + noise * np.random.default_rng(seed).random((len(labels), 3))


def average_precision(scores, correct):
    correct = correct[np.argsort(-scores)]
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    return sum(max(precision[i:]) for i in correct.nonzero()[0]) / correct.sum()


def test_the_measures_are_map_mean_of_frequent_classes_and_accuracy():
    labels = np.array([0] * 6 + [1] * 5 + [2] * 2)
    scores = noisy_scores(labels, 2.5)
    found = measure(evaluate_rows(keyframes(13), np.eye(3)[labels], scores))
    aps = [average_precision(scores[:, c], labels == c) for c in range(3)]
    assert min(aps) < 1
    assert found == pytest.approx(
        {"mAP": np.mean(aps), "t5": np.mean(aps[:2]), "top1": np.mean(scores.argmax(1) == labels)}
    )


def test_a_person_with_two_actions_is_right_with_either():
    labels = [[1, 1, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1]]
    scores = [[0.9, 0.1, 0.2], [0.1, 0.9, 0.2], [0.1, 0.2, 0.9], [0.1, 0.2, 0.9]]
    assert measure(evaluate_rows(keyframes(4), labels, scores))["top1"] == 0.75


def test_without_frequent_classes_t5_is_no_number():
    found = measure(evaluate_rows(keyframes(2), np.eye(3)[[0, 1]], np.eye(3)[[0, 1]]))
    assert found["mAP"] == 1 and np.isnan(found["t5"])


def test_the_interval_is_that_of_evaluations_of_drawn_stretches():
    labels = np.repeat(np.random.default_rng(1).integers(2, size=30), 4)
    # Four keyframes within a stretch of 10 s, one stretch after another.
    names = [f"HALL_R1,{10_000 * (i // 4) + 2000 * (i % 4):04d}" for i in range(120)]
    noise = np.repeat(np.random.default_rng(2).random((30, 3)), 4, axis=0)
    scores = 0.3 * np.eye(3)[labels] + noise + 1e-6 * np.arange(120)[:, None]
    found = interval(evaluate_rows(names, np.eye(3)[labels], scores), 500)["mAP"]
    rng = np.random.default_rng(3)
    means = []
    for _ in range(500):
        drawn = (4 * rng.integers(30, size=30)[:, None] + np.arange(4)).ravel()
        means.append(np.mean([average_precision(scores[drawn, c], labels[drawn] == c) for c in (0, 1)]))
    np.testing.assert_allclose(found, np.percentile(means, [2.5, 97.5]), atol=0.03)


def test_neighbours_that_agree_do_not_make_a_score_surer():
    labels = np.random.default_rng(1).integers(2, size=40)
    scores = noisy_scores(labels, 2.0)
    sparse = interval(evaluate_rows(keyframes(40, 10_000), np.eye(3)[labels], scores), 300)["top1"]
    names = [f"HALL_R1,{10_000 * (i // 5) + 1000 * (i % 5):04d}" for i in range(200)]
    repeated = evaluate_rows(names, np.eye(3)[np.repeat(labels, 5)], np.repeat(scores, 5, axis=0))
    assert interval(repeated, 300)["top1"] == pytest.approx(sparse)


def test_recordings_of_a_session_share_their_stretches():
    names = keyframes(8, 2500) + keyframes(8, 2500, recording="HALL_R2")
    labels = np.eye(3)[[0, 1] * 8]
    scores = np.concatenate([labels[:8], 1 - labels[8:]])
    ends = {
        pattern: interval(evaluate_rows(names, labels, scores), 100, pattern)["top1"]
        for pattern in (r"(.+)_R.*", r"(.+)")
    }
    assert ends[r"(.+)_R.*"] == (0.5, 0.5) and ends[r"(.+)"] == (0.0, 1.0)


def test_the_difference_is_paired_and_signed():
    labels = np.random.default_rng(1).integers(2, size=60)
    names, truth = keyframes(60, 5000), np.eye(3)[labels]
    worse = noisy_scores(labels, 3.0)
    first, second = (evaluate_rows(names, truth, scores) for scores in (worse + 0.5 * truth, worse))
    above, below = difference([first], [second], 300), difference([second], [first], 300)
    for name in MEASURES:
        value, low, high = above[name]
        assert value == pytest.approx(measure(first)[name] - measure(second)[name])
        assert low <= value <= high and below[name] == pytest.approx((-value, -high, -low))
    assert difference([first], [first], 50)["mAP"] == (0, 0, 0)


def test_runs_that_differ_in_few_keyframes_differ_surely_by_little():
    labels = np.random.default_rng(1).integers(2, size=60)
    names, truth = keyframes(60, 5000), np.eye(3)[labels]
    worse = noisy_scores(labels, 3.0)
    better = np.where(np.arange(60)[:, None] < 4, truth, worse)
    first, second = (evaluate_rows(names, truth, scores) for scores in (better, worse))
    low, high = interval(second, 300)["top1"]
    value, low_difference, high_difference = difference([first], [second], 300)["top1"]
    assert 0 <= low_difference <= value <= high_difference < (high - low) / 2


def test_scores_of_seeds_are_averaged():
    labels = np.random.default_rng(1).integers(2, size=30)
    names, truth = keyframes(30, 5000), np.eye(3)[labels]
    seeds = [evaluate_rows(names, truth, noisy_scores(labels, 3.0, seed)) for seed in range(2)]
    value = difference(seeds, seeds[:1], 10)["mAP"][0]
    assert value == pytest.approx((measure(seeds[1])["mAP"] - measure(seeds[0])["mAP"]) / 2)


def test_certain_predictions_have_no_width_and_none_no_interval():
    labels = np.eye(3)[[0, 1] * 5]
    assert interval(evaluate_rows(keyframes(10, 20_000), labels, labels), 50)["mAP"] == (1.0, 1.0)
    within_seconds = interval(evaluate_rows(keyframes(10, 900), labels, labels), 50)
    assert all(np.isnan(ends).all() for ends in within_seconds.values())
    assert np.isnan(interval(evaluate_rows([], np.zeros((0, 3)), np.zeros((0, 3))), 50)["mAP"]).all()
    assert CLASSES
