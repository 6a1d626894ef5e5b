"""What each configuration key may be set to: one table of types and ranges.

A key that the table does not name takes whatever has the type of its default. What two keys must have in common stands in
`config_relations.py`.
"""

import ast
import re
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from slowfast_thermal import pyslowfast
from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import is_text, shortened

CHANNELS = ("temperature", "less_median", "less_background", "difference", "box_mask")
"""What THERMAL.CHANNELS may name."""

NUM_BOX_FEATURES = {"none": 0, "size": 2, "size_and_place": 4}
"""Channels that each value of THERMAL.BOX_FEATURES adds to a pooled feature."""

# A whole number that every library takes, whatever it counts.
_LARGEST = 2**31 - 1
# What any sensor gives and any filling stands for, degrees Celsius either way.
_HOTTEST = 1e6


class Rule(NamedTuple):
    """What a key may be set to, as a test and in the words that follow "give"."""

    accepts: Callable[[object], bool]
    words: str


def whole(low: int, high: int = _LARGEST) -> Rule:
    """A whole number from `low` to `high`."""
    words = f"a whole number from {low} " + ("on" if high == _LARGEST else f"to {high}")
    return Rule(lambda v: type(v) is int and low <= v <= high, words)


def number(low: float = -sys.float_info.max, high: float = sys.float_info.max) -> Rule:
    """A finite number from `low` to `high`."""
    start = f" from {low:g}" if low > -sys.float_info.max else ""
    end = f" to {high:g}" if high < sys.float_info.max else " on" if start else ""
    return Rule(lambda v: type(v) in (int, float) and low <= v <= high, f"a number{start}{end}")


def above_0(high: float = sys.float_info.max, of: str = "a number") -> Rule:
    """A finite number above 0, up to `high`."""
    end = f", up to {high:g}" if high < sys.float_info.max else ""
    return Rule(lambda v: number(0, high).accepts(v) and v > 0, f"{of} above 0{end}")


def below_1(of: str = "a number") -> Rule:
    """A number from 0 to below 1."""
    return Rule(lambda v: number(0, 1).accepts(v) and v < 1, f"{of} from 0 up to 1, but not 1 itself")


def choice(*values: object) -> Rule:
    """One of these values."""
    words = [str(value) or "an empty string" for value in values]
    accepts = {(type(value), value) for value in values}
    listed = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    return Rule(lambda v: isinstance(v, (str, int)) and (type(v), v) in accepts, listed)


def several(rule: Rule, words: str, length: int | None = None, test: Callable[[Sequence], bool] | None = None) -> Rule:
    """A list of values that `rule` accepts, of a length or at least one, for which `test` holds as well."""

    def accepts(values: object) -> bool:
        fits = isinstance(values, list) and (len(values) == length if length is not None else len(values) > 0)
        return fits and all(map(rule.accepts, values)) and (test is None or test(values))

    return Rule(accepts, words)


def optional(rule: Rule) -> Rule:
    """None, or what `rule` accepts."""
    return Rule(lambda v: v is None or rule.accepts(v), f"{rule.words}, or None")


def _has_group(pattern: str) -> bool:
    try:
        return re.compile(pattern).groups > 0
    except (re.error, RecursionError, OverflowError):
        return False


_TEXT = Rule(is_text, "text of Unicode characters, in quotes where it could be a number")
_NAME = Rule(lambda v: is_text(v) and v.strip() != "", "a name of Unicode characters")
_NAMES = several(_NAME, "a list of at least one name")
_TEMPERATURE = number(-_HOTTEST, _HOTTEST)
_TEMPERATURES = several(_TEMPERATURE, "two temperatures, the lower first", 2, lambda v: v[1] - v[0] >= 1e-3)
_LETTERS = several(_NAME, "")
_NETWORKS = Rule(lambda v: isinstance(v, str) and v in pyslowfast.MODEL_REGISTRY, "the name of a registered network")


def _each_stage(rule: Rule, words: str) -> Rule:
    """For each of the four stages a value for the slow and one for the fast pathway."""
    return several(several(rule, "", 2), f"for each of the four stages {words} of the slow and of the fast pathway", 4)


_EVENTS = {
    "COOL_DOWN": number(0, 86_400),
    "DURATION": number(0, 86_400),
    "HOLD": number(0, 86_400),
    "SMOOTHING": number(0, 3600),
    "THRESHOLD": above_0(1),
}


def _is_kind_of_event(value: object) -> bool:
    rules = {"NAME": _NAME, "CLASSES": _NAMES, **_EVENTS}
    known = isinstance(value, dict) and {"NAME", "CLASSES"} <= value.keys() <= rules.keys()
    return known and all(rules[key].accepts(part) for key, part in value.items())


_RULES = {
    "AVA.DETECTION_SCORE_THRESH": number(),
    "BN.EPSILON": above_0(1),
    "BN.MOMENTUM": number(0, 1),
    "BN.WEIGHT_DECAY": number(0),
    "DATA.INPUT_CHANNEL_NUM": Rule(
        lambda v: v in [[n, n] for n in range(1, len(CHANNELS) + 1)],
        "[3, 3], or [1, 1] for a single channel, or for several of THERMAL.CHANNELS their number twice",
    ),
    "DATA.MEAN": several(number(), "a number for each channel"),
    "DATA.NUM_FRAMES": whole(1, 4096),
    "DATA.SAMPLING_RATE": whole(1, 4096),
    "DATA.STD": several(above_0(), "a number above 0 for each channel"),
    "DATA_LOADER.NUM_WORKERS": whole(0, 1024),
    "DETECTION.ENABLE": Rule(lambda v: v is True, "True, since people are what is classified"),
    "DETECTION.ROI_XFORM_RESOLUTION": whole(1, 64),
    "DETECTION.SPATIAL_SCALE_FACTOR": whole(1),
    "DIST_TIMEOUT": above_0(1e9, "a number of seconds"),
    **{f"EVENTS.{key}": rule for key, rule in _EVENTS.items()},
    "EVENTS.CLIP_GIGABYTES": above_0(1e6),
    "EVENTS.KINDS": Rule(
        lambda v: isinstance(v, list) and all(map(_is_kind_of_event, v)),
        "a list of kinds such as {'NAME': 'fall', 'CLASSES': ['lying']}, each perhaps with "
        f"{', '.join(_EVENTS)} of its own",
    ),
    "IA.BIAS_LR_FACTOR": above_0(),
    "IA.BLOCKS": Rule(
        lambda v: v == [] or _LETTERS.accepts(v) or several(_LETTERS, "").accepts(v),
        "a list of letters such as [P, M], or for IA.STRUCTURE parallel of lists of them",
    ),
    "IA.CLASSIFIER": choice("projection", "mlp"),
    "IA.DIM_INNER": whole(1, 65536),
    "IA.DIM_OUT": whole(1, 65536),
    "IA.DROPOUT": below_1("a probability"),
    "IA.FUSION": choice("add", "concat"),
    "IA.LR_FACTOR": above_0(),
    "IA.MAX_OBJECTS": whole(0, 10_000),
    "IA.MAX_PERSONS": whole(0, 10_000),
    "IA.MAX_PER_SECOND": whole(0, 10_000),
    "IA.MEMORY_WINDOW": several(
        whole(0, 100_000), "two whole numbers of seconds, before and after the keyframe, from 0 to 100000", 2
    ),
    "LOG_PERIOD": whole(1),
    "MODEL.ARCH": choice("slowfast"),
    "MODEL.DROPOUT_RATE": below_1("a probability"),
    "MODEL.FC_INIT_STD": number(0),
    "MODEL.LOSS_FUNC": choice("cross_entropy", "focal", "bce"),
    "MODEL.MODEL_NAME": _NETWORKS,
    "MODEL.NUM_CLASSES": whole(1, 100_000),
    "MODEL.TREES_WEIGHT": number(0, 1),
    "NONLOCAL.GROUP": _each_stage(whole(1), "the groups"),
    "NONLOCAL.INSTANTIATION": choice("softmax", "dot_product"),
    "NONLOCAL.LOCATION": _each_stage(
        Rule(lambda v: isinstance(v, list) and all(map(whole(0).accepts, v)), ""), "a list of blocks"
    ),
    "NONLOCAL.POOL": _each_stage(several(whole(1), "", 3), "three sides"),
    "NUM_GPUS": whole(0),
    "NUM_SHARDS": whole(1),
    "OUTPUT_DIR": _NAME,
    "RESNET.DEPTH": choice(14, 26, 50, 101, 152),
    "RESNET.NUM_BLOCK_TEMP_KERNEL": _each_stage(whole(0), "the number of blocks with temporal kernels"),
    "RESNET.NUM_GROUPS": whole(1, 1024),
    "RESNET.SPATIAL_DILATIONS": _each_stage(whole(1, 64), "the dilation"),
    "RESNET.SPATIAL_STRIDES": _each_stage(whole(1, 64), "the stride"),
    "RESNET.STEM_POOL_PADDING": choice(0, 1),
    "RESNET.TRANS_FUNC": choice("bottleneck_transform"),
    "RESNET.WIDTH_PER_GROUP": whole(1, 1024),
    "RNG_SEED": whole(0, 2**32 - 1),
    "SHARD_ID": whole(0),
    "SLOWFAST.ALPHA": whole(1),
    "SLOWFAST.BETA_INV": whole(1),
    "SLOWFAST.FUSION_CONV_CHANNEL_RATIO": whole(1),
    "SLOWFAST.FUSION_KERNEL_SZ": Rule(lambda v: whole(1, 99).accepts(v) and v % 2 == 1, "an odd number from 1 to 99"),
    "SLOWFAST.LATERAL": choice("norm", "bias", "conv"),
    "SOLVER.BASE_LR": number(0),
    "SOLVER.CLIP_GRAD_L2NORM": optional(number(0)),
    "SOLVER.CLIP_GRAD_VAL": optional(number(0)),
    "SOLVER.COSINE_END_LR": number(0),
    "SOLVER.DAMPENING": number(0, 1),
    "SOLVER.EPOCH_ITERS": whole(0),
    "SOLVER.LRS": Rule(lambda v: v == [] or several(number(0), "").accepts(v), "a list of numbers from 0 on"),
    "SOLVER.LR_POLICY": choice(*pyslowfast.LR_POLICIES),
    "SOLVER.MAX_EPOCH": whole(1),
    "SOLVER.MOMENTUM": below_1(),
    "SOLVER.OPTIMIZING_METHOD": choice(*pyslowfast.OPTIMIZERS),
    "SOLVER.STEPS": Rule(
        lambda v: (
            v == [] or several(number(0), "", test=lambda steps: steps[0] == 0 and steps == sorted(steps)).accepts(v)
        ),
        "a rising list of epochs, the first of them 0",
    ),
    "SOLVER.WARMUP_EPOCHS": number(0),
    "SOLVER.WARMUP_START_LR": number(0),
    "SOLVER.WEIGHT_DECAY": number(0),
    "TEST.BATCH_SIZE": whole(1),
    "THERMAL.ACCEPT_PROBLEMS": Rule(
        lambda v: v == [] or several(choice("times", "temperatures", "sizes", "overlap"), "").accepts(v),
        "a list of times, temperatures, sizes and overlap, or an empty one",
    ),
    "THERMAL.AUG.BOX_JITTER": number(0, 1),
    "THERMAL.AUG.CROP": below_1(),
    "THERMAL.AUG.ROTATION": number(0, 180),
    "THERMAL.AUG.SCALE": number(0, 10),
    "THERMAL.AUG.SHIFT": number(0, 10),
    "THERMAL.AUG.TEMPERATURE_GAIN": number(0, 1),
    "THERMAL.AUG.TEMPERATURE_OFFSET": number(0, _HOTTEST),
    "THERMAL.AUG.TEMPORAL_SHIFT": whole(0),
    "THERMAL.BOOTSTRAP_SAMPLES": whole(1, 1_000_000),
    "THERMAL.BOX_FEATURES": choice(*NUM_BOX_FEATURES),
    "THERMAL.BOX_SHIFT": several(number(-0.2, 0.2), "two fractions from -0.2 to 0.2, for x and y", 2),
    "THERMAL.CACHE_GIB": number(0, 1e6),
    "THERMAL.CHANNELS": several(
        choice(*CHANNELS),
        f"one or more of {', '.join(CHANNELS)}, each once, box_mask after others",
        test=lambda v: len(set(v)) == len(v) and "box_mask" not in v[:-1] and v != ["box_mask"],
    ),
    "THERMAL.CLASS_GROUPS": Rule(
        lambda v: isinstance(v, list) and all(map(several(_NAME, "", test=lambda group: len(group) > 1).accepts, v)),
        "a list of groups such as [[upright, standing, walking], [low, kneeling]], each with its name first",
    ),
    "THERMAL.CLASS_SAMPLING_POWER": number(0, 10),
    "THERMAL.CLASS_WEIGHT_POWER": number(0, 10),
    "THERMAL.CLIP_SECONDS": number(0, 3600),
    "THERMAL.KEYFRAME_POSITION": number(0, 1),
    "THERMAL.DETECTOR.DIM": Rule(lambda v: whole(32, 4096).accepts(v) and v % 32 == 0, "a multiple of 32"),
    "THERMAL.DETECTOR.HEIGHT": whole(16, 4096),
    "THERMAL.DETECTOR.WIDTHS": several(whole(1, 4096), "five whole numbers from 1 on", 5),
    "THERMAL.DIFFERENCE_SECONDS": above_0(3600),
    "THERMAL.FILL_TEMPERATURE": _TEMPERATURE,
    "THERMAL.FOCAL_GAMMA": number(0, 100),
    "THERMAL.FRAMES_DIR": _NAME,
    "THERMAL.INPUT_SIZE": several(whole(32, 8192), "height and width in pixels, at least 32 each and at most 8192", 2),
    "THERMAL.PACKET_LENGTH": whole(0),
    "THERMAL.PEOPLE": choice("annotated", "file", "blobs", "detector", ""),
    "THERMAL.PERSON_CROPS.SIZE": above_0(1e4),
    "THERMAL.PERSON_CROPS.UNIT": choice("pixel", "box"),
    "THERMAL.SESSION_PATTERN": Rule(
        lambda v: is_text(v) and _has_group(v), "a regular expression with a group, such as '(.+)_R.*'"
    ),
    "THERMAL.SIMULATION.CLASS_MAP": Rule(
        lambda v: v == [] or (several(several(_NAME, "", 2), "").accepts(v) and len({pair[0] for pair in v}) == len(v)),
        "a list of pairs, each of a simulated class and one of the network's, no simulated class twice, or an empty list",
    ),
    "THERMAL.SIMULATION.FRAME_SIZE": several(whole(16, 8192), "height and width in pixels, at least 16 each", 2),
    "THERMAL.SIMULATION.PRIOR": choice("ceiling", "corner", "broad"),
    "THERMAL.SIMULATION.SHARE": above_0(1),
    "THERMAL.TEMPERATURE_RANGE": _TEMPERATURES,
    "THERMAL.TEST_ANNOTATIONS": _NAMES,
    "THERMAL.TEST_BOX_ENLARGE": several(number(0, 100), "two fractions from 0 to 100, for the width and the height", 2),
    "THERMAL.TEST_RECORDINGS": _NAMES,
    "THERMAL.TRAIN_ANNOTATIONS": _NAMES,
    "THERMAL.TRAIN_RECORDINGS": _NAMES,
    "THERMAL.VALID_RANGE": _TEMPERATURES,
    "THERMAL.WORKER_START_METHOD": choice("fork", "spawn", ""),
    "TRAIN.BATCH_SIZE": whole(1),
    "TRAIN.CHECKPOINT_PERIOD": whole(1),
    "TRAIN.DATASET": choice("thermal", "thermal_simulated"),
    "TRAIN.EVAL_PERIOD": whole(1),
}

_BY_TYPE = {
    bool: Rule(lambda v: type(v) is bool, "True or False"),
    int: whole(-_LARGEST),
    float: number(),
    str: _TEXT,
    list: Rule(lambda v: isinstance(v, list), "a list"),
}
_ANYTHING = Rule(lambda v: True, "anything")


def leaves(node: dict, prefix: str = "") -> dict[str, object]:
    """Values of all keys that are no nodes, by full name. An empty node has none."""
    found = {}
    for key, value in node.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def checked(key: str, value: object, default: object) -> object:
    """The value as the key's own type: a whole number will do for a float, a tuple for a list, a word for what it spells.

    Args:
        key: full name.
        value: what a YAML file or the command line gives.
        default: of the key.

    Raises:
        InputError: the value does not suit the key.
    """
    value = _spelled(value, isinstance(default, str))
    rule = _RULES.get(key, _BY_TYPE.get(type(default), _ANYTHING))
    if not rule.accepts(value):
        raise InputError(f"{key} is {shortened(value)}: give {rule.words}.")
    return float(value) if isinstance(default, float) else value


def _spelled(value: object, wants_text: bool) -> object:
    """What a value spells, as of a Python literal; text keeps what is no text in quotes as it stands."""
    if isinstance(value, str):
        try:
            spelled = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return value
        return value if wants_text and not isinstance(spelled, str) else _listed(spelled)
    return _listed(value)


def _listed(value: object) -> object:
    return [_listed(part) for part in value] if isinstance(value, (list, tuple)) else value
