"""Every configuration key that this project adds to PySlowFast's, and how a run's configuration is read."""

import difflib
import math
import re
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from fvcore.common.config import CfgNode

from slowfast_thermal import pyslowfast
from slowfast_thermal.errors import InputError


def add_thermal_config(cfg: CfgNode) -> None:
    """Adds the project's keys, each with its meaning and default, to PySlowFast's defaults."""
    _add_thermal_node(cfg)
    _add_interaction_node(cfg)
    _add_speed_node(cfg)
    # How the fast pathway joins the slow one: a convolution with "norm", batch norm and ReLU (PySlowFast, PyTorchVideo),
    # with a "bias" (AlphAction), or the "conv" alone (MMAction2).
    cfg.SLOWFAST.LATERAL = "norm"
    # Pixels by which the stem's max-pool pads each side (AlphAction: 0).
    cfg.RESNET.STEM_POOL_PADDING = 1
    # Iterations that count as one epoch of SOLVER.*, TRAIN.EVAL_PERIOD and TRAIN.CHECKPOINT_PERIOD.
    # 0: one pass over the training keyframes.
    cfg.SOLVER.EPOCH_ITERS = 0
    # Seconds after which a process of the run that does not come, or does not answer, counts as lost.
    cfg.DIST_TIMEOUT = 600.0


def _add_thermal_node(cfg: CfgNode) -> None:
    cfg.THERMAL = CfgNode()
    # Folder of the recordings, one HDF5 file each, inside DATA.PATH_TO_DATA_DIR.
    cfg.THERMAL.FRAMES_DIR = "frames"
    # Annotation files (JSON) for training and for validation and test, inside DATA.PATH_TO_DATA_DIR.
    cfg.THERMAL.TRAIN_ANNOTATIONS = ["annotations/train.json"]
    cfg.THERMAL.TEST_ANNOTATIONS = ["annotations/val.json"]
    # Only keyframes of recordings whose name matches one of these patterns (as of a shell) are used.
    cfg.THERMAL.TRAIN_RECORDINGS = ["*"]
    cfg.THERMAL.TEST_RECORDINGS = ["*"]
    # Readings in degrees Celsius that a sensor can give; any other stands for "no reading".
    cfg.THERMAL.VALID_RANGE = [-40.0, 300.0]
    # Temperature in degrees Celsius of a pixel that never gave a reading in the whole recording.
    cfg.THERMAL.FILL_TEMPERATURE = 20.0
    # Window in degrees Celsius that is scaled to [0, 1]; temperatures outside are clamped to it.
    cfg.THERMAL.TEMPERATURE_RANGE = [10.0, 35.0]
    # Height and width in pixels to which the network resizes a clip.
    cfg.THERMAL.INPUT_SIZE = [256, 384]
    # Memory in GiB for decoded recordings, shared by the workers of a loader; 0 reads every clip from its file.
    cfg.THERMAL.CACHE_GIB = 4.0
    # How loader workers start: "fork", "spawn", or "" for Python's own choice.
    cfg.THERMAL.WORKER_START_METHOD = ""
    # File of detected people to classify at test time instead of the annotated boxes: CSV as AVA's
    # predicted boxes, or JSON as COCO's results. AVA.DETECTION_SCORE_THRESH applies.
    cfg.THERMAL.TEST_DETECTIONS = ""
    # Fractions of width and height by which a box is enlarged at test time before its features are pooled.
    cfg.THERMAL.TEST_BOX_ENLARGE = [0.0, 0.0]
    # A class with n training boxes weighs n to the power of minus this in softmax losses, 0 weighs all
    # classes the same. The mean weight over the training boxes is 1.
    cfg.THERMAL.CLASS_WEIGHT_POWER = 0.5
    # Exponent of the focal loss (Lin et al., arXiv:1708.02002), for MODEL.LOSS_FUNC focal.
    cfg.THERMAL.FOCAL_GAMMA = 2.0
    # Bootstrap samples of the keyframes for the interval of the mAP.
    cfg.THERMAL.BOOTSTRAP_SAMPLES = 1000

    # Training augmentations. Each is off at False or 0.
    cfg.THERMAL.AUG = CfgNode()
    # Mirror half of the clips left to right.
    cfg.THERMAL.AUG.FLIP = True
    # Start the slow pathway at a random frame of its first stride.
    cfg.THERMAL.AUG.SLOW_JITTER = True
    # Largest shift of the clip in frames, either way.
    cfg.THERMAL.AUG.TEMPORAL_SHIFT = 2
    # Standard deviation of the shift of each box edge, as a fraction of the box size.
    cfg.THERMAL.AUG.BOX_JITTER = 0.05
    # Largest part of the height and width that a random crop cuts off. The clips of a batch are cut to the same size, at
    # different places, so that the network scales them up to its input in one go.
    cfg.THERMAL.AUG.CROP = 0.2
    # Largest offset added to all temperatures of a clip, in degrees Celsius, either way.
    cfg.THERMAL.AUG.TEMPERATURE_OFFSET = 1.0
    # Largest relative change of a clip's contrast around its mean temperature, either way.
    cfg.THERMAL.AUG.TEMPERATURE_GAIN = 0.1


def _add_interaction_node(cfg: CfgNode) -> None:
    """Interaction aggregation (Tang et al., arXiv:2004.07485); the defaults are AlphAction's."""
    cfg.IA = CfgNode()
    # Judge people together with the people, objects and past around them. Off: PySlowFast's RoI head.
    cfg.IA.ENABLE = False
    # How blocks are connected: "serial", "dense_serial" or "parallel".
    cfg.IA.STRUCTURE = "dense_serial"
    # The blocks: P attends to the people of the clip, O to its objects, M to people in the seconds around
    # it. A list for the serial structures; a list of layers, [[P, M], [P, M]], for the parallel one.
    # An empty list: no interactions, which with CLASSIFIER mlp is AlphAction's baseline.
    cfg.IA.BLOCKS = ["P", "M", "P", "M"]
    # People of a clip that are attended to.
    cfg.IA.MAX_PERSONS = 25
    # Objects of a clip that are attended to; those with the highest score, then the largest, are kept.
    cfg.IA.MAX_OBJECTS = 5
    # People of one second of memory that are attended to.
    cfg.IA.MAX_PER_SECOND = 5
    # Seconds of memory before and after the keyframe's own.
    cfg.IA.MEMORY_WINDOW = [30, 30]
    # Channels inside the blocks.
    cfg.IA.DIM_INNER = 1024
    # Channels of the result; FUSION add needs as many as a person's pooled feature has.
    cfg.IA.DIM_OUT = 2304
    # How the result joins a person's own feature: "add" or "concat".
    cfg.IA.FUSION = "add"
    # What classifies: PySlowFast's single "projection", or "mlp", which puts AlphAction's two layers of
    # 1024 channels before it.
    cfg.IA.CLASSIFIER = "mlp"
    # Dropout probability inside the structure; MODEL.DROPOUT_RATE is that before the classifier's last layer.
    cfg.IA.DROPOUT = 0.2
    # Normalise what a block finds.
    cfg.IA.LAYER_NORM = True
    # Give each second of memory a learned position.
    cfg.IA.TEMPORAL_POSITION = True
    # Start with blocks that add nothing.
    cfg.IA.ZERO_INIT = True
    # Scale remembered features by the ratio of the loss when they were stored and the last loss, the smaller
    # by the larger.
    cfg.IA.PENALTY = True
    # Leave rows of no one out of the softmax. AlphAction's released weights expect them in it.
    cfg.IA.MASK_ABSENT = False
    # The interaction parameters learn at this multiple of the learning rate,
    cfg.IA.LR_FACTOR = 10.0
    # and their biases at this multiple of that.
    cfg.IA.BIAS_LR_FACTOR = 2.0


def _add_speed_node(cfg: CfgNode) -> None:
    """What changes how fast a result comes and not, but for rounding, what it is. TRAIN.MIXED_PRECISION does too."""
    cfg.SPEED = CfgNode()
    # Keep the channels of a pixel together in memory, which 3D convolutions are fastest with.
    cfg.SPEED.CHANNELS_LAST = True
    # Let convolutions do the work of batch norms that are frozen, or in evaluation.
    cfg.SPEED.FOLD_NORM = True
    # Sum the stem's weights over the three equal input channels, where DATA.MEAN and DATA.STD are equal too.
    cfg.SPEED.FOLD_CHANNELS = True
    # Update all parameters of a group in one kernel.
    cfg.SPEED.FUSED_OPTIMIZER = True
    # Compile the backbone's stages with torch.compile, which takes minutes at the start.
    cfg.SPEED.COMPILE = False
    # Keep only the features between the backbone's stages for the backward pass and compute the rest again: less
    # memory, a third more time. For MODEL.FROZEN_BN, as batch norm would count each batch twice.
    cfg.SPEED.ACTIVATION_CHECKPOINTS = False
    # Keep the recordings in the memory of the run's device and cut the clips there, without loader workers.
    cfg.SPEED.RECORDINGS_ON_DEVICE = False


def load_config(path: str, overrides: list[str]) -> CfgNode:
    """PySlowFast's defaults with the YAML file `path` (and its `_BASE_`) and `KEY VALUE ...` merged in.

    Raises:
        InputError: no such file, no valid YAML, an unknown key, a value of the wrong type, or values
            that exclude each other.
    """
    cfg = pyslowfast.get_cfg()
    if not Path(path).is_file():
        raise InputError(f"Configuration file '{path}' does not exist: give --cfg one of configs/Thermal/*.yaml.")
    try:
        from_file = CfgNode.load_yaml_with_base(path)
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
        raise InputError(f"{path} is not a valid YAML configuration: {' '.join(str(error).split())}.") from None
    except FileNotFoundError as error:
        raise InputError(f"{path} names a _BASE_ file that does not exist: '{error.filename}'.") from None
    if not isinstance(from_file, dict):
        raise InputError(f"{path} is not a valid YAML configuration: give keys and values, such as NUM_GPUS: 0.")
    if len(overrides) % 2:
        raise InputError(f"'{overrides[-1]}' has no value: give overrides as KEY VALUE pairs.")

    keys = leaves(cfg)
    for origin, names in ((path, leaves(from_file)), ("The command line", overrides[::2])):
        for name in names:
            if name not in keys:
                nearest = difflib.get_close_matches(name, keys, n=1, cutoff=0.0)[0]
                raise InputError(f"{origin} sets the key '{name}', which does not exist: did you mean '{nearest}'?")
    try:
        cfg.merge_from_other_cfg(_with_floats(CfgNode(from_file), cfg))
    except ValueError as error:
        raise InputError(f"{path} sets a value of the wrong type: {error}") from None
    for name, value in zip(overrides[::2], overrides[1::2]):
        try:
            is_float = isinstance(keys[name], float) and re.fullmatch(r"[+-]?\d+", value)
            cfg.merge_from_list([name, f"{value}.0" if is_float else value])
        except (ValueError, SyntaxError) as error:
            raise InputError(f"The command line sets {name} to '{value}', which does not fit: {error}") from None
    _check_values(cfg)
    pyslowfast.scale_learning_rate(cfg)
    return cfg


def leaves(node: dict, prefix: str = "") -> dict[str, object]:
    """Values of all keys that are no nodes, by full name."""
    found = {}
    for key, value in node.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return found


def _with_floats(values: CfgNode, defaults: CfgNode) -> CfgNode:
    """The values with whole numbers made floats where the defaults are; yacs would refuse them."""
    for key, value in values.items():
        if isinstance(value, CfgNode) and isinstance(defaults.get(key), CfgNode):
            _with_floats(value, defaults[key])
        elif type(value) is int and isinstance(defaults.get(key), float):
            values[key] = float(value)
    return values


def _check_values(cfg: CfgNode) -> None:
    def refuse_unless(condition: bool, key: str, remedy: str) -> None:
        if not condition:
            value = cfg
            for part in key.split("."):
                value = value[part]
            raise InputError(f"{key} is {value!r}: {remedy}.")

    def is_range(values: list) -> bool:
        return len(values) == 2 and all(math.isfinite(v) for v in values) and values[0] < values[1]

    for key in ("TEMPERATURE_RANGE", "VALID_RANGE"):
        refuse_unless(is_range(cfg.THERMAL[key]), f"THERMAL.{key}", "give two temperatures, the lower first")
    size = cfg.THERMAL.INPUT_SIZE
    refuse_unless(
        len(size) == 2 and all(isinstance(side, int) and side >= 32 for side in size),
        "THERMAL.INPUT_SIZE",
        "give height and width in pixels, at least 32 each",
    )
    refuse_unless(
        len(cfg.THERMAL.TEST_BOX_ENLARGE) == 2 and min(cfg.THERMAL.TEST_BOX_ENLARGE) >= 0,
        "THERMAL.TEST_BOX_ENLARGE",
        "give two fractions that are not negative, for the width and the height",
    )
    refuse_unless(0 <= cfg.THERMAL.AUG.CROP < 1, "THERMAL.AUG.CROP", "give a fraction from 0 up to 1")
    for key in ("BOX_JITTER", "TEMPORAL_SHIFT", "TEMPERATURE_OFFSET", "TEMPERATURE_GAIN"):
        refuse_unless(cfg.THERMAL.AUG[key] >= 0, f"THERMAL.AUG.{key}", "give 0 or more")
    refuse_unless(
        cfg.THERMAL.WORKER_START_METHOD in ("", "fork", "spawn"),
        "THERMAL.WORKER_START_METHOD",
        "give fork, spawn, or an empty string",
    )
    refuse_unless(
        cfg.MODEL.LOSS_FUNC in ("cross_entropy", "focal", "bce"),
        "MODEL.LOSS_FUNC",
        "give cross_entropy, focal or bce",
    )
    refuse_unless(cfg.SLOWFAST.LATERAL in ("norm", "bias", "conv"), "SLOWFAST.LATERAL", "give norm, bias or conv")
    refuse_unless(cfg.RESNET.STEM_POOL_PADDING in (0, 1), "RESNET.STEM_POOL_PADDING", "give 0 or 1")
    refuse_unless(cfg.RESNET.DEPTH in (50, 101, 152), "RESNET.DEPTH", "give 50, 101 or 152")
    refuse_unless(
        cfg.DATA.NUM_FRAMES % cfg.SLOWFAST.ALPHA == 0,
        "SLOWFAST.ALPHA",
        f"give a divisor of DATA.NUM_FRAMES ({cfg.DATA.NUM_FRAMES})",
    )
    channels = cfg.DATA.INPUT_CHANNEL_NUM
    refuse_unless(channels in ([1, 1], [3, 3]), "DATA.INPUT_CHANNEL_NUM", "give [3, 3], or [1, 1] for a single channel")
    refuse_unless(
        len(cfg.DATA.MEAN) == len(cfg.DATA.STD) == channels[0] and min(cfg.DATA.STD) > 0,
        "DATA.STD",
        f"give DATA.MEAN and DATA.STD a value for each of the {channels[0]} channels, the latter positive",
    )
    for key in ("TRAIN", "TEST"):
        refuse_unless(cfg[key].BATCH_SIZE > 0, f"{key}.BATCH_SIZE", "give at least 1")
    refuse_unless(cfg.SOLVER.MAX_EPOCH > 0, "SOLVER.MAX_EPOCH", "give at least 1")
    refuse_unless(cfg.TRAIN.EVAL_PERIOD > 0, "TRAIN.EVAL_PERIOD", "give at least 1")
    refuse_unless(cfg.TRAIN.CHECKPOINT_PERIOD > 0, "TRAIN.CHECKPOINT_PERIOD", "give at least 1")
    refuse_unless(cfg.SOLVER.EPOCH_ITERS >= 0, "SOLVER.EPOCH_ITERS", "give 0 or more")
    refuse_unless(cfg.DATA_LOADER.NUM_WORKERS >= 0, "DATA_LOADER.NUM_WORKERS", "give 0 or more")

    refuse_unless(
        cfg.MODEL.FROZEN_BN or not cfg.SPEED.ACTIVATION_CHECKPOINTS,
        "SPEED.ACTIVATION_CHECKPOINTS",
        "batch norm would count each batch twice, so set MODEL.FROZEN_BN True too",
    )
    if cfg.IA.ENABLE:
        _check_interactions(cfg, refuse_unless)

    available = torch.cuda.device_count()
    remedy = "set NUM_GPUS 0 for the CPU" if available == 0 else f"set NUM_GPUS to {available} or less"
    refuse_unless(0 <= cfg.NUM_GPUS <= available, "NUM_GPUS", f"this machine has {available} usable GPUs; {remedy}")
    refuse_unless(
        0 <= cfg.SHARD_ID < cfg.NUM_SHARDS,
        "SHARD_ID",
        f"give the number of this machine, from 0 to {cfg.NUM_SHARDS - 1}",
    )
    refuse_unless(cfg.DIST_TIMEOUT > 0, "DIST_TIMEOUT", "give a number of seconds above 0")
    if not cfg.DATA.PATH_TO_DATA_DIR:
        raise InputError("DATA.PATH_TO_DATA_DIR is not set: name the folder that holds frames/ and annotations/.")


def _check_interactions(cfg: CfgNode, refuse_unless: Callable[[bool, str, str], None]) -> None:
    node = cfg.IA
    refuse_unless(node.FUSION in ("add", "concat"), "IA.FUSION", "give add or concat")
    refuse_unless(node.CLASSIFIER in ("projection", "mlp"), "IA.CLASSIFIER", "give projection or mlp")
    for key in ("DIM_INNER", "DIM_OUT"):
        refuse_unless(node[key] > 0, f"IA.{key}", "give at least 1")
    width = cfg.RESNET.WIDTH_PER_GROUP * 32
    pooled = width + width // cfg.SLOWFAST.BETA_INV
    refuse_unless(
        node.FUSION == "concat" or node.DIM_OUT == pooled,
        "IA.DIM_OUT",
        f"a pooled feature has {pooled} channels, so give {pooled}, or set IA.FUSION concat",
    )
    for key in ("MAX_PERSONS", "MAX_OBJECTS", "MAX_PER_SECOND"):
        refuse_unless(node[key] >= 0, f"IA.{key}", "give 0 or more")
    refuse_unless(
        len(node.MEMORY_WINDOW) == 2 and all(isinstance(s, int) and s >= 0 for s in node.MEMORY_WINDOW),
        "IA.MEMORY_WINDOW",
        "give two whole numbers of seconds, before and after the keyframe",
    )
    refuse_unless(0 <= node.DROPOUT < 1, "IA.DROPOUT", "give a probability from 0 up to 1")
    for key in ("LR_FACTOR", "BIAS_LR_FACTOR"):
        refuse_unless(node[key] > 0, f"IA.{key}", "give a number above 0")


pyslowfast.extend_config(add_thermal_config)
