import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import get_cfg, get_epoch_lr
from tests.conftest import CONFIGS

IA = ["IA.ENABLE", "True", "IA.DIM_OUT", "640"]
DATA = ["DATA.PATH_TO_DATA_DIR", "somewhere", "NUM_GPUS", "0"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("[!BF]*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_loads(path):
    cfg = load_config(str(path), DATA)
    assert cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE == 64
    assert cfg.MODEL.MODEL_NAME == "ThermalSlowFast"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_pyslowfasts_own_defaults_take_every_file(path):
    get_cfg().merge_from_file(str(path))


@pytest.mark.parametrize("name", ["SLOWFAST_8x8_R101", "SLOWFAST_4x16_R50"])
def test_fine_tuning_runs_10000_iterations_with_drops_at_7000_and_9000(name):
    cfg = load_config(str(CONFIGS / f"{name}.yaml"), DATA)
    assert cfg.SOLVER.MAX_EPOCH * cfg.SOLVER.EPOCH_ITERS == 10_000 and cfg.TRAIN.BATCH_SIZE == 4
    rate = {i: get_epoch_lr(i / cfg.SOLVER.EPOCH_ITERS, cfg) for i in (0, 499, 500, 6999, 7000, 8999, 9000)}
    assert rate[0] == pytest.approx(1e-5) and 0.99e-4 < rate[499] < 1e-4
    assert [rate[i] for i in (500, 6999)] == pytest.approx([1e-4] * 2)
    assert [rate[i] for i in (7000, 8999, 9000)] == pytest.approx([1e-5, 1e-5, 1e-6])
    assert cfg.MODEL.FROZEN_BN and cfg.MODEL.DROPOUT_RATE == 0.3
    assert cfg.THERMAL.INPUT_SIZE == [256, 384]


@pytest.mark.parametrize(
    "overrides, message",
    [
        (
            ["THERMAL.INPUT_SIZ", "3"],
            r"key 'THERMAL\.INPUT_SIZ', which does not exist: did you mean 'THERMAL\.INPUT_SIZE'\?",
        ),
        (["SOLVER.BASE_LR"], r"'SOLVER\.BASE_LR' has no value"),
        (["SOLVER.BASE_LR", "fast"], r"sets SOLVER\.BASE_LR to 'fast', which does not fit"),
        (["THERMAL.INPUT_SIZE", "[80"], r"sets THERMAL\.INPUT_SIZE to '\[80', which does not fit"),
        (["NUM_GPUS", str(torch.cuda.device_count() + 1)], r"NUM_GPUS is \d+: this machine has \d+ usable GPUs; set"),
        (["THERMAL.TEMPERATURE_RANGE", "[35.0,10.0]"], r"TEMPERATURE_RANGE is \[35\.0, 10\.0\]: give two temperatures"),
        (["MODEL.LOSS_FUNC", "hinge"], r"MODEL\.LOSS_FUNC is 'hinge': give cross_entropy, focal or bce"),
        (["RESNET.DEPTH", "34"], r"RESNET\.DEPTH is 34: give 50, 101 or 152"),
        (["SLOWFAST.ALPHA", "5"], r"SLOWFAST\.ALPHA is 5: give a divisor of DATA\.NUM_FRAMES \(32\)"),
        (["TRAIN.BATCH_SIZE", "0"], r"TRAIN\.BATCH_SIZE is 0: give at least 1"),
        (["NUM_SHARDS", "2", "SHARD_ID", "2"], r"SHARD_ID is 2: give the number of this machine, from 0 to 1"),
        (["DIST_TIMEOUT", "0"], r"DIST_TIMEOUT is 0\.0: give a number of seconds above 0"),
        (
            ["IA.ENABLE", "True"],
            r"IA\.DIM_OUT is 2304: a pooled feature has 640 channels, so give 640, or set IA\.FUSION concat",
        ),
        ([*IA, "IA.FUSION", "multiply"], r"IA\.FUSION is 'multiply': give add or concat"),
        ([*IA, "IA.CLASSIFIER", "forest"], r"IA\.CLASSIFIER is 'forest': give projection or mlp"),
        ([*IA, "IA.MEMORY_WINDOW", "[30]"], r"IA\.MEMORY_WINDOW is \[30\]: give two whole numbers of seconds"),
        ([*IA, "IA.DROPOUT", "1.0"], r"IA\.DROPOUT is 1\.0: give a probability"),
        ([*IA, "IA.MAX_PERSONS", "-1"], r"IA\.MAX_PERSONS is -1: give 0 or more"),
        ([*IA, "IA.LR_FACTOR", "0.0"], r"IA\.LR_FACTOR is 0\.0: give a number above 0"),
        (["DATA.PATH_TO_DATA_DIR", ""], r"DATA\.PATH_TO_DATA_DIR is not set"),
    ],
)
def test_a_wrong_override_is_named_with_its_remedy(overrides, message):
    with pytest.raises(InputError, match=message):
        load_config(str(CONFIGS / "DEMO.yaml"), DATA + overrides)


@pytest.mark.parametrize(
    "text, message",
    [
        ("THERMAL:\n  CACHE_GB: 3\n", r"mine\.yaml sets the key 'THERMAL\.CACHE_GB', which .*'THERMAL\.CACHE_GIB'"),
        ("SOLVER:\n  MAX_EPOCH: many\n", r"mine\.yaml sets a value of the wrong type"),
        ("SOLVER: [\n", r"mine\.yaml is not a valid YAML configuration"),
        ("just words\n", r"mine\.yaml is not a valid YAML configuration"),
        ("_BASE_: gone.yaml\n", r"mine\.yaml names a _BASE_ file that does not exist"),
    ],
)
def test_a_wrong_file_is_named_with_its_remedy(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_config(str(tmp_path / "mine.yaml"), DATA)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"Configuration file 'gone\.yaml' does not exist"):
        load_config("gone.yaml", DATA)


def test_whole_numbers_will_do_for_floats_in_files_and_on_the_command_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"_BASE_: {CONFIGS / 'DEMO.yaml'}\nTHERMAL:\n  AUG:\n    CROP: 0\n")
    cfg = load_config(str(path), [*DATA, "THERMAL.AUG.BOX_JITTER", "0", "SOLVER.WARMUP_EPOCHS", "2"])
    values = (cfg.THERMAL.AUG.CROP, cfg.THERMAL.AUG.BOX_JITTER, cfg.SOLVER.WARMUP_EPOCHS)
    assert values == (0, 0, 2) and all(isinstance(value, float) for value in values)


@pytest.mark.parametrize("scaled, expected", [("False", 0.1), ("True", 0.2)])
def test_the_learning_rate_grows_with_the_machines_where_that_is_wanted(scaled, expected):
    options = ["SOLVER.BASE_LR", "0.1", "NUM_SHARDS", "2", "SOLVER.BASE_LR_SCALE_NUM_SHARDS", scaled]
    assert load_config(str(CONFIGS / "DEMO.yaml"), [*DATA, *options]).SOLVER.BASE_LR == expected
