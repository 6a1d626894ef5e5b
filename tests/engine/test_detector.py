"""A detector of people from its training to the people of an action network's test."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.memory_recording import MemoryRecording
from slowfast_thermal.engine import finding
from slowfast_thermal.engine.launch import check_run, launch_run
from slowfast_thermal.engine.learning_curve import learning_curve
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.errors import InputError
from slowfast_thermal.models.person_detector import PersonDetector
from tests.conftest import CONFIGS

SIMULATED = str(CONFIGS / "SIMULATED.yaml")


@pytest.fixture
def rooms(people_in_room_a):
    """Room A, where both people are annotated, and empty room B."""
    document = people_in_room_a.document
    document["annotations"] = [a for a in document["annotations"] if a["image_id"].startswith("A")]
    for annotation, image in zip(list(document["annotations"]), document["images"]):
        centre = (54 - image["frame_idx"] // 2) / 60
        document["annotations"].append({**annotation, "bbox": [centre, 30 / 40, 8 / 60, 12 / 40]})
    return people_in_room_a.write()


def config(data: Path, folder: Path, *overrides: object):
    fixed = {
        "DATA.PATH_TO_DATA_DIR": data,
        "OUTPUT_DIR": folder,
        "THERMAL.ACCEPT_PROBLEMS": "['overlap']",
        "THERMAL.BOOTSTRAP_SAMPLES": 5,
        "THERMAL.DETECTOR.HEIGHT": 40,
        "THERMAL.DETECTOR.WIDTHS": "[8, 8, 16, 16, 16]",
        "THERMAL.DETECTOR.DIM": 32,
        "TRAIN.DATASET": "thermal",
        "TRAIN.BATCH_SIZE": 4,
        "SOLVER.EPOCH_ITERS": 40,
        "SOLVER.MAX_EPOCH": 2,
        "SOLVER.BASE_LR": 0.01,
        "TRAIN.CHECKPOINT_PERIOD": 1,
        "TENSORBOARD.ENABLE": False,
    }
    given = [str(part) for pair in fixed.items() for part in pair]
    return load_config(str(CONFIGS / "PERSON_DETECTOR.yaml"), given + [str(part) for part in overrides])


def run(cfg) -> dict:
    check_run(cfg)
    launch_run(cfg, "tcp://localhost:9999")
    return json.loads((Path(cfg.OUTPUT_DIR) / "test_metrics.json").read_text())


def trained(rooms: Path, tmp_path: Path) -> Path:
    run(config(rooms, tmp_path / "detector"))
    return tmp_path / "detector" / "checkpoints" / "checkpoint_epoch_00002.pyth"


def test_a_detector_learns_who_is_there_and_takes_the_place_of_blobs(rooms, tmp_path, small_config):
    checkpoint = trained(rooms, tmp_path)
    folder = tmp_path / "detector"
    found = json.loads((folder / "test_metrics.json").read_text())
    assert found["finding"].keys() == {"detector", "blobs"}
    detector = found["finding"]["detector"]
    assert detector["ap50"] == found["mAP"] > 0.8 and detector["ap30"] >= detector["ap50"]
    assert found["num_boxes"] == {"person": 4}
    assert "AP at IoU 0.3" in (folder / "report.html").read_text()

    settings = ("MODEL.NUM_CLASSES", 2, "SOLVER.MAX_EPOCH", 1, "TRAIN.BATCH_SIZE", 2, "THERMAL.PEOPLE", "detector")
    actions = small_config(rooms, *settings, "THERMAL.PEOPLE_CHECKPOINT", checkpoint)
    people = run(actions)["found_people"]
    assert people["annotated"] == 4 and people["missed"] <= 1

    with pytest.raises(InputError, match="is a detector of people and knows no actions"):
        Predictor.from_checkpoint(SIMULATED, str(checkpoint))
    assert Predictor.from_checkpoint(SIMULATED, "SIMULATED", detector=str(checkpoint)).cfg.THERMAL.PEOPLE == "detector"


def test_a_detector_has_a_learning_curve_beside_blobs(rooms, tmp_path):
    cfg = config(rooms, tmp_path / "curve", "SOLVER.EPOCH_ITERS", 2, "SOLVER.MAX_EPOCH", 1)
    table = learning_curve(cfg, [4], 1)
    assert table["what"].tolist() == ["this configuration", "blobs"] and table["mAP"].between(0, 1).all()


def test_frames_of_another_size_than_the_trainings_are_warned_of_once(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(finding.logger, "warning", lambda text, *values: warnings.append(text % values))
    network = PersonDetector(32, [4, 4, 4, 4, 4], 32).eval()
    network.frame_size.copy_(torch.tensor([40, 60]))
    settings = (-40.0, 300.0), 20.0
    for height, width in ((40, 60), (47, 63), (47, 63)):
        frames = np.random.default_rng(0).normal(20, 0.1, (3, height, width)).astype(np.float32)
        finding.follow_detected(MemoryRecording(frames, 100 * np.arange(3), *settings), network)
    assert len(warnings) == 1 and "47x63 pixels, but the detector was trained on 40x60" in warnings[0]


def test_a_stopped_training_goes_on(rooms, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    short = ("SOLVER.EPOCH_ITERS", 2, "TRAIN.EVAL_PERIOD", 2)
    run(config(rooms, whole, *short))
    launch_run(config(rooms, parts, *short), "tcp://localhost:9999")
    (parts / "checkpoints" / "checkpoint_epoch_00002.pyth").unlink()
    launch_run(config(rooms, parts, *short), "tcp://localhost:9999")
    first, second = (
        torch.load(folder / "checkpoints" / "checkpoint_epoch_00002.pyth")["model_state"] for folder in (whole, parts)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["frame_size"].tolist() == [40, 60]


def test_simulated_people_join_the_real_ones(rooms, tmp_path):
    simulated = ("TRAIN.DATASET", "thermal_simulated", "SOLVER.EPOCH_ITERS", 1, "SOLVER.MAX_EPOCH", 1)
    warm_up = ("SOLVER.WARMUP_EPOCHS", 0.0)
    assert run(config(rooms, tmp_path / "mixed", *simulated, *warm_up))["num_boxes"] == {"person": 4}


def test_something_else_is_no_detector(tmp_path):
    with pytest.raises(InputError, match="does not exist: give the .pyth file of a training with PERSON_DETECTOR"):
        Predictor.from_checkpoint(SIMULATED, "SIMULATED", detector=str(tmp_path / "none.pyth"))
    weights = Path(Predictor.from_checkpoint(SIMULATED, "SIMULATED").cfg.TEST.CHECKPOINT_FILE_PATH)
    with pytest.raises(InputError, match="is no detector of people"):
        Predictor.from_checkpoint(SIMULATED, "SIMULATED", detector=str(weights))


def test_a_detector_is_tested_on_annotated_people_alone(tmp_path):
    with pytest.raises(InputError, match=r"THERMAL\.PEOPLE is 'blobs': a detector is tested on annotated people"):
        config(tmp_path, tmp_path, "THERMAL.PEOPLE", "blobs")
