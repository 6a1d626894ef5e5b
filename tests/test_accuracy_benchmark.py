"""What the benchmark of time to accuracy counts, keeps and sums up."""

import json
import time

import pytest

from slowfast_thermal.engine import train as engine
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


def test_only_runs_that_a_file_lacks_are_made(synthetic_data, tmp_path, monkeypatch):
    made = []
    run = {
        "whole": True,
        "seconds": 9.0,
        "steps": 3,
        "curve": [{"seconds": s, "mAP": m, "t5": m} for s, m in ((4, 0.5), (8, 0.7))],
    }
    monkeypatch.setattr(accuracy, "_run", lambda *given: made.append(given) or run)
    path, fold = tmp_path / "found.json", (synthetic_data / "annotations", 0.6)
    accuracy.measure(str(synthetic_data), [fold], ["TREES"], 1, 5.0, path)
    table = accuracy.measure(str(synthetic_data), [fold], ["TREES"], 2, 5.0, path)
    assert [seed for _, _, _, seed, _ in made] == [0, 1]
    (row,) = table["annotations"]
    assert (row["seeds"], row["reach it"], row["s until then"], row["best mAP"], row["s a step"]) == (2, 2, 8, 0.7, 3)
    assert list(json.loads(path.read_text())["folds"]["annotations"]["recipes"]["TREES"]) == ["0", "1"]


@pytest.mark.slow
def test_trees_are_measured_in_a_process_of_their_own(synthetic_data, tmp_path):
    folds = [(synthetic_data / "annotations", 0.0)]
    (row,) = accuracy.measure(str(synthetic_data), folds, ["TREES"], 1, 5.0, tmp_path / "found.json")["annotations"]
    assert row["reach it"] == 1 and 0 < row["s until then"] < 60
