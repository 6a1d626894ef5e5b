"""Runs that are killed again and again end as one that was not."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from slowfast_thermal.errors import INTERRUPTED
from tests.conftest import CONFIGS, small_overrides
from tests.engine.test_interactions import INTERACTIONS
from tests.programs import ROOT

RUNS = {
    "plain": [],
    "interactions": [*INTERACTIONS, "IA.DROPOUT", "0.2", "SOLVER.CLIP_GRAD_L2NORM", "1.0"],
    "workers": ["DATA_LOADER.NUM_WORKERS", "2"],
    "spawned workers": ["DATA_LOADER.NUM_WORKERS", "1", "THERMAL.WORKER_START_METHOD", "spawn"],
}
EPOCHS = 40
STAGES = ("start", "training", "saving", "evaluation")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SECONDS = 300
SETTINGS = (
    f"SOLVER.MAX_EPOCH {EPOCHS} SOLVER.EPOCH_ITERS 2 TRAIN.EVAL_PERIOD 2 TRAIN.CHECKPOINT_PERIOD 1 LOG_PERIOD 1 "
    "MODEL.DROPOUT_RATE 0.5 TENSORBOARD.ENABLE False"
).split()


def start(data, output, overrides, log):
    """Starts the run in a group of its own."""
    command = [sys.executable, "-W", "ignore", "tools/run_net.py", "--cfg", str(CONFIGS / "SLOWFAST_SMALL.yaml")]
    command += [*small_overrides(data, output), *SETTINGS, *overrides]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=log, stderr=log)


def wait_for(process, condition):
    """Waits until a condition holds, or the process has ended."""
    end = time.monotonic() + SECONDS
    while process.poll() is None and not condition():
        assert time.monotonic() < end, "the run stands still"
        time.sleep(0.001)


def wait_for_stage(process, stage, output, log, rng):
    """Waits for a random moment of a stage."""
    if stage == "start":
        time.sleep(rng.uniform(0.2, 8.0))
    elif stage == "training":
        wait_for(process, lambda: "s an iteration" in log.read_text())
        time.sleep(rng.uniform(0, 1))
    elif stage == "saving":
        number = rng.choice((1, 1, 2, 3))
        for _ in range(number):
            wait_for(process, lambda: any((output / "checkpoints").glob("partial-*")))
            if number > 1:
                wait_for(process, lambda: not any((output / "checkpoints").glob("partial-*")))
        time.sleep(rng.choice((0, 0.002, 0.01)))
    else:
        wait_for(process, lambda: "val: batch" in log.read_text())
        time.sleep(rng.uniform(0, 0.1))


def stop(process, number, is_group):
    """Kills the run, and returns how it ended."""
    if process.poll() is None:
        (os.killpg if is_group else os.kill)(process.pid, number)
    return process.wait(SECONDS)


def wait_for_no_one(groups):
    """Waits until no process of the groups is left: workers of a killed run look for it every five seconds."""
    end = time.monotonic() + 30
    for group in groups:
        while True:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < end, f"processes of group {group} outlived their run"
            time.sleep(0.1)


def assert_same_end(output, whole):
    """The run has learned and scored the same, and nothing half-written is left."""
    name = f"checkpoint_epoch_{EPOCHS:05}.pyth"
    again, undisturbed = (torch.load(folder / "checkpoints" / name, weights_only=True) for folder in (output, whole))
    for key in ("model_state", "optimizer_state", "best_map", "epoch", "iteration"):
        torch.testing.assert_close(again[key], undisturbed[key], rtol=0, atol=0)
    assert (output / "test_metrics.json").read_text() == (whole / "test_metrics.json").read_text()
    assert not [path for folder in (output, output / "checkpoints") for path in folder.glob("partial-*")]


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(synthetic_data, tmp_path, run, capsys):
    """Every signal, to the process and to its group, in every stage, in random order; each time the same command goes on."""
    rng = random.Random(list(RUNS).index(run))
    whole, output, path = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"

    groups = []

    def run_until(folder, wait=lambda process: None, number=None, is_group=False):
        with path.open("w") as log:
            process = start(synthetic_data, folder, RUNS[run], log)
            groups.append(process.pid)
            wait(process)
            return stop(process, number, is_group) if number else process.wait(4 * SECONDS)

    assert run_until(whole) == 0, path.read_text()
    kills = [(stage, number, is_group) for stage in STAGES for number in SIGNALS for is_group in (False, True)]
    rng.shuffle(kills)
    orderly = ends = 0
    while orderly < len(kills):
        stage, number, is_group = kills[orderly]
        code = run_until(output, lambda p: wait_for_stage(p, stage, output, path, rng), number, is_group)
        told = path.read_text()
        if code == 0:  # it was over before
            assert_same_end(output, whole)
            shutil.rmtree(output)
            ends += 1
            continue
        if number == signal.SIGKILL:  # workers may tell that the process they work for is gone
            fits = code == -signal.SIGKILL
        else:
            fits = code == INTERRUPTED and "Interrupted: SIG" in told and "Traceback" not in told
        assert fits, f"{stage}, {number.name}, to the group: {is_group}, code {code}:\n{told[-3000:]}"
        orderly += 1
    assert run_until(output) == 0, path.read_text()
    assert_same_end(output, whole)
    wait_for_no_one(groups)
    with capsys.disabled():
        print(
            f"\n{run}: {orderly} of {len(kills)} kills ended in good order; {ends + 1} of {ends + 1} ends as of one without"
        )
