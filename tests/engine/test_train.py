import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from slowfast_thermal.engine.launch import check_run, launch_run
from slowfast_thermal.engine.test import test as run_test
from slowfast_thermal.engine.train import train
from slowfast_thermal.errors import InputError, Interrupted
from slowfast_thermal.models import losses
from slowfast_thermal.pyslowfast import build_model, last_checkpoint
from tests.conftest import CONFIGS, small_overrides
from tests.programs import Program


def run_net(*arguments):
    """Starts tools/run_net.py with SLOWFAST_SMALL.yaml; give the rest of its arguments."""
    return Program("tools/run_net.py", "--cfg", CONFIGS / "SLOWFAST_SMALL.yaml", *arguments, ignore_warnings=True)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def checkpoints(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


@pytest.fixture(scope="module")
def finished_run(synthetic_data, tmp_path_factory):
    """A training of two epochs with a test after it, and what it printed."""
    output = tmp_path_factory.mktemp("run")
    code, out, err = finish(run_net("--opts", *small_overrides(synthetic_data, output)))
    assert code == 0, err
    return output, out


def test_a_run_leaves_checkpoints_metrics_predictions_and_logs(finished_run):
    output, out = finished_run
    assert checkpoints(output) == ["checkpoint_epoch_00001.pyth", "checkpoint_epoch_00002.pyth", "model_best.pyth"]
    metrics = json.loads((output / "test_metrics.json").read_text())
    assert 0 <= metrics["mAP"] <= 1 and len(metrics["per_class_ap"]) == 8
    assert f"mAP {metrics['mAP']:.3f}" in out and all(name in out for name in metrics["per_class_ap"])
    assert (output / "predictions.csv").read_text().count("\n") == 8 * sum(metrics["num_boxes"].values())
    assert f"Wrote {output / 'report.html'}" in out and (output / "report" / "training.png").is_file()
    types = [json.loads(line.split("json_stats: ")[1])["_type"] for line in (output / "json_stats.log").open()]
    assert {"val_epoch", "test_epoch"} <= set(types)
    assert "json_stats" not in out and "s an iteration, ETA" in out and "test: batch 2/2, ETA 0:00:00" in out


def test_tensorboard_shows_loss_rate_map_class_ap_confusions_and_pictures(finished_run):
    board = EventAccumulator(str(finished_run[0] / "tensorboard")).Reload()
    scalars, images = board.Tags()["scalars"], board.Tags()["images"]
    assert {"Train/loss", "Train/lr", "Val/mAP"} <= set(scalars)
    assert any(name.startswith("Val/AP/") for name in scalars)
    assert len(images) == 5 and "Val/confusion" in images


def test_training_starts_from_pretrained_weights_and_its_checkpoint_names_the_classes(
    synthetic_data, small_config, tmp_path
):
    others = small_config(synthetic_data, "MODEL.NUM_CLASSES", 80)
    source = build_model(others, torch.device("cpu")).state_dict()
    torch.save({f"module.{name}": tensor for name, tensor in source.items()}, tmp_path / "plain.pth")
    settings = ("TRAIN.CHECKPOINT_FILE_PATH", tmp_path / "plain.pth", "SOLVER.MAX_EPOCH", 1, "SOLVER.BASE_LR", 0.0)
    cfg = small_config(synthetic_data, *settings, "SOLVER.WARMUP_EPOCHS", 0)
    train(cfg)
    checkpoint = torch.load(last_checkpoint(cfg.OUTPUT_DIR), weights_only=True)
    name = "s5.pathway0_res0.branch2.b.weight"
    assert torch.equal(checkpoint["model_state"][name], source[name])
    classes = json.loads((synthetic_data / "annotations" / "train.json").read_text())["categories"]
    assert checkpoint["classes"] == [category["name"] for category in classes]


def test_nothing_is_left_in_the_working_directory(synthetic_data, tmp_path, monkeypatch, small_config):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    cfg = small_config(synthetic_data, "SOLVER.MAX_EPOCH", 1)
    train(cfg)
    run_test(cfg)
    assert os.listdir() == []


@pytest.mark.parametrize("epoch_iters", [0, 7])
def test_a_killed_run_ends_with_the_same_weights_as_one_that_was_not(synthetic_data, tmp_path, epoch_iters):
    def overrides(name):
        changes = ["SOLVER.MAX_EPOCH", "5", "SOLVER.EPOCH_ITERS", str(epoch_iters), "TEST.ENABLE", "False"]
        return small_overrides(synthetic_data, tmp_path / name) + changes + ["MODEL.DROPOUT_RATE", "0.5"]

    code, _, err = finish(run_net(*overrides("whole")))
    assert code == 0, err

    process = run_net(*overrides("killed"))
    wanted = tmp_path / "killed" / "checkpoints" / "checkpoint_epoch_00002.pyth"
    for _ in range(3000):
        if wanted.exists():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert not (tmp_path / "killed" / "checkpoints" / "checkpoint_epoch_00005.pyth").exists()
    code, out, err = finish(run_net(*overrides("killed")))
    assert code == 0, err
    assert "Resumed from" in out

    whole, killed = (
        torch.load(tmp_path / name / "checkpoints" / "checkpoint_epoch_00005.pyth", weights_only=True)
        for name in ("whole", "killed")
    )
    for key in ("model_state", "optimizer_state", "best_map", "epoch", "iteration"):
        torch.testing.assert_close(killed[key], whole[key], rtol=0, atol=0)


def test_a_finished_run_started_again_only_tests(finished_run, synthetic_data):
    output, _ = finished_run
    before = (output / "test_metrics.json").read_text()
    code, out, err = finish(run_net(*small_overrides(synthetic_data, output)))
    assert code == 0, err
    assert "iteration" not in out and (output / "test_metrics.json").read_text() == before


def test_a_loss_that_is_no_number_names_clips_step_and_remedy_and_keeps_the_checkpoint(
    synthetic_data, small_config, monkeypatch
):
    cfg = small_config(synthetic_data, "TEST.ENABLE", False)
    train(small_config(synthetic_data, "SOLVER.MAX_EPOCH", 1))
    folder = Path(cfg.OUTPUT_DIR)
    kept = (folder / "checkpoints" / "checkpoint_epoch_00001.pyth").read_bytes()
    calls = []

    def explode(self, logits, labels):
        calls.append(1)
        return logits.sum() * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr(losses.SoftmaxLoss, "forward", explode)
    with pytest.raises(
        InputError, match=r"The loss is nan in epoch 2, iteration 2, on the clips \S+, .*lower SOLVER\.BASE_LR"
    ):
        train(cfg)
    assert (folder / "checkpoints" / "checkpoint_epoch_00001.pyth").read_bytes() == kept
    assert "checkpoint_epoch_00002.pyth" not in checkpoints(folder)


def test_frozen_batch_norm_keeps_its_statistics(synthetic_data, small_config):
    cfg = small_config(synthetic_data, "MODEL.FROZEN_BN", True, "SOLVER.MAX_EPOCH", 1)
    train(cfg)
    path = Path(cfg.OUTPUT_DIR) / "checkpoints" / "checkpoint_epoch_00001.pyth"
    weights = torch.load(path, weights_only=True)["model_state"]
    means = [value for name, value in weights.items() if name.endswith("running_mean")]
    assert means and all((mean == 0).all() for mean in means)


@pytest.mark.parametrize("key", ["SOLVER.CLIP_GRAD_L2NORM", "SOLVER.CLIP_GRAD_VAL"])
def test_clipped_gradients_move_the_weights_no_further(synthetic_data, small_config, key):
    cfg = small_config(
        synthetic_data, key, 1e-9, "SOLVER.MAX_EPOCH", 1, "SOLVER.WEIGHT_DECAY", 0.0, "TENSORBOARD.ENABLE", False
    )
    torch.manual_seed(cfg.RNG_SEED)
    before = build_model(cfg, torch.device("cpu")).head.projection.weight
    train(cfg)
    path = Path(cfg.OUTPUT_DIR) / "checkpoints" / "checkpoint_epoch_00001.pyth"
    after = torch.load(path, weights_only=True)["model_state"]["head.projection.weight"]
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)


def test_more_gpus_than_there_are_is_one_sentence_on_the_console(synthetic_data, tmp_path):
    wanted = str(torch.cuda.device_count() + 1)
    code, out, err = finish(run_net(*small_overrides(synthetic_data, tmp_path / "out"), "NUM_GPUS", wanted))
    assert code == 2 and err.startswith(f"Error: NUM_GPUS is {wanted}: this machine has") and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_key_is_one_sentence_on_the_console(synthetic_data, tmp_path):
    code, out, err = finish(run_net(*small_overrides(synthetic_data, tmp_path / "out"), "SOLVER.BASELR", "1"))
    assert code == 2 and "did you mean 'SOLVER.BASE_LR'?" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "overrides, message",
    [
        (
            ["TRAIN.BATCH_SIZE", 500],
            r"TRAIN\.BATCH_SIZE is 500, but there are \d+ training keyframes: set it to \d+ or less",
        ),
        (["TRAIN.CHECKPOINT_FILE_PATH", "gone.pyth"], r"Checkpoint 'gone\.pyth' does not exist"),
        (
            ["TEST.CHECKPOINT_FILE_PATH", "/proc"],
            "/proc holds no settings.json: give a folder that tools/export.py wrote",
        ),
        (["OUTPUT_DIR", "/proc/nowhere"], r"OUTPUT_DIR '/proc/nowhere' cannot be written"),
    ],
)
def test_what_would_stop_the_run_is_found_before_it_starts(synthetic_data, small_config, overrides, message):
    cfg = small_config(synthetic_data, *overrides)
    with pytest.raises(InputError, match=message):
        check_run(cfg)
    assert not Path(cfg.OUTPUT_DIR).exists()


def test_a_test_without_a_checkpoint_is_refused(synthetic_data, small_config):
    cfg = small_config(synthetic_data, "TRAIN.ENABLE", False)
    check_run(cfg)
    with pytest.raises(InputError, match=r"There is no checkpoint to test in '.*output': train first"):
        launch_run(cfg, "")


@pytest.mark.parametrize("step", [2, 4])
def test_a_run_stopped_by_a_signal_ends_as_one_that_was_not(synthetic_data, small_config, monkeypatch, tmp_path, step):
    """An epoch has four steps: the signal comes in its middle, or in its last one."""

    def run(name):
        cfg = small_config(synthetic_data, "MODEL.DROPOUT_RATE", 0.5, "OUTPUT_DIR", tmp_path / name)
        train(cfg)
        return torch.load(last_checkpoint(cfg.OUTPUT_DIR), weights_only=True)

    whole = run("whole")
    forward, calls = losses.SoftmaxLoss.forward, []

    def kill(self, logits, labels):
        calls.append(1)
        if len(calls) == step:
            signal.raise_signal(signal.SIGUSR1)
        return forward(self, logits, labels)

    monkeypatch.setattr(losses.SoftmaxLoss, "forward", kill)
    with pytest.raises(
        Interrupted, match=rf"SIGUSR1 stopped the run in epoch 1 after iteration {step}: the same command"
    ):
        run("stopped")
    assert checkpoints(tmp_path / "stopped") == [f"checkpoint_epoch_00000_iteration_00000{step}.pyth"]
    stopped = run("stopped")
    for key in ("model_state", "optimizer_state", "best_map", "epoch", "iteration"):
        torch.testing.assert_close(stopped[key], whole[key], rtol=0, atol=0)
    assert checkpoints(tmp_path / "stopped") == checkpoints(tmp_path / "whole")
