"""Runs whose validation keyframes have no annotated person, or that have none at all."""

import json
from pathlib import Path

import pytest

from slowfast_thermal.engine.launch import check_run
from slowfast_thermal.engine.test import test as run_test
from slowfast_thermal.engine.train import train
from slowfast_thermal.errors import InputError

SMALL = ("MODEL.NUM_CLASSES", 2, "TRAIN.BATCH_SIZE", 2, "SOLVER.MAX_EPOCH", 1, "TEST.BATCH_SIZE", 4)


def without_people(handmade_data):
    folder = handmade_data.write()
    document = {**handmade_data.document, "annotations": []}
    (folder / "annotations" / "val.json").write_text(json.dumps(document))
    return folder


def test_detected_people_are_predicted_where_no_one_is_annotated(handmade_data, small_config, tmp_path, capsys):
    data = without_people(handmade_data)
    lines = [f"{name},{1000 + 150 * i},0.1,0.1,0.6,0.8,,0.9\n" for name in ("A", "B") for i in (40, 50)]
    (tmp_path / "people.csv").write_text("".join(lines))
    cfg = small_config(data, *SMALL, "THERMAL.TEST_DETECTIONS", tmp_path / "people.csv")
    check_run(cfg)
    train(cfg)
    run_test(cfg)
    output = Path(cfg.OUTPUT_DIR)
    metrics = json.loads((output / "test_metrics.json").read_text())
    assert (metrics["mAP"], metrics["mAP_interval_95"], metrics["num_keyframes"]) == (None, [None, None], 4)
    assert len((output / "predictions.csv").read_text().splitlines()) == 8
    assert "so there is no mAP" in (output / "report.html").read_text()
    assert len(list((output / "report").glob("mistake_*.png"))) == 4
    printed = capsys.readouterr().out
    assert "There is no mAP, since no person" in printed
    table = printed.partition("highest class")[2].splitlines()
    assert sum(int(line.split()[-1]) for line in table[2:4]) == 4
    log = (output / "json_stats.log").read_text().splitlines()
    stats = [json.loads(line.partition("json_stats: ")[2]) for line in log]
    assert {entry["_type"]: entry["map"] for entry in stats if "map" in entry} == {
        "val_epoch": None,
        "test_epoch": None,
    }
    assert "epoch 1: there is no mAP, since no person" in (output / "stdout.log").read_text()
    assert not (output / "checkpoints" / "model_best.pyth").exists()


@pytest.mark.parametrize("val", ["without people", "without images", "missing"])
def test_training_needs_no_validation_set(handmade_data, small_config, val):
    data = without_people(handmade_data)
    path = data / "annotations" / "val.json"
    if val == "without images":
        path.write_text(json.dumps({**handmade_data.document, "annotations": [], "images": []}))
    elif val == "missing":
        path.unlink()
    cfg = small_config(data, *SMALL, "TEST.ENABLE", False)
    check_run(cfg)
    train(cfg)
    names = [path.name for path in (Path(cfg.OUTPUT_DIR) / "checkpoints").iterdir()]
    assert "checkpoint_epoch_00001.pyth" in names and "model_best.pyth" not in names


def test_a_run_may_have_no_recordings_at_all(handmade_data, small_config):
    handmade_data.document |= {"images": [], "annotations": []}
    pairs = [["standing", "standing"], ["lying down-lying with risk", "lying"]]
    simulated = "TRAIN.DATASET", "thermal_simulated", "THERMAL.SIMULATION.CLASS_MAP", pairs, "SOLVER.EPOCH_ITERS", 1
    check_run(small_config(handmade_data.write(), *SMALL, *simulated, "TEST.ENABLE", False))


def test_a_test_needs_one(handmade_data, small_config):
    data = without_people(handmade_data)
    with pytest.raises(
        InputError,
        match=r"val\.json: no keyframe .* has a person's box, so there is nothing to test on: .*TEST_DETECTIONS, or set TEST\.ENABLE False",
    ):
        check_run(small_config(data, *SMALL))
    (data / "annotations" / "val.json").unlink()
    with pytest.raises(InputError, match=r"val\.json' does not exist"):
        check_run(small_config(data, *SMALL))


@pytest.mark.parametrize("key", ["OUTPUT_DIR", "TENSORBOARD.LOG_DIR"])
def test_a_folder_that_cannot_be_written_is_named_by_its_key(handmade_data, small_config, key):
    cfg = small_config(handmade_data.write(), *SMALL, "TENSORBOARD.ENABLE", True, key, "/dev/null/x")
    with pytest.raises(InputError, match=rf"{key} '/dev/null/x' cannot be written .*set another folder"):
        check_run(cfg)
