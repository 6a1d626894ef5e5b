import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.splits import SESSION_PATTERN
from slowfast_thermal.pyslowfast import get_cfg, get_epoch_lr
from tests.conftest import CONFIGS

IA = ["IA.ENABLE", "True", "IA.DIM_OUT", "640"]
NONLOCAL = ["NONLOCAL.LOCATION", "[[[0],[]],[[],[]],[[],[]],[[],[]]]"]
DATA = ["DATA.PATH_TO_DATA_DIR", "somewhere", "NUM_GPUS", "0"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("[!BF]*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_loads(path):
    cfg = load_config(str(path), DATA)
    frames = cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE
    if path.stem == "PERSON_DETECTOR":
        assert cfg.MODEL.MODEL_NAME == "ThermalPersonDetector" and frames == 1
    else:
        assert cfg.MODEL.MODEL_NAME == "ThermalSlowFast" and (cfg.THERMAL.CLIP_SECONDS == 4 or frames == 64)


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
        (["SOLVER.BASE_LR", "fast"], r"SOLVER\.BASE_LR is 'fast': give a number from 0 on"),
        (["THERMAL.INPUT_SIZE", "[80"], r"THERMAL\.INPUT_SIZE is '\[80': give height and width in pixels"),
        (["NUM_GPUS", str(torch.cuda.device_count() + 1)], r"NUM_GPUS is \d+: this machine has \d+ usable GPUs; set"),
        (["THERMAL.TEMPERATURE_RANGE", "[35.0,10.0]"], r"TEMPERATURE_RANGE is \[35\.0, 10\.0\]: give two temperatures"),
        (
            ["THERMAL.PEOPLE", "mine"],
            r"THERMAL\.PEOPLE is 'mine': give annotated, file, blobs, detector or an empty string",
        ),
        (["THERMAL.PEOPLE", "file"], r"THERMAL\.PEOPLE is 'file': name the file by THERMAL\.TEST_DETECTIONS"),
        (["MODEL.LOSS_FUNC", "hinge"], r"MODEL\.LOSS_FUNC is 'hinge': give cross_entropy, focal or bce"),
        (["RESNET.DEPTH", "34"], r"RESNET\.DEPTH is 34: give 14, 26, 50, 101 or 152"),
        (["SLOWFAST.ALPHA", "5"], r"SLOWFAST\.ALPHA is 5: give a divisor of DATA\.NUM_FRAMES \(32\)"),
        (["TRAIN.BATCH_SIZE", "0"], r"TRAIN\.BATCH_SIZE is 0: give a whole number from 1 on"),
        (["NUM_SHARDS", "2", "SHARD_ID", "2"], r"SHARD_ID is 2: give the number of this machine, from 0 to 1"),
        (["DIST_TIMEOUT", "0"], r"DIST_TIMEOUT is 0: give a number of seconds above 0"),
        (
            ["IA.ENABLE", "True"],
            r"IA\.DIM_OUT is 2304: a pooled feature has 640 channels, so give 640, or set IA\.FUSION concat",
        ),
        ([*IA, "IA.FUSION", "multiply"], r"IA\.FUSION is 'multiply': give add or concat"),
        ([*IA, "IA.CLASSIFIER", "forest"], r"IA\.CLASSIFIER is 'forest': give projection or mlp"),
        ([*IA, "IA.MEMORY_WINDOW", "[30]"], r"IA\.MEMORY_WINDOW is \[30\]: give two whole numbers of seconds"),
        ([*IA, "IA.DROPOUT", "1.0"], r"IA\.DROPOUT is 1\.0: give a probability"),
        ([*IA, "IA.MAX_PERSONS", "-1"], r"IA\.MAX_PERSONS is -1: give a whole number from 0 to 10000"),
        ([*IA, "IA.LR_FACTOR", "0.0"], r"IA\.LR_FACTOR is 0\.0: give a number above 0"),
        (["SLOWFAST.ALPHA", "0"], r"SLOWFAST\.ALPHA is 0: give a whole number from 1 on"),
        (["SLOWFAST.BETA_INV", "3"], r"SLOWFAST\.BETA_INV is 3: give a divisor of RESNET\.WIDTH_PER_GROUP \(16\)"),
        (["SLOWFAST.FUSION_KERNEL_SZ", "4"], r"SLOWFAST\.FUSION_KERNEL_SZ is 4: give an odd number"),
        (["LOG_PERIOD", "0"], r"LOG_PERIOD is 0: give a whole number from 1 on"),
        (["NUM_GPUS", "None"], r"NUM_GPUS is None: give a whole number from 0 on"),
        (["NUM_GPUS", "True"], r"NUM_GPUS is True: give a whole number from 0 on"),
        (["THERMAL", "3"], r"The command line sets THERMAL to '3', but THERMAL is a node of keys"),
        (["SOLVER.LR_POLICY", "foo"], r"SOLVER\.LR_POLICY is 'foo': give .*cosine"),
        (
            ["SOLVER.LR_POLICY", "steps_with_relative_lrs"],
            r"SOLVER\.LRS is \[\]: give a value for each of SOLVER\.STEPS",
        ),
        (["SOLVER.OPTIMIZING_METHOD", "newton"], r"SOLVER\.OPTIMIZING_METHOD is 'newton': give sgd.* or "),
        (["SOLVER.MOMENTUM", "0"], r"SOLVER\.NESTEROV is True: it needs SOLVER\.MOMENTUM above 0"),
        (["SOLVER.BASE_LR", "1e999"], r"SOLVER\.BASE_LR is inf: give a number from 0 on"),
        (["SOLVER.CLIP_GRAD_L2NORM", "{}"], r"SOLVER\.CLIP_GRAD_L2NORM is \{\}: give a number from 0 on, or None"),
        (["TRAIN.ENABLE", "1"], r"TRAIN\.ENABLE is 1: give True or False"),
        (["TRAIN.AUTO_RESUME", "yes"], r"TRAIN\.AUTO_RESUME is 'yes': give True or False"),
        (["THERMAL.TEST_ANNOTATIONS", "[]"], r"THERMAL\.TEST_ANNOTATIONS is \[\]: give a list of at least one name"),
        (["THERMAL.TRAIN_RECORDINGS", "[1]"], r"THERMAL\.TRAIN_RECORDINGS is \[1\]: give a list of at least one name"),
        (["DATA.MEAN", "[]"], r"DATA\.MEAN is \[\]: give a number for each channel"),
        (["DATA.STD", "[1,1,0]"], r"DATA\.STD is \[1, 1, 0\]: give a number above 0 for each channel"),
        (["RESNET.SPATIAL_STRIDES", "[[1],[2],[2],[1]]"], r"RESNET\.SPATIAL_STRIDES is .*: give for each of the four"),
        (["RESNET.SPATIAL_STRIDES", "[[1,1],[2,2],[1,1],[1,1]]"], r"SPATIAL_SCALE_FACTOR is 16: .* so give 8"),
        (["RESNET.NUM_BLOCK_TEMP_KERNEL", "[[3,3],[4,4],[23,23],[3,3]]"], r"have 3, 4, 6, 3 blocks, so give no more"),
        (
            ["NONLOCAL.LOCATION", "[[[],[3]],[[],[]],[[],[]],[[],[]]]"],
            r"stage 1 of the fast pathway has the blocks 0 to 2",
        ),
        (
            [*NONLOCAL, "NONLOCAL.GROUP", "[[3,1],[1,1],[1,1],[1,1]]"],
            r"GROUP is .*: stage 1 of the slow pathway has 8 frames",
        ),
        (
            [*NONLOCAL, "NONLOCAL.POOL", str([[[1, 17, 1], [1, 1, 1]]] * 4)],
            r"POOL is .* has features of 8 x 16 x 24, so",
        ),
        (
            ["RESNET.TRANS_FUNC", "basic_transform"],
            r"RESNET\.TRANS_FUNC is 'basic_transform': give bottleneck_transform",
        ),
        (["IA.BLOCKS", "[1]"], r"IA\.BLOCKS is \[1\]: give a list of letters"),
        (["MODEL.ARCH", "i3d"], r"MODEL\.ARCH is 'i3d': give slowfast"),
        (["MODEL.MODEL_NAME", "Other"], r"MODEL\.MODEL_NAME is 'Other': give the name of a registered network"),
        (["RNG_SEED", "-1"], r"RNG_SEED is -1: give a whole number from 0"),
        (["OUTPUT_DIR", ""], r"OUTPUT_DIR is '': give a name"),
        (["OUTPUT_DIR", "caf\udce9"], r"OUTPUT_DIR is 'caf\\udce9': give a name of Unicode characters"),
        (["MODEL.NUM_CLASSES", "1"], r"MODEL\.LOSS_FUNC is 'cross_entropy': with a single class .*LOSS_FUNC bce"),
        (["MODEL.NUM_CLASSES", "1", "MODEL.LOSS_FUNC", "focal"], r"MODEL\.LOSS_FUNC is 'focal': with a single class"),
        (["x" * 10_000, "1"], r"sets the key 'x+\.\.\.x+', which does not exist"),
        (
            ["THERMAL.CHANNELS", "['less_mean']"],
            r"CHANNELS is \['less_mean'\]: give one or more of temperature, less_median",
        ),
        (
            ["THERMAL.CHANNELS", "['box_mask']"],
            r"CHANNELS is \['box_mask'\]: give one or more of temperature, less_median",
        ),
        (
            ["THERMAL.CHANNELS", "['temperature','box_mask']"],
            r"CHANNELS is \['temperature', 'box_mask'\]: a box_mask belongs to a person's crop",
        ),
        (
            ["THERMAL.CHANNELS", "['temperature','difference']"],
            r"INPUT_CHANNEL_NUM is \[3, 3\]: .* names 2, so give \[2, 2\]",
        ),
        (
            ["THERMAL.PERSON_CROPS.OUTWARD_UP", "True"],
            r"OUTWARD_UP is True: it turns the windows around people, so set",
        ),
        (
            [
                "THERMAL.PERSON_CROPS.ENABLE",
                "True",
                "THERMAL.PERSON_CROPS.OUTWARD_UP",
                "True",
                "THERMAL.AUG.CROP",
                "0.2",
            ],
            r"AUG\.CROP is 0\.2: a part of the image does not show where its middle is, so give 0",
        ),
        (["THERMAL.AUG.ROTATION", "90"], r"AUG\.ROTATION is 90\.0: set THERMAL\.PERSON_CROPS\.ENABLE True, or give 0"),
        (["THERMAL.PERSON_CROPS.UNIT", "metre"], r"PERSON_CROPS\.UNIT is 'metre': give pixel or box"),
        (["THERMAL.PERSON_CROPS.SIZE", "0"], r"PERSON_CROPS\.SIZE is 0: give a number above 0"),
        (["THERMAL.BOX_FEATURES", "area"], r"BOX_FEATURES is 'area': give none, size or size_and_place"),
        (["THERMAL.CLASS_GROUPS", "[[upright]]"], r"CLASS_GROUPS is '\[\[upright\]\]': give a list of groups such as"),
        (
            ["THERMAL.CLASS_GROUPS", "[['upright']]"],
            r"CLASS_GROUPS is \[\['upright'\]\]: give a list of groups such as",
        ),
        (["THERMAL.SESSION_PATTERN", "["], r"SESSION_PATTERN is '\[': give a regular expression with a group"),
        (["DATA.PATH_TO_DATA_DIR", ""], r"DATA\.PATH_TO_DATA_DIR is not set"),
    ],
)
def test_a_wrong_override_is_named_with_its_remedy(overrides, message):
    with pytest.raises(InputError, match=message):
        load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), DATA + overrides)


@pytest.mark.parametrize(
    "text, message",
    [
        ("THERMAL:\n  CACHE_GB: 3\n", r"mine\.yaml sets the key 'THERMAL\.CACHE_GB', which .*'THERMAL\.CACHE_GIB'"),
        ("SOLVER:\n  MAX_EPOCH: many\n", r"mine\.yaml: SOLVER\.MAX_EPOCH is 'many': give a whole number"),
        ("SOLVER: [\n", r"mine\.yaml is not a valid YAML configuration"),
        ("just words\n", r"mine\.yaml is not a valid YAML configuration"),
        ("", r"mine\.yaml is not a valid YAML configuration: give keys and values"),
        ("1: 2\n", r"mine\.yaml sets the key '1', which does not exist"),
        ("TRAIN: 3\n", r"mine\.yaml sets TRAIN to 3, but TRAIN is a node of keys: .* such as TRAIN\.ENABLE"),
        ("NUM_GPUS: {COUNT: 1}\n", r"sets the key 'NUM_GPUS\.COUNT', .* did you mean 'NUM_GPUS'"),
        ("NUM_GPUS:\n", r"mine\.yaml: NUM_GPUS is None: give a whole number from 0 on"),
        ("SOLVER:\n  STEPS: [0, .inf]\n", r"SOLVER\.STEPS is \[0, inf\]: give a rising list of epochs"),
        ("RNG_SEED: 2026-13-13\n", r"mine\.yaml is not a valid YAML configuration"),
        ("RNG_SEED: !!int ''\n", r"mine\.yaml is not a valid YAML configuration"),
        ("RNG_SEED: 0x" + 5000 * "f" + "\n", r"RNG_SEED is an endless number: give a whole number"),
        ("RNG_SEED: " + 3000 * "[" + 3000 * "]" + "\n", r"mine\.yaml is not a valid YAML .* too deep"),
        ("SOLVER: {BASE_LR: 1}\nSOLVER: {MAX_EPOCH: 1}\n", r"mine\.yaml has a key twice .*line 1 on: 'SOLVER'"),
        ('OUTPUT_DIR: "\\0"\n', r"mine\.yaml: OUTPUT_DIR is '\\x00': give a name of Unicode characters"),
        ("_BASE_: 3\n", r"mine\.yaml names the _BASE_ \[3\]: give the path of a YAML file"),
        ("_BASE_: mine.yaml\n", r"mine\.yaml is built on .*mine\.yaml: remove one of these _BASE_ lines"),
        ("_BASE_: gone.yaml\n", r"mine\.yaml names a _BASE_ file that does not exist"),
    ],
)
def test_a_wrong_file_is_named_with_its_remedy(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_config(str(tmp_path / "mine.yaml"), DATA)


def test_files_that_are_built_on_each_other_are_named(tmp_path):
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"_BASE_: {base}.yaml\n")
    with pytest.raises(
        InputError, match=r"a\.yaml is built on .*b\.yaml is built on .*c\.yaml is built on .*a\.yaml: "
    ):
        load_config(str(tmp_path / "a.yaml"), DATA)


@pytest.mark.parametrize("repeat", ["{{{0}: *{1}, {0}{0}: *{1}}}", "{{<<: [{2}]}}", "[{2}]"])
def test_aliases_that_repeat_without_end_are_refused_at_once(tmp_path, repeat):
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = ["a: &a {x: 1}"]
    lines += [f"{c}: &{c} " + repeat.format(c, b, ", ".join(9 * [f"*{b}"])) for b, c in zip(letters, letters[1:])]
    (tmp_path / "mine.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"mine\.yaml repeats itself by aliases"):
        load_config(str(tmp_path / "mine.yaml"), DATA)


def test_a_file_may_have_several_bases_and_a_value_of_a_base_is_named_with_its_file(tmp_path):
    (tmp_path / "a.yaml").write_text(f"_BASE_: {CONFIGS / 'SLOWFAST_SMALL.yaml'}\nSOLVER: {{MAX_EPOCH: 3}}\n")
    (tmp_path / "b.yaml").write_text("SOLVER: {MAX_EPOCH: 4}\n")
    (tmp_path / "mine.yaml").write_text("_BASE_: [a.yaml, b.yaml]\nNUM_GPUS: 0\n")
    assert load_config(str(tmp_path / "mine.yaml"), DATA).SOLVER.MAX_EPOCH == 4
    (tmp_path / "b.yaml").write_text("SOLVER: {MAX_EPOCH: 0}\n")
    with pytest.raises(InputError, match=r"b\.yaml: SOLVER\.MAX_EPOCH is 0: give a whole number from 1 on"):
        load_config(str(tmp_path / "mine.yaml"), DATA)


def test_text_that_looks_like_a_number_stays_text():
    assert load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), [*DATA, "OUTPUT_DIR", "0012"]).OUTPUT_DIR == "0012"


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"Configuration file 'gone\.yaml' does not exist"):
        load_config("gone.yaml", DATA)


def test_whole_numbers_will_do_for_floats_in_files_and_on_the_command_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"_BASE_: {CONFIGS / 'SLOWFAST_SMALL.yaml'}\nTHERMAL:\n  AUG:\n    CROP: 0\n")
    cfg = load_config(str(path), [*DATA, "THERMAL.AUG.BOX_JITTER", "0", "SOLVER.WARMUP_EPOCHS", "2"])
    values = (cfg.THERMAL.AUG.CROP, cfg.THERMAL.AUG.BOX_JITTER, cfg.SOLVER.WARMUP_EPOCHS)
    assert values == (0, 0, 2) and all(isinstance(value, float) for value in values)


@pytest.mark.parametrize("scaled, expected", [("False", 0.1), ("True", 0.2)])
def test_the_learning_rate_grows_with_the_machines_where_that_is_wanted(scaled, expected):
    options = ["SOLVER.BASE_LR", "0.1", "NUM_SHARDS", "2", "SOLVER.BASE_LR_SCALE_NUM_SHARDS", scaled]
    assert load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), [*DATA, *options]).SOLVER.BASE_LR == expected


def test_the_session_pattern_is_that_of_the_splits():
    assert get_cfg().THERMAL.SESSION_PATTERN == SESSION_PATTERN


@pytest.mark.parametrize("prefix", ["", "configs/"])
def test_a_shipped_file_is_found_by_name_unless_the_folder_has_one(tmp_path, monkeypatch, prefix):
    monkeypatch.chdir(tmp_path)
    assert load_config(f"{prefix}Thermal/SLOWFAST_SMALL.yaml", DATA) == load_config(
        str(CONFIGS / "SLOWFAST_SMALL.yaml"), DATA
    )
    (tmp_path / prefix / "Thermal").mkdir(parents=True)
    (tmp_path / prefix / "Thermal" / "SLOWFAST_SMALL.yaml").write_text("_BASE_: Thermal/Base.yaml\nRNG_SEED: 7\n")
    assert load_config(f"{prefix}Thermal/SLOWFAST_SMALL.yaml", DATA).RNG_SEED == 7
