"""Weights of the package are found by name, small, plain data, and say where they come from."""

import json
from pathlib import Path

import pytest
import torch

from slowfast_thermal import pyslowfast, weights
from slowfast_thermal.checkpoint.pretrained import load_trained
from slowfast_thermal.checkpoint.training_state import read_checkpoint
from slowfast_thermal.config import load_config
from slowfast_thermal.engine.test import evaluate, prepare_evaluation
from slowfast_thermal.simulation.labels import CLASSES
from tests.conftest import CONFIGS


def test_other_paths_stay_as_they_are():
    assert weights.resolve("output/checkpoint.pyth") == "output/checkpoint.pyth" and weights.resolve("") == ""


@pytest.mark.parametrize("name", weights.shipped())
def test_weights_of_the_package_are_small_and_described(name):
    path = Path(weights.resolve(name))
    assert path.stat().st_size < 6e6
    assert read_checkpoint(path)["classes"] == list(CLASSES)
    described = json.loads(path.with_suffix(".json").read_text())
    assert {"command", "commit", "seed", "configuration", "figures"} <= described.keys()


def test_a_configuration_names_weights_of_the_package(synthetic_data, caplog):
    assert "SIMULATED" in weights.shipped()
    overrides = ["DATA.PATH_TO_DATA_DIR", str(synthetic_data), "TEST.CHECKPOINT_FILE_PATH", "SIMULATED"]
    cfg = load_config(str(CONFIGS / "SIMULATED.yaml"), [*overrides, "THERMAL.INPUT_SIZE", "[48,48]"])
    assert Path(cfg.TEST.CHECKPOINT_FILE_PATH).is_file()
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    before = model.head.projection.weight.clone()
    load_trained(Path(cfg.TEST.CHECKPOINT_FILE_PATH), "pytorch", model, cfg, list(CLASSES))
    assert not torch.equal(model.head.projection.weight, before)
    assert "To compute what it computed there, add: THERMAL.INPUT_SIZE '[32,32]'" in caplog.text


@pytest.mark.parametrize("session", ["SL14", "SL18"])
def test_weights_reach_on_real_rooms_what_the_file_beside_them_says(real_data, tmp_path, session):
    overrides = {
        "DATA.PATH_TO_DATA_DIR": real_data,
        "TEST.CHECKPOINT_FILE_PATH": "SIMULATED",
        "THERMAL.TEST_ANNOTATIONS": ["annotations/train.json", "annotations/val.json"],
        "THERMAL.TEST_RECORDINGS": [f"{session}_*"],
        "THERMAL.BOOTSTRAP_SAMPLES": 10,
        "TENSORBOARD.ENABLE": False,
        "OUTPUT_DIR": tmp_path,
    }
    cfg = load_config(str(CONFIGS / "SIMULATED.yaml"), [str(part) for pair in overrides.items() for part in pair])
    loader = prepare_evaluation(cfg, "test")
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    load_trained(Path(cfg.TEST.CHECKPOINT_FILE_PATH), "pytorch", model, cfg, loader.dataset.classes)
    evaluation = evaluate(model, loader, cfg, "test")
    lying = "lying down-lying with risk"
    described = json.loads(Path(cfg.TEST.CHECKPOINT_FILE_PATH).with_suffix(".json").read_text())["figures"]
    figures = described[f"{session}, no label of it"]
    assert evaluation.mean_ap == pytest.approx(figures["mAP"], abs=0.005)
    assert evaluation.class_ap[lying] == pytest.approx(figures["AP of lying with risk"], abs=0.005)
    chance = evaluation.num_boxes[lying] / sum(evaluation.num_boxes.values())
    assert evaluation.class_ap[lying] > chance + 0.15
