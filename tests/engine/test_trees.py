import csv
import json
from pathlib import Path

import numpy as np
import pytest

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.engine.launch import check_run, launch_run
from slowfast_thermal.engine.trees import beside, load_trees, run_trees
from slowfast_thermal.errors import InputError
from slowfast_thermal.trees.people import fit_trees, read_people

pytestmark = pytest.mark.usefixtures("quick_tests")


def run(cfg):
    check_run(cfg)
    launch_run(cfg, "tcp://localhost:9999")
    return Path(cfg.OUTPUT_DIR)


def predicted(folder, name="predictions"):
    return np.array([float(row[7]) for row in csv.reader((folder / f"{name}.csv").open())])


def test_trees_alone_need_no_network_and_later_no_training_data(synthetic_data, small_config, tmp_path):
    cfg = small_config(synthetic_data, "MODEL.TREES_WEIGHT", 1, "THERMAL.BASELINES", True)
    folder = run(cfg)
    train, test = Thermal(cfg, "train"), Thermal(cfg, "test")
    expected = fit_trees(read_people(train), train.classes, 0).predict(read_people(test).features)
    np.testing.assert_array_equal(np.float32(predicted(folder)), expected.ravel())
    metrics = json.loads((folder / "test_metrics.json").read_text())
    assert list(metrics["baselines"]) == ["box_trees"]
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["trees.npz"]

    elsewhere = ["TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", run_trees(cfg.OUTPUT_DIR)]
    gone = ["THERMAL.TRAIN_ANNOTATIONS", "['gone.json']", "OUTPUT_DIR", tmp_path / "elsewhere"]
    again = run(small_config(synthetic_data, "MODEL.TREES_WEIGHT", 1, *elsewhere, *gone))
    np.testing.assert_array_equal(predicted(again), predicted(folder))


def test_trees_that_learned_from_the_test_are_told(synthetic_data, small_config, tmp_path):
    def remarks(*overrides):
        trees = "MODEL.TREES_WEIGHT", 1, "THERMAL.BASELINES", True, "OUTPUT_DIR"
        folder = run(small_config(synthetic_data, *trees, *overrides))
        metrics = json.loads((folder / "test_metrics.json").read_text())
        return metrics["remarks"], list(metrics["baselines"])

    train, val = "['annotations/train.json']", "['annotations/val.json']"
    swapped = "THERMAL.TRAIN_ANNOTATIONS", val, "THERMAL.TEST_ANNOTATIONS", train
    known, baselines = remarks(tmp_path / "swapped", *swapped)
    assert baselines == ["box_trees"] and not any("trained on" in remark for remark in known)
    of_the_test = "TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", run_trees(tmp_path / "swapped")
    known, baselines = remarks(tmp_path / "test", *of_the_test)
    assert "trees.npz was trained on keyframes of this test" in known[0]
    assert baselines == ["box_trees", "feature_trees"]
    assert remarks(tmp_path / "again", *of_the_test, *swapped)[1] == ["box_trees"]


def test_trees_that_know_the_place_are_the_mean_of_both_baselines(synthetic_data, small_config):
    place = ("THERMAL.BOX_FEATURES", "size_and_place", "MODEL.TREES_WEIGHT", 1, "THERMAL.BASELINES", True)
    folder = run(small_config(synthetic_data, *place))
    expected = (predicted(folder, "box_trees") + predicted(folder, "feature_trees")) / 2
    np.testing.assert_allclose(predicted(folder), expected, atol=1e-6)


def test_network_and_trees_are_averaged_by_their_weight(synthetic_data, small_config, tmp_path):
    quick = ("SOLVER.MAX_EPOCH", 1, "MODEL.TREES_WEIGHT")
    both = run(small_config(synthetic_data, *quick, 0.25))
    checkpoint = both / "checkpoints" / "checkpoint_epoch_00001.pyth"
    tests = {}
    for name, weight, path in (("network", 0, checkpoint), ("trees", 1, beside(checkpoint))):
        only_test = ("TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", path, "OUTPUT_DIR", tmp_path / name)
        tests[name] = run(small_config(synthetic_data, *quick, weight, *only_test))
    expected = 0.75 * predicted(tests["network"]) + 0.25 * predicted(tests["trees"])
    np.testing.assert_allclose(predicted(both), expected, atol=1e-6)


@pytest.mark.parametrize("change, message", [("classes", "other classes"), ("features", "other features")])
def test_trees_that_do_not_fit_are_refused(synthetic_data, small_config, tmp_path, change, message):
    dataset = Thermal(small_config(synthetic_data), "test")
    forest = fit_trees(read_people(dataset), dataset.classes, 0)
    vars(forest)[change] = type(vars(forest)[change])(reversed(vars(forest)[change]))
    forest.save(tmp_path / "trees.npz")
    with pytest.raises(InputError, match=message):
        load_trees(tmp_path / "trees.npz", dataset.classes)
