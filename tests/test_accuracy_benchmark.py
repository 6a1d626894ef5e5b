"""What the benchmark of time to accuracy counts, keeps and sums up."""

import json
import time

import pytest

from slowfast_thermal.engine import train as engine
from slowfast_thermal.errors import InputError
from tests.conftest import small_overrides
from tools.benchmarks import accuracy


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.fixture
def tiny(monkeypatch, synthetic_data, tmp_path, quick_tests):
    """Values for the keys of SLOWFAST_SMALL.yaml, with which it trains in a second; in this process."""
    monkeypatch.setattr(engine, "task_of", engine.task_of)  # which the benchmark replaces
    return small_overrides(synthetic_data, tmp_path / "run")


def test_a_training_is_followed_by_its_processor_time_without_that_of_evaluations(tiny, monkeypatch):
    task_of = accuracy.task_of

    def slow(*arguments):
        task = task_of(*arguments)
        plain = task.evaluate
        task.evaluate = lambda *given: (burn(1.0), plain(*given))[1]
        return task

    monkeypatch.setattr(accuracy, "task_of", slow)
    started = time.process_time()
    found = accuracy._train("SLOWFAST_SMALL", [*tiny, "MODEL.TREES_WEIGHT", "0.5"], 100.0)
    spent = time.process_time() - started
    first, last = (at["seconds"] for at in found["curve"])
    assert found["whole"] and 0 < first < last <= found["seconds"] < spent - 2
    assert all(0 <= at["mAP"] <= 1 for at in found["curve"])


def test_a_training_ends_when_its_time_is_up(tiny):
    found = accuracy._train("SLOWFAST_SMALL", [*tiny, "SOLVER.MAX_EPOCH", "1000"], 1.0)
    assert not found["whole"] and found["steps"] > 0 and 1.0 < found["seconds"] < 10


@pytest.fixture
def made(monkeypatch):
    """Seed and minutes of each run that is made, in the place of a training, which is whole if it has a minute or more."""
    found = []

    def run(recipe, data, fold, seed, minutes):
        found.append((seed, minutes))
        curve = [{"seconds": s, "mAP": m, "t5": m} for s, m in ((2, None), (4, 0.5), (8, 0.7))]
        return {"whole": minutes >= 1, "seconds": min(9.0, 60 * minutes), "steps": 3, "curve": curve}

    monkeypatch.setattr(accuracy, "_run", run)
    return found


def test_only_runs_that_a_file_lacks_are_made(synthetic_data, tmp_path, made):
    path, fold = tmp_path / "found.json", (synthetic_data / "annotations", 0.6)
    accuracy.measure(str(synthetic_data), [fold], ["TREES"], 1, 5.0, path)
    table = accuracy.measure(str(synthetic_data), [fold], ["TREES"], 2, 5.0, path)
    assert [seed for seed, _ in made] == [0, 1]
    (row,) = table["annotations, mAP 0.6"]
    assert (row["seeds"], row["reach it"], row["s until then"], row["best mAP"], row["s a step"]) == (2, 2, 8, 0.7, 3)
    assert list(json.loads(path.read_text())["folds"]["annotations"]["recipes"]["TREES"]) == ["0", "1"]


def test_another_target_is_read_off_the_same_runs(synthetic_data, tmp_path, made):
    path, folder = tmp_path / "found.json", synthetic_data / "annotations"
    for target, expected in ((0.6, 8), (0.4, 4), (0.9, None)):
        table = accuracy.measure(str(synthetic_data), [(folder, target)], ["TREES"], 1, 5.0, path)
        assert table[f"annotations, mAP {target}"][0]["s until then"] == expected
    assert len(made) == 1


def test_a_run_that_was_given_up_is_made_again_with_more_minutes(synthetic_data, tmp_path, made):
    path, fold = tmp_path / "found.json", (synthetic_data / "annotations", 0.6)
    for minutes in (0.05, 0.05, 5.0, 9.0):
        accuracy.measure(str(synthetic_data), [fold], ["TREES"], 1, minutes, path)
    assert made == [(0, 0.05), (0, 5.0)]


def test_other_annotations_of_the_same_name_are_refused(synthetic_data, tmp_path, made):
    path, folder = tmp_path / "found.json", synthetic_data / "annotations"
    accuracy.measure(str(synthetic_data), [(folder, 0.6)], ["TREES"], 1, 5.0, path)
    other = tmp_path / "annotations"
    other.mkdir()
    for name in ("train.json", "val.json"):
        (other / name).write_bytes((folder / "val.json").read_bytes())
    with pytest.raises(InputError, match="found.json holds runs of other annotations in a folder named annotations"):
        accuracy.measure(str(synthetic_data), [(other, 0.6)], ["TREES"], 1, 5.0, path)


@pytest.mark.parametrize("content", ["", "[]", '{"folds": 3}', '{"folds": {"a": {"recipes": {"TREES": {"0": {}}}}}}'])
def test_a_file_that_holds_something_else_is_refused_and_kept(synthetic_data, tmp_path, made, content):
    path = tmp_path / "found.json"
    path.write_text(content)
    with pytest.raises(InputError, match="holds no runs of this benchmark"):
        accuracy.measure(str(synthetic_data), [(synthetic_data / "annotations", 0.6)], ["TREES"], 1, 5.0, path)
    assert path.read_text() == content and not made


@pytest.mark.slow
def test_trees_are_measured_in_a_process_of_their_own(synthetic_data, tmp_path):
    folds = [(synthetic_data / "annotations", 0.0)]
    (row,) = accuracy.measure(str(synthetic_data), folds, ["TREES"], 1, 5.0, tmp_path / "found.json")[
        "annotations, mAP 0"
    ]
    assert row["reach it"] == 1 and 0 < row["s until then"] < 60
