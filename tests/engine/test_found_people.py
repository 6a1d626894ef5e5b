"""Tests on boxes that were found."""

import csv
import json
from pathlib import Path

import pytest

from slowfast_thermal.engine.launch import check_run, launch_run

pytestmark = pytest.mark.usefixtures("quick_tests")


def run(cfg):
    check_run(cfg)
    launch_run(cfg, "tcp://localhost:9999")
    folder = Path(cfg.OUTPUT_DIR)
    return folder, json.loads((folder / "test_metrics.json").read_text())


@pytest.mark.parametrize("weight", [0, 0.5, 1])
def test_both_figures_are_given_with_the_people_who_were_missed_and_invented(
    people_in_room_a, small_config, tmp_path, capsys, weight
):
    data = people_in_room_a.write()
    settings = ("MODEL.NUM_CLASSES", 2, "SOLVER.MAX_EPOCH", 1, "MODEL.TREES_WEIGHT", weight, "THERMAL.BASELINES", True)
    folder, found = run(small_config(data, *settings, "THERMAL.PEOPLE", "blobs"))
    printed = capsys.readouterr().out

    checkpoint = folder / "checkpoints" / ("trees.npz" if weight == 1 else "checkpoint_epoch_00001.pyth")
    only_test = ("TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", checkpoint, "OUTPUT_DIR", tmp_path / "annotated")
    _, annotated = run(small_config(data, *settings, *only_test))

    counts = {"annotated": 4, "missed": 2, "found": 4, "invented": 2}
    assert found["found_people"] == {"mAP_on_annotated_boxes": annotated["mAP"], **counts}
    assert found["mAP"] < annotated["mAP"]
    assert annotated["found_people"] is None
    with open(folder / "predictions.csv") as file:
        assert len({tuple(row[:6]) for row in csv.reader(file)}) == 4
    sentence = "Of 4 annotated people 2 were missed; of 4 found people 2 are nobody annotated."
    assert sentence in printed and sentence in (folder / "report.html").read_text()
