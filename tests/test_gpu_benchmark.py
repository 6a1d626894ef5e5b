"""The GPU benchmark on a CPU, with small networks: it ends, writes what it finds, and survives parts that do not end well."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import types

import psutil
import pytest
import torch

from slowfast_thermal.errors import BAD_INPUT
from tests import programs
from tools.benchmarks.gpu import report, run

CPU = torch.device("cpu")


def test_the_first_parts_run_and_are_written(synthetic_data, tmp_path):
    results = run.measure(
        5, CPU, str(synthetic_data), tmp_path, ["machine", "parity", "speed:by_operation", "training:resume"]
    )
    assert [name for name, found in results.items() if "error" in found] == []
    assert json.loads((tmp_path / "benchmark_gpu_cpu.json").read_text()) == results
    text = (tmp_path / "benchmark_gpu_cpu.md").read_text()
    assert f"# A run on {results['machine']['device']}" in text and "Small networks on a CPU" in text
    assert results["parity"]["largest difference of a score from the CPU's, float32, not folded"] < 1e-4
    assert results["parity"]["highest and lowest score"][0] > 0.2


@pytest.mark.slow
def test_all_parts_run_to_their_end(synthetic_data, tmp_path):
    command = "tools/benchmark.py gpu --device cpu --minutes 8 --data".split()
    finished = subprocess.run(
        [sys.executable, *command, str(synthetic_data), "--output", str(tmp_path)],
        cwd=programs.ROOT,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    results = json.loads((tmp_path / "benchmark_gpu_cpu.json").read_text())
    assert list(results) == list(run.SHARES)
    assert {name: found["error"] for name, found in results.items() if "error" in found} == {}
    verdicts = [goal.title for goal in report.GOALS if report.judge(goal, results, on_gpu=False)[1] == "NOT MET"]
    assert verdicts == [] and finished.stdout.endswith((tmp_path / "benchmark_gpu_cpu.md").read_text() + "\n")


def test_a_folder_without_data_is_named_with_its_option(tmp_path):
    finished = programs.run("tools/benchmark.py", "gpu", "--data", tmp_path, "--output", tmp_path / "out")
    assert finished.returncode == BAD_INPUT
    assert (
        finished.stderr
        == f"Error: '{tmp_path}' holds no annotations/train.json: give --data the folder of a data set.\n"
    )


def fails(setting):
    setting.tell("before", 1.5)
    raise ValueError("this\ndoes not work")


def hangs(setting):
    setting.tell("before", subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
    time.sleep(1000)


def dies(_setting):
    os.kill(os.getpid(), signal.SIGKILL)


def works(setting):
    setting.tell("left", setting.left)


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # of which nobody has asked how it ended
    except psutil.NoSuchProcess:
        return False


def test_a_part_that_fails_hangs_or_dies_is_noted_and_the_next_one_runs(synthetic_data, tmp_path, monkeypatch):
    parts = {f"broken:{function.__name__}": function for function in (fails, hangs, dies, works)}
    broken = types.ModuleType("broken")
    vars(broken).update((function.__name__, function) for function in parts.values())
    monkeypatch.setitem(sys.modules, "tools.benchmarks.gpu.broken", broken)
    monkeypatch.setattr(run, "SHARES", dict.fromkeys(parts, 1.0))
    monkeypatch.setattr(run, "LEAST_SECONDS", 0.1)
    monkeypatch.setattr(run, "_ready_to_fork", lambda: multiprocessing.get_context("fork"))
    results = run.measure(6 / 60, CPU, str(synthetic_data), tmp_path, list(parts))
    found = {name.removeprefix("broken:"): value for name, value in results.items()}
    assert found["fails"]["before"] == 1.5
    assert found["fails"]["error"].startswith("ValueError in test_gpu_benchmark.py, line ")
    assert found["fails"]["error"].endswith("this does not work")
    assert found["hangs"]["error"] == "ended: its time was up" and not is_running(found["hangs"]["before"])
    assert found["dies"]["error"] == "ended by SIGKILL"
    assert 1 < found["works"]["left"] < 4 and "error" not in found["works"]


def test_a_part_without_time_is_left_out(synthetic_data, tmp_path):
    results = run.measure(0, CPU, str(synthetic_data), tmp_path, ["machine", "parity"])
    assert {found["error"] for found in results.values()} == {"left out: the time was up"}
    assert report.NOT_MEASURED in (tmp_path / "benchmark_gpu_cpu.md").read_text()


@pytest.mark.parametrize(
    "seconds, on_gpu, verdict",
    [(0.05, True, "met"), (0.07, True, "NOT MET"), (0.05, False, ""), (None, True, "not measured")],
)
def test_a_goal_is_met_or_not(seconds, on_gpu, verdict):
    (goal,) = (goal for goal in report.GOALS if goal.figure == "this project, s a step")
    results = {"speed": {} if seconds is None else {goal.figure: seconds}}
    assert report.judge(goal, results, on_gpu)[1] == verdict
