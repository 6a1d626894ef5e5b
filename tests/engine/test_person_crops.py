"""Training and testing on a window around each person."""

import json
from pathlib import Path

import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.engine import train as engine_train
from slowfast_thermal.engine.test import test as run_test
from tests.conftest import CONFIGS

SETTINGS = (
    "MODEL.NUM_CLASSES 8 THERMAL.INPUT_SIZE [32,32] TRAIN.BATCH_SIZE 4 TEST.BATCH_SIZE 4 SOLVER.MAX_EPOCH 3 "
    "TRAIN.EVAL_PERIOD 1 TRAIN.CHECKPOINT_PERIOD 1"
).split()


def load(data, output, *overrides):
    fixed = ["DATA.PATH_TO_DATA_DIR", str(data), "OUTPUT_DIR", str(output), *SETTINGS, *map(str, overrides)]
    return load_config(str(CONFIGS / "PEOPLE_SMALL.yaml"), fixed)


def test_a_stopped_run_ends_with_the_same_weights_as_one_that_was_not_and_is_tested(
    synthetic_data, tmp_path, monkeypatch
):
    engine_train.train(load(synthetic_data, tmp_path / "whole"))
    save = engine_train._save

    def save_and_stop(state, path, cfg):
        save(state, path, cfg)
        if path.name == "checkpoint_epoch_00001.pyth":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(engine_train, "_save", save_and_stop)
        engine_train.train(load(synthetic_data, tmp_path / "stopped"))
    torch.manual_seed(99)
    cfg = load(synthetic_data, tmp_path / "stopped")
    engine_train.train(cfg)
    whole, stopped = (
        torch.load(tmp_path / name / "checkpoints" / "checkpoint_epoch_00003.pyth", weights_only=True)["model_state"]
        for name in ("whole", "stopped")
    )
    torch.testing.assert_close(stopped, whole, rtol=0, atol=0)

    run_test(cfg)
    metrics = json.loads((Path(cfg.OUTPUT_DIR) / "test_metrics.json").read_text())
    assert 0 < metrics["mAP"] <= 1


def test_interactions_train_and_are_tested_on_crops(synthetic_data, tmp_path):
    interactions = (
        "IA.ENABLE True IA.BLOCKS ['P','M'] IA.DIM_INNER 8 IA.FUSION concat IA.MEMORY_WINDOW [5,5] SOLVER.MAX_EPOCH 1"
    )
    cfg = load(synthetic_data, tmp_path, *interactions.split())
    engine_train.train(cfg)
    run_test(cfg)
    assert (tmp_path / "predictions.csv").is_file()
