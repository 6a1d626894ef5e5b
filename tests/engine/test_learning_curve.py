import json
from pathlib import Path

import numpy as np
import pytest

from slowfast_thermal.engine.learning_curve import learning_curve
from slowfast_thermal.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_tests")


@pytest.fixture
def cfg(small_config, synthetic_data):
    return small_config(synthetic_data, "MODEL.TREES_WEIGHT", 1, "THERMAL.BASELINES", True)


def test_smaller_subsets_are_part_of_larger_ones_and_tested_on_the_same_keyframes(cfg):
    table = learning_curve(cfg, [12, 6], 2)
    folder = Path(cfg.OUTPUT_DIR)
    for seed in (0, 1):
        small, large = (
            {
                image["id"]
                for image in json.loads((folder / f"seed_{seed}" / f"keyframes_{n}.json").read_text())["images"]
            }
            for n in (6, 12)
        )
        assert len(small) == 6 and len(large) == 12 and small < large
    assert table["keyframes"].tolist() == [6, 6, 12, 12]
    assert table["what"].unique().tolist() == ["this configuration", "trees on the box's four numbers"]
    maps = [
        json.loads((folder / f"seed_{seed}" / "keyframes_12" / "test_metrics.json").read_text())["mAP"]
        for seed in (0, 1)
    ]
    row = table[(table["keyframes"] == 12) & (table["what"] == "this configuration")].iloc[0]
    assert (row["mAP"], row["mAP std"]) == pytest.approx((np.mean(maps), np.std(maps, ddof=1)))
    assert (folder / "curve.png").stat().st_size and (folder / "table.md").is_file()


@pytest.mark.parametrize("sizes", [[5], []])
def test_subsets_that_do_not_fill_a_batch_are_refused(small_config, synthetic_data, sizes):
    batch = 8 if sizes else 4000
    cfg = small_config(synthetic_data, "TRAIN.BATCH_SIZE", batch)
    with pytest.raises(
        InputError, match=rf"BATCH_SIZE is {batch}, which \d+ keyframes do not fill: give larger subsets"
    ):
        learning_curve(cfg, sizes, 1)


def test_one_seed_has_no_column_of_spread(cfg):
    learning_curve(cfg, [6], 1)
    text = (Path(cfg.OUTPUT_DIR) / "table.md").read_text()
    assert "mAP" in text and "std" not in text and "nan" not in text


def test_a_curve_on_other_annotations_and_one_without_labels_are_refused(cfg):
    learning_curve(cfg, [6], 1)
    cfg.THERMAL.TRAIN_ANNOTATIONS = cfg.THERMAL.TEST_ANNOTATIONS
    with pytest.raises(InputError, match=r"keyframes_6\.json holds other keyframes.*: set another OUTPUT_DIR"):
        learning_curve(cfg, [6], 1)
    cfg.TRAIN.DATASET = "thermal_simulated"
    with pytest.raises(InputError, match="no number of labels changes it"):
        learning_curve(cfg, [6], 1)


def test_a_folder_that_cannot_be_written_is_named(cfg, tmp_path):
    (tmp_path / "file").write_text("")
    cfg.OUTPUT_DIR = str(tmp_path / "file")
    with pytest.raises(InputError, match="OUTPUT_DIR '.*file' cannot be written"):
        learning_curve(cfg, [6], 1)


def test_more_keyframes_than_there_are_are_refused(cfg):
    with pytest.raises(InputError, match="Sizes of 5 to 500 keyframes, but there are"):
        learning_curve(cfg, [5, 500], 1)
