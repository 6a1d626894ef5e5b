"""Runs of several processes: the same numbers as one process, and an orderly end when one is lost or asked to stop."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import construct_test_loader
from slowfast_thermal.engine.launch import check_run, exit_as, launcher_place, run_processes
from slowfast_thermal.engine.processes import Place
from slowfast_thermal.errors import BAD_INPUT, FAILED, INTERRUPTED, InputError
from slowfast_thermal.pyslowfast import build_model
from tests.conftest import CONFIGS, small_overrides
from tests.engine.test_interactions import INTERACTIONS
from tests.engine.test_train import checkpoints, finish, run_net
from tests.programs import ROOT

# What leaves rounding as the only difference between one process and several.
EXACT = (
    "MODEL.FROZEN_BN True MODEL.DROPOUT_RATE 0.0 THERMAL.AUG.FLIP False THERMAL.AUG.SLOW_JITTER False "
    "THERMAL.AUG.TEMPORAL_SHIFT 0 SOLVER.BASE_LR 0.01 LOG_PERIOD 1"
).split()
WITH_MEMORY = [*INTERACTIONS, "IA.DROPOUT", "0.0"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def torchrun(processes, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port"]
    command += [str(free_port()), "tools/run_net.py", "--cfg", str(CONFIGS / "SLOWFAST_SMALL.yaml"), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def shards(count, *overrides, started=None, port=None):
    """Starts `count` machines of one process each on this one, or only those whose numbers are given."""
    meeting = ["--init_method", f"tcp://localhost:{port or free_port()}", "--num_shards", str(count), "--shard_id"]
    return [run_net(*meeting, shard, "--opts", *overrides) for shard in started or range(count)]


def losses(output):
    lines = (json.loads(line.split("json_stats: ")[1]) for line in (output / "json_stats.log").open())
    return [line["loss"] for line in lines if line["_type"] == "train_iter"]


def learned(output):
    """Everything that a run of two epochs has learned and remembers."""
    checkpoint = torch.load(output / "checkpoints" / "checkpoint_epoch_00002.pyth", weights_only=True)
    memory = checkpoint["memory_state"] or {}
    return {key: checkpoint[key] for key in ("model_state", "epoch", "best_map")} | {
        key: value for key, value in memory.items() if key != "recordings"
    }


@pytest.fixture(
    scope="module",
    params=[pytest.param([], marks=pytest.mark.slow, id="plain"), pytest.param(WITH_MEMORY, id="memory")],
)
def alone(request, synthetic_data, tmp_path_factory):
    """Settings, and the results of one process."""
    output = tmp_path_factory.mktemp("alone")
    code, _, err = finish(run_net(*small_overrides(synthetic_data, output), *EXACT, *request.param))
    assert code == 0, err
    return [*EXACT, *request.param], output


@pytest.mark.parametrize("start", ["torchrun", "shards"])
def test_two_processes_learn_and_score_what_one_does(alone, synthetic_data, tmp_path, start):
    settings, expected = alone
    overrides = [*small_overrides(synthetic_data, tmp_path), *settings]
    processes = [torchrun(2, *overrides)] if start == "torchrun" else shards(2, *overrides)
    results = [finish(process) for process in processes]
    assert [code for code, _, _ in results] == [0] * len(processes), results
    assert len(losses(tmp_path)) == len(losses(expected)) > 5
    torch.testing.assert_close(losses(tmp_path), losses(expected), rtol=0, atol=1e-5)
    torch.testing.assert_close(learned(tmp_path), learned(expected), rtol=0, atol=1e-5)
    assert (tmp_path / "test_metrics.json").read_text() == (expected / "test_metrics.json").read_text()


def test_each_keyframe_has_one_process_even_if_there_are_fewer(synthetic_data, small_config):
    cfg = small_config(synthetic_data)
    dataset = Thermal(cfg, "test")
    for world_size in (1, 2, 3, len(dataset) + 3):
        parts = [construct_test_loader(cfg, dataset, rank, world_size).sampler for rank in range(world_size)]
        assert [index for part in parts for index in part] == list(range(len(dataset)))


def test_more_processes_than_keyframes_score_each_once(handmade_data, small_config, tmp_path):
    """Two keyframes, in one recording, for three processes."""
    for key in ("images", "annotations"):
        handmade_data.document[key] = handmade_data.document[key][:2]
    data = handmade_data.write()
    memory = [*WITH_MEMORY, "MODEL.NUM_CLASSES", "2", "TRAIN.BATCH_SIZE", "2", "TRAIN.ENABLE", "False"]
    weights = tmp_path / "weights.pyth"
    memory += ["TEST.CHECKPOINT_FILE_PATH", str(weights)]
    model = build_model(small_config(data, *memory), torch.device("cpu"))
    torch.save({"model_state": model.state_dict()}, weights)
    scores = []
    for count in (1, 3):
        output = tmp_path / str(count)
        for code, _, err in map(finish, shards(count, *small_overrides(data, output), *memory)):
            assert code == 0, err
        scores.append(pd.read_csv(output / "predictions.csv", header=None))
    assert len(scores[0]) == 4
    pd.testing.assert_frame_equal(*scores, rtol=0, atol=1e-6)


LONG_RUN = (
    "SOLVER.MAX_EPOCH 200 TEST.ENABLE False TRAIN.EVAL_PERIOD 200 TRAIN.CHECKPOINT_PERIOD 1 DIST_TIMEOUT 20"
).split()


def wait_for(path):
    for _ in range(1500):
        if path.exists():
            return
        time.sleep(0.04)
    raise TimeoutError(path)


def test_a_lost_process_ends_the_run_with_a_message_and_it_resumes(synthetic_data, tmp_path):
    overrides = [*small_overrides(synthetic_data, tmp_path), *LONG_RUN]
    kept, lost = shards(2, *overrides)
    wait_for(tmp_path / "checkpoints" / "checkpoint_epoch_00002.pyth")
    lost.kill()
    start = time.monotonic()
    code, _, err = finish(kept)
    assert time.monotonic() - start < 20
    assert code == FAILED and "Error: Another process of the run ended" in err and err.count("\n") == 1
    finish(lost)

    done = len(checkpoints(tmp_path))
    results = [finish(process) for process in shards(2, *overrides, "SOLVER.MAX_EPOCH", str(done + 1))]
    assert [code for code, _, _ in results] == [0, 0], results
    assert f"Resumed from {tmp_path}" in results[0][1]


def test_a_signal_to_one_process_stops_all_after_a_step_and_the_run_resumes(synthetic_data, tmp_path):
    overrides = [*small_overrides(synthetic_data, tmp_path), *LONG_RUN]
    processes = shards(2, *overrides)
    wait_for(tmp_path / "checkpoints" / "checkpoint_epoch_00001.pyth")
    processes[1].send_signal(signal.SIGUSR1)
    results = [finish(process) for process in processes]
    assert [code for code, _, _ in results] == [INTERRUPTED] * 2, results
    assert sum("SIGUSR1 stopped the run" in err for _, _, err in results) == 1
    last = checkpoints(tmp_path)[-1]
    checkpoint = torch.load(tmp_path / "checkpoints" / last, weights_only=True)
    done = checkpoint["iteration"]  # none, if the signal came while an epoch's checkpoint was written
    assert ("_iteration_" in last) == (done > 0) and last.endswith(f"_iteration_{done:06}.pyth" if done else ".pyth")

    end = str(checkpoint["epoch"] + 2)
    results = [finish(process) for process in shards(2, *overrides, "SOLVER.MAX_EPOCH", end)]
    assert [code for code, _, _ in results] == [0, 0], results
    assert f"Resumed from {tmp_path / 'checkpoints' / last}" in results[0][1]
    assert done == 0 or last not in checkpoints(tmp_path)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_without_the_others_says_so_in_time(synthetic_data, tmp_path, rank):
    (alone,) = shards(2, *small_overrides(synthetic_data, tmp_path), "DIST_TIMEOUT", "3", started=[rank])
    code, _, err = finish(alone)
    told = err.splitlines()[-1]
    assert code == BAD_INPUT and told.startswith(
        f"Error: Process {rank} of 2 did not meet the others at tcp://localhost"
    )
    assert "within 3 s" in told


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["never", "HTTP", "hangs up"])
def test_a_process_that_meets_something_else_at_the_address_says_so_in_time(synthetic_data, tmp_path, answer):
    def serve():
        with contextlib.suppress(OSError):  # the server is closed at the end
            while True:
                connections.append(server.accept()[0])
                if answer is not None:
                    connections[-1].sendall(answer)
                    connections[-1].close()

    connections = []
    with socket.create_server(("localhost", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        overrides = [*small_overrides(synthetic_data, tmp_path), "DIST_TIMEOUT", "3"]
        (alone,) = shards(2, *overrides, started=[1], port=server.getsockname()[1])
        code, _, err = finish(alone)
    assert code == BAD_INPUT and "Error: Process 1 of 2 did not meet the others at tcp://localhost" in err
    assert "within 3 s" in err.splitlines()[-1]


TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "GROUP_RANK": "1"}
SRUN = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_JOB_ID": "7",
}


@pytest.mark.parametrize(
    "environ, place",
    [
        ({}, None),
        ({**TORCHRUN, "GROUP_WORLD_SIZE": "2"}, Place(3, 4, 1, 1, 2, "env://")),
        ({**SRUN, "SLURM_STEP_NUM_NODES": "2", "MASTER_ADDR": "a"}, Place(3, 4, 1, 1, 2, "tcp://a:20007")),
        ({**SRUN, "SLURM_STEP_NUM_TASKS": "1"}, None),
    ],
)
def test_a_process_finds_the_place_that_a_launcher_gave_it(environ, place):
    assert launcher_place(environ) == place


def test_a_batch_that_the_processes_cannot_share_is_refused(synthetic_data, small_config):
    place = Place(0, 3, 0, 0, 1, "env://")
    with pytest.raises(InputError, match=r"TRAIN\.BATCH_SIZE is 4, which 3 processes share: give a multiple of 3"):
        check_run(small_config(synthetic_data), place)


def test_a_machine_runs_its_processes(synthetic_data, small_config):
    cfg = small_config(synthetic_data, "SOLVER.MAX_EPOCH", 1)
    meeting = f"tcp://localhost:{free_port()}"
    run_processes([Place(rank, 2, rank, 0, 1, meeting) for rank in (0, 1)], cfg)
    assert (Path(cfg.OUTPUT_DIR) / "test_metrics.json").exists()


@pytest.mark.parametrize(
    "codes, expected",
    [
        ([0, BAD_INPUT, INTERRUPTED], BAD_INPUT),
        ([INTERRUPTED, FAILED], FAILED),
        ([INTERRUPTED, -9], FAILED),
        ([0, INTERRUPTED], INTERRUPTED),
    ],
)
def test_a_machine_exits_as_the_process_that_tells_most(codes, expected):
    with pytest.raises(SystemExit) as exit:
        exit_as(codes)
    assert exit.value.code == expected
