"""The scripts of tools/slurm on a real SLURM of this machine alone, with the lines at their top set for it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.conftest import small_overrides
from tests.engine.test_processes import EXACT
from tests.programs import ROOT as REPOSITORY

CLUSTER = REPOSITORY / "tests" / "slurm" / "cluster.sh"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))),
        reason="SLURM (slurm-wlm, munge) is not installed",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="the daemons of SLURM need root"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Sets SLURM_CONF for the commands of a running cluster."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([CLUSTER, "start", folder], check=True, timeout=60)
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    yield
    subprocess.run([CLUSTER, "stop", folder], check=True, timeout=60)
    del os.environ["SLURM_CONF"]


def adapted(name, folder, **top):
    """A copy of a script for this cluster: what a user would set at its top."""
    lines = (REPOSITORY / "tools" / "slurm" / name).read_text().splitlines()
    lines = [line for line in lines if not re.match(r"#SBATCH --(account|gpus-per-node)", line)]
    top = {"partition": "test", "cpus-per-task": 1, "output": folder / "log", **top}
    for key, value in {
        "CONFIG": "configs/Thermal/SLOWFAST_SMALL.yaml",
        "GPUS": 0,
        "PYTHON": sys.executable,
        **top,
    }.items():
        pattern = rf"(#SBATCH --{key}=|{key}=).*"
        places = [i for i, line in enumerate(lines) if re.fullmatch(pattern, line)]
        assert len(places) == 1, key
        lines[places[0]] = re.sub(pattern, rf"\g<1>{value}", lines[places[0]])
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def slurm(*command):
    return subprocess.run([*map(str, command)], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def submit(script, *arguments):
    return slurm("sbatch", "--parsable", script, *arguments).strip()


def state(job):
    return dict(field.split("=", 1) for field in slurm("scontrol", "show", "job", job, "-o").split() if "=" in field)


def wait_until(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.3)


def finish(job, log):
    """Waits until the job is done; one that waits to be started again need not wait long."""

    def is_done():
        found = state(job)
        if found["JobState"] == "PENDING" and found["Reason"] == "BeginTime":
            slurm("scontrol", "update", f"jobid={job}", "starttime=now")
        return found["JobState"] in ("COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL")

    wait_until(is_done)
    assert state(job)["JobState"] == "COMPLETED", log.read_text()


def run_settings(data, output):
    return [*small_overrides(data, output), *EXACT, "SOLVER.MAX_EPOCH", "12"]


def metrics(folder):
    return json.loads((folder / "run" / "test_metrics.json").read_text())


@pytest.fixture(scope="module")
def uninterrupted(cluster, synthetic_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    job = submit(adapted("train_single_node.sbatch", folder), *run_settings(synthetic_data, folder / "run"))
    finish(job, folder / "log")
    assert state(job)["Restarts"] == "0"
    return metrics(folder)


@pytest.mark.parametrize(
    "script, options, interrupt, signal_name",
    [
        ("train_single_node.sbatch", {}, ["scancel", "--signal=USR1"], "SIGUSR1"),
        ("train_multi_node.sbatch", {"nodes": 1, "ntasks-per-node": 2}, ["scontrol", "requeue"], "SIGTERM"),
    ],
    ids=["signalled before its time limit", "requeued, of two tasks"],
)
def test_an_interrupted_job_goes_on_and_ends_as_one_that_was_not(
    uninterrupted, synthetic_data, tmp_path, script, options, interrupt, signal_name
):
    job = submit(adapted(script, tmp_path, **options), *run_settings(synthetic_data, tmp_path / "run"))
    wait_until((tmp_path / "run" / "checkpoints" / "checkpoint_epoch_00003.pyth").exists)
    slurm(*interrupt, job)
    finish(job, tmp_path / "log")
    log = (tmp_path / "log").read_text()
    assert f"Interrupted: {signal_name} stopped the run" in log and "Resumed from" in log
    assert state(job)["Restarts"] == "1"
    assert metrics(tmp_path) == uninterrupted


def test_a_checkpoint_is_tested_and_bad_input_is_not_requeued(uninterrupted, synthetic_data, tmp_path):
    settings = run_settings(synthetic_data, tmp_path / "run")
    job = submit(adapted("test.sbatch", tmp_path), *settings, "TEST.CHECKPOINT_FILE_PATH", "gone.pyth")
    wait_until(lambda: state(job)["JobState"] == "FAILED")
    assert state(job)["ExitCode"] == "2:0" and state(job)["Restarts"] == "0"
    assert "Error: Checkpoint 'gone.pyth' does not exist" in (tmp_path / "log").read_text()


def test_a_sweep_ends_with_one_table(cluster, synthetic_data, tmp_path):
    script = adapted(
        "sweep.sbatch",
        tmp_path,
        array="0-3",
        SWEEP=tmp_path / "sweep",
        SEEDS="(0 1)",
        RATES="(0.01 0.02)",
        DROPOUTS="(0.5)",
    )
    settings = small_overrides(synthetic_data, "unused")
    place = settings.index("OUTPUT_DIR")
    job = submit(script, *settings[:place], *settings[place + 2 :], "SOLVER.MAX_EPOCH", "1")
    wait_until(lambda: job not in slurm("squeue", "--noheader", "--format=%A"))
    table = (tmp_path / "sweep" / "table.md").read_text()
    assert table.count("\n") == 4 and "0.01" in table and "0.02" in table
    assert (
        (tmp_path / "sweep" / "table.csv").read_text().startswith("BASE_LR,DROPOUT_RATE,seeds,mAP,std,lowest,highest")
    )
