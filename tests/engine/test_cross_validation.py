"""Cross-validation with trees in place of a network, which makes each run a matter of a second."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from slowfast_thermal.engine import runs
from slowfast_thermal.engine.cross_validation import cross_validate
from slowfast_thermal.errors import InputError, Interrupted
from slowfast_thermal.evaluation.runs import compare, read_run
from slowfast_thermal.preparation.folds import read_folds, split_folds
from tests import programs
from tests.conftest import CONFIGS

pytestmark = pytest.mark.usefixtures("quick_tests")


@pytest.fixture(scope="session")
def folds(synthetic_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds") / "folds"
    paths = [synthetic_data / "annotations" / f"{part}.json" for part in ("train", "val")]
    split_folds(paths, folder, split="recording", num_folds=2)
    return read_folds(folder)


@pytest.fixture
def trees_config(small_config, synthetic_data):
    return lambda *overrides: small_config(
        synthetic_data, "MODEL.TREES_WEIGHT", 1, "THERMAL.BASELINES", True, *overrides
    )


def test_all_folds_are_tested_once_and_scored_together(trees_config, folds):
    cfg = trees_config()
    table = cross_validate(cfg, folds, 2)
    folder = Path(cfg.OUTPUT_DIR)
    keyframes = {
        image["id"] for fold in folds.values() for image in json.loads((fold / "val.json").read_text())["images"]
    }
    together = read_run(folder / "seed_1")
    assert len(together.groundtruth[0]) == len(keyframes)
    metrics = json.loads((folder / "seed_1" / "test_metrics.json").read_text())
    assert metrics["mAP"] == pytest.approx(together.evaluate().mean_ap)
    assert metrics["num_keyframes"] == len(keyframes) and metrics["baselines"]["box_trees"]["mAP"]
    seeds = [read_run(folder / f"seed_{seed}").evaluate().mean_ap for seed in (0, 1)]
    row = table[(table["fold"] == "all together") & (table["what"] == "this configuration")].iloc[0]
    assert row["mAP"] == f"{np.mean(seeds):.3f} ± {np.std(seeds, ddof=1):.3f}"
    assert list(table["fold"].unique()) == [*folds, "all together"] and len(table) == 6
    assert table.iloc[-1]["this configuration is above by"].count("(") == 1
    assert (folder / "table.md").read_text().count("\n") == 8
    logs = list(folder.glob("seed_*/*/json_stats.log"))
    assert len(logs) == 4 and all(log.read_text().count('"test_epoch"') == 1 for log in logs)


@pytest.mark.parametrize("change", ["shared", "order", "nobody"])
def test_folds_that_do_not_go_together_are_refused_before_any_training(trees_config, folds, tmp_path, change):
    first, second = (json.loads((folder / "val.json").read_text()) for folder in folds.values())
    if change == "shared":
        second["images"].append(first["images"][0])
    elif change == "nobody":
        second["annotations"] = []
    else:
        second["categories"][0]["name"], second["categories"][1]["name"] = (
            second["categories"][i]["name"] for i in (1, 0)
        )
    spoiled = dict(folds)
    spoiled[list(folds)[1]] = tmp_path / "spoiled"
    (tmp_path / "spoiled").mkdir()
    (tmp_path / "spoiled" / "val.json").write_text(json.dumps(second))
    (tmp_path / "spoiled" / "train.json").write_text((folds[list(folds)[1]] / "train.json").read_text())
    cfg = trees_config()
    with pytest.raises(
        InputError, match="both hold image|lists other categories than the other folds|val.json shows nobody"
    ):
        cross_validate(cfg, spoiled, 1)
    assert not Path(cfg.OUTPUT_DIR).exists()


def test_an_unfinished_run_is_not_compared(trees_config, folds):
    cfg = trees_config()
    cross_validate(cfg, dict(list(folds.items())[:1]), 1)
    folder = Path(cfg.OUTPUT_DIR) / "seed_0" / list(folds)[0]
    assert read_run(folder).classes
    (folder / "test_metrics.json").unlink()
    with pytest.raises(InputError, match="holds a test that is not finished"):
        read_run(folder)


def test_what_is_finished_is_not_run_again_and_the_rest_goes_on(trees_config, folds, monkeypatch):
    cfg, started, launch = trees_config(), [], runs.launch_run

    def interrupted_once(run_cfg, init_method):
        started.append(Path(run_cfg.OUTPUT_DIR).name)
        if len(started) == 2:
            raise Interrupted("SIGTERM stopped the run.")
        launch(run_cfg, init_method)

    monkeypatch.setattr(runs, "launch_run", interrupted_once)
    with pytest.raises(Interrupted):
        cross_validate(cfg, folds, 1)
    cross_validate(cfg, folds, 1)
    assert started == [*folds, list(folds)[1]]


def test_a_folder_of_another_configuration_is_refused(trees_config, folds):
    one = dict(list(folds.items())[:1])
    cross_validate(trees_config(), one, 1)
    with pytest.raises(InputError, match="holds a run of another configuration"):
        cross_validate(trees_config("THERMAL.FILL_TEMPERATURE", 21), one, 1)


def test_a_run_is_compared_with_another_on_the_same_keyframes_alone(trees_config, folds):
    cfg = trees_config()
    cross_validate(cfg, folds, 1)
    folder = Path(cfg.OUTPUT_DIR) / "seed_0"
    own, boxes = (folder, "predictions"), (folder, "box_trees")
    found = compare(own, boxes, 20, r"(.+)_R.*")
    together = read_run(folder)
    expected = together.evaluate().mean_ap - together.evaluate("box_trees").mean_ap
    assert found["mAP"][0] == pytest.approx(expected) and found["mAP"][1] <= found["mAP"][2]
    with pytest.raises(InputError, match="were tested on different annotations .the keyframe .*, for one"):
        compare(own, (folder / list(folds)[0], "predictions"), 20, r"(.+)_R.*")
    with pytest.raises(InputError, match="holds no feature_trees.csv"):
        compare(own, (folder, "feature_trees"), 20, r"(.+)_R.*")
    with pytest.raises(InputError, match="holds no tested run"):
        compare(own, (folder / "gone", "predictions"), 20, r"(.+)_R.*")
    lines = (folder / list(folds)[0] / "predictions.csv").read_text().splitlines()
    moved = [line.replace(line.split(",")[2], "0.000001", 1) for line in lines[:8]] + lines[8:]
    other = folder.with_name("moved")
    subprocess.run(["cp", "-r", folder, other], check=True)
    (other / list(folds)[0] / "predictions.csv").write_text("\n".join(moved))
    with pytest.raises(InputError, match="were tested on different boxes"):
        compare(own, (other, "predictions"), 20, r"(.+)_R.*")


@pytest.mark.slow
def test_the_commands_cross_validate_and_compare(synthetic_data, folds, tmp_path):
    cfg = CONFIGS / "TREES.yaml"
    output = tmp_path / "output"
    command = ["tools/cross_validate.py", "--cfg", cfg, "--folds", next(iter(folds.values())).parent]
    settings = ["DATA.PATH_TO_DATA_DIR", synthetic_data, "MODEL.NUM_CLASSES", "8", "OUTPUT_DIR", output]
    done = programs.run(*command, *settings)
    assert done.returncode == 0 and done.stdout.endswith(f"Wrote {output / 'table.md'}\n"), done.stderr
    command = ["tools/compare.py", output / "seed_0", output / "seed_0", "--second", "box_trees"]
    done = programs.run(*command)
    assert done.returncode == 0 and "top1" in done.stdout, done.stderr
    assert done.stdout.splitlines()[:2] == [
        f"A: predictions of {output / 'seed_0'}",
        f"B: trees on the box's four numbers of {output / 'seed_0'}",
    ]
