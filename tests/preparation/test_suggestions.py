"""Which moments are suggested: rare classes and unsure people first, apart from each other and from what is labelled."""

import json
import sys

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.suggestions import Moment, choose, read_moments, suggest
from slowfast_thermal.trees import forest
from slowfast_thermal.trees.forest import fit_forest
from tools import thermal_data

CLASSES = ["walking", "sitting", "falling"]


def moment(second, *people, recording="R1"):
    return Moment(recording, 1000 * second, np.array(people, float).reshape(-1, 3))


def chosen(moments, number=1, labelled=(0, 0, 0), times=None, gap=4.0):
    return [
        (s.recording, s.timestamp // 1000)
        for s in choose(moments, CLASSES, number, np.array(labelled), times or {}, gap)
    ]


def test_a_class_of_few_labels_goes_before_one_of_many():
    walks, falls = moment(0, [0.9, 0.1, 0]), moment(10, [0.1, 0, 0.9])
    assert chosen([walks, falls], labelled=(50, 50, 1)) == [("R1", 10)]
    assert chosen([walks, falls], labelled=(1, 50, 50)) == [("R1", 0)]


def test_one_more_of_the_same_is_worth_less_than_another_class():
    moments = [moment(0, [1, 0, 0]), moment(10, [1, 0, 0]), moment(20, [0.1, 0.9, 0])]
    assert {second for _, second in chosen(moments, 2)} == {0, 20} or {second for _, second in chosen(moments, 2)} == {
        10,
        20,
    }


def test_of_alike_moments_the_unsure_one_is_taken():
    sure, unsure = moment(0, [1, 0, 0]), moment(10, [0.5, 0.5, 0])
    assert chosen([sure, unsure], labelled=(9, 9, 9)) == [("R1", 10)]


def test_moments_lie_apart_from_each_other_and_from_labelled_ones_of_their_recording():
    moments = [moment(second, [1, 0, 0]) for second in range(12)] + [moment(5, [1, 0, 0], recording="R2")]
    found = chosen(moments, 10, times={"R1": [5000]})
    assert ("R2", 5) in found
    seconds = sorted(second for name, second in found if name == "R1")
    assert all(abs(second - 5) >= 4 for second in seconds)
    assert all(later - earlier >= 4 for earlier, later in zip(seconds, seconds[1:]))


def test_a_moment_without_people_is_never_suggested():
    assert chosen([moment(0), moment(10, [1, 0, 0])], 5) == [("R1", 10)]


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def line(second, scores, recording="R1"):
    return {"recording": recording, "timestamp": 1000 * second, "track": 1, "box": [0, 0, 1, 1], "scores": scores}


def test_the_command_writes_a_list_that_the_export_reads(tmp_path, monkeypatch, capsys):
    people = write(
        tmp_path / "tracks.jsonl", line(0, {"walking": 0.9, "falling": 0.1}), line(30, {"walking": 0.2, "falling": 0.8})
    )
    words = ["suggest", tmp_path, "--predictions", people, "--number", "2", "--output", tmp_path / "list.jsonl"]
    monkeypatch.setattr(sys, "argv", ["thermal_data.py", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        thermal_data.main()
    assert not ended.value.code and "2 moments" in capsys.readouterr().out
    assert read_moments(tmp_path / "list.jsonl") == {("R1", 0), ("R1", 30_000)}


@pytest.mark.parametrize(
    ("lines", "number", "message"),
    [
        ([], 1, "holds nobody"),
        ([line(0, {"walking": 1.0}), line(1, {"sitting": 1.0})], 1, "line 2: 'scores' must have a number"),
        ([line(0, {"walking": "much"})], 1, "'scores' must have a number"),
        ([line(0, {"walking": 1.0})], 0, "give a positive number"),
    ],
)
def test_bad_input_is_told_in_one_sentence(tmp_path, lines, number, message):
    with pytest.raises(InputError, match=message):
        suggest(tmp_path, write(tmp_path / "tracks.jsonl", *lines), number, [])


def test_a_data_set_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(InputError, match="nowhere' does not exist"):
        suggest(tmp_path / "nowhere", write(tmp_path / "tracks.jsonl", line(0, {"walking": 1.0})), 1, [])


def test_where_classes_are_rare_suggested_moments_teach_more_than_random_ones(monkeypatch):
    """Hours in which nearly everyone walks: trees know more after 20 suggested moments than after 20 random ones."""
    monkeypatch.setattr(forest, "NUM_TREES", 100)
    classes, features = [str(number) for number in range(5)], [str(number) for number in range(6)]
    gains = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        means = rng.normal(0, 1.5, (5, 6))

        def people(actions, rng=rng, means=means):
            return (means[actions] + rng.normal(0, 1, (len(actions), 6))).astype(np.float32), np.eye(5)[actions]

        x, labels = people(rng.choice(5, 600, p=[0.9, 0.04, 0.03, 0.02, 0.01]))
        tests = people(np.repeat(np.arange(5), 40))
        first, rest = np.arange(20), np.arange(20, 600)

        def precision(chosen, x=x, labels=labels, tests=tests, seed=seed):
            scores = fit_forest(x[chosen], labels[chosen], classes, features, seed).predict(tests[0])
            return np.mean([average_precision_score(*each) for each in zip(tests[1].T, scores.T)])

        predicted = fit_forest(x[first], labels[first], classes, features, seed).predict(x)
        moments = [Moment("R1", 10_000 * place, predicted[place : place + 1]) for place in rest]
        found = choose(moments, classes, 20, labels[first].sum(0), {})
        suggested = np.array([s.timestamp // 10_000 for s in found])
        random = rng.choice(rest, 20, replace=False)
        gains.append(precision(np.append(first, suggested)) - precision(np.append(first, random)))
    assert np.mean(gains) > 0.02, gains
