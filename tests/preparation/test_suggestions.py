"""Which moments are suggested: rare classes and unsure people first, apart from each other and from what is labelled."""

import json
import sys

import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.suggestions import Moment, choose, read_moments, suggest
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
