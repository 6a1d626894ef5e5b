"""What configuration keys must have in common; what each may be alone stands in `config_values.py`."""

import math
from collections.abc import Callable

import torch
from fvcore.common.config import CfgNode

from slowfast_thermal import pyslowfast
from slowfast_thermal.config_values import NUM_BOX_FEATURES, leaves
from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import shortened


def check_together(cfg: CfgNode) -> None:
    """Raises InputError for values that do not go together, or that this machine cannot do."""

    def refuse_unless(condition: bool, key: str, remedy: str) -> None:
        if not condition:
            raise InputError(f"{key} is {shortened(leaves(cfg)[key])}: {remedy}.")

    if not cfg.DATA.PATH_TO_DATA_DIR:
        raise InputError("DATA.PATH_TO_DATA_DIR is not set: name the folder that holds frames/ and annotations/.")
    _check_network(cfg, refuse_unless)
    _check_solver(cfg.SOLVER, refuse_unless)
    refuse_unless(
        cfg.MODEL.FROZEN_BN or not cfg.SPEED.ACTIVATION_CHECKPOINTS,
        "SPEED.ACTIVATION_CHECKPOINTS",
        "batch norm would count each batch twice, so set MODEL.FROZEN_BN True too",
    )
    refuse_unless(
        cfg.MODEL.NUM_CLASSES > 1 or cfg.MODEL.LOSS_FUNC == "bce",
        "MODEL.LOSS_FUNC",
        "with a single class its softmax is always 1 and learns nothing, so set MODEL.LOSS_FUNC bce",
    )
    available = torch.cuda.device_count()
    remedy = "set NUM_GPUS 0 for the CPU" if available == 0 else f"set NUM_GPUS to {available} or less"
    refuse_unless(cfg.NUM_GPUS <= available, "NUM_GPUS", f"this machine has {available} usable GPUs; {remedy}")
    refuse_unless(
        cfg.SHARD_ID < cfg.NUM_SHARDS, "SHARD_ID", f"give the number of this machine, from 0 to {cfg.NUM_SHARDS - 1}"
    )


def _check_network(cfg: CfgNode, refuse_unless: Callable[[bool, str, str], None]) -> None:
    frames, width, beta = cfg.DATA.NUM_FRAMES, cfg.RESNET.WIDTH_PER_GROUP, cfg.SLOWFAST.BETA_INV
    refuse_unless(frames % cfg.SLOWFAST.ALPHA == 0, "SLOWFAST.ALPHA", f"give a divisor of DATA.NUM_FRAMES ({frames})")
    refuse_unless(width % beta == 0, "SLOWFAST.BETA_INV", f"give a divisor of RESNET.WIDTH_PER_GROUP ({width})")
    refuse_unless(
        beta % cfg.SLOWFAST.FUSION_CONV_CHANNEL_RATIO == 0,
        "SLOWFAST.FUSION_CONV_CHANNEL_RATIO",
        f"give a divisor of SLOWFAST.BETA_INV ({beta})",
    )
    strides = cfg.RESNET.SPATIAL_STRIDES
    refuse_unless(
        all(slow == fast for slow, fast in strides), "RESNET.SPATIAL_STRIDES", "give both pathways the same strides"
    )
    # The stem halves height and width twice.
    scale = 4 * math.prod(slow for slow, _ in strides)
    refuse_unless(
        cfg.DETECTION.SPATIAL_SCALE_FACTOR == scale,
        "DETECTION.SPATIAL_SCALE_FACTOR",
        f"with RESNET.SPATIAL_STRIDES {strides} a feature stands for {scale} pixels, so give {scale}",
    )
    depths = pyslowfast.stage_depths(cfg.RESNET.DEPTH)
    refuse_unless(
        all(max(kernels) <= depth for kernels, depth in zip(cfg.RESNET.NUM_BLOCK_TEMP_KERNEL, depths)),
        "RESNET.NUM_BLOCK_TEMP_KERNEL",
        f"with RESNET.DEPTH {cfg.RESNET.DEPTH} the stages have {', '.join(map(str, depths))} blocks, so give no more",
    )
    _check_nonlocal(cfg, depths, refuse_unless)
    _check_inputs(cfg, refuse_unless)
    channels = cfg.DATA.INPUT_CHANNEL_NUM[0]
    refuse_unless(
        len(cfg.DATA.MEAN) == len(cfg.DATA.STD) == channels,
        "DATA.STD",
        f"give DATA.MEAN and DATA.STD a value for each of the {channels} channels",
    )
    pooled = (width + width // beta) * 32 + NUM_BOX_FEATURES[cfg.THERMAL.BOX_FEATURES]
    refuse_unless(
        not cfg.IA.ENABLE or cfg.IA.FUSION == "concat" or cfg.IA.DIM_OUT == pooled,
        "IA.DIM_OUT",
        f"a pooled feature has {pooled} channels, so give {pooled}, or set IA.FUSION concat",
    )


def _check_nonlocal(cfg: CfgNode, depths: tuple[int, ...], refuse_unless: Callable[[bool, str, str], None]) -> None:
    node, sides = cfg.NONLOCAL, [side // 4 for side in cfg.THERMAL.INPUT_SIZE]
    for stage, depth in enumerate(depths):
        for pathway, frames in enumerate((cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA, cfg.DATA.NUM_FRAMES)):
            blocks, group, pool = (node[key][stage][pathway] for key in ("LOCATION", "GROUP", "POOL"))
            if not blocks:
                continue
            where = f"stage {stage + 1} of the {'fast' if pathway else 'slow'} pathway"
            size = [frames // group, *(side // cfg.RESNET.SPATIAL_STRIDES[stage][pathway] for side in sides)]
            refuse_unless(max(blocks) < depth, "NONLOCAL.LOCATION", f"{where} has the blocks 0 to {depth - 1}")
            refuse_unless(
                frames % group == 0, "NONLOCAL.GROUP", f"{where} has {frames} frames, so give a divisor of it"
            )
            refuse_unless(
                all(part <= whole for part, whole in zip(pool, size)),
                "NONLOCAL.POOL",
                f"{where} has features of {' x '.join(map(str, size))}, so give no more",
            )
        sides = [side // cfg.RESNET.SPATIAL_STRIDES[stage][0] for side in sides]


def _check_inputs(cfg: CfgNode, refuse_unless: Callable[[bool, str, str], None]) -> None:
    node, crops = cfg.THERMAL, cfg.THERMAL.PERSON_CROPS.ENABLE
    refuse_unless(
        node.TEST_DETECTIONS or node.PEOPLE != "file", "THERMAL.PEOPLE", "name the file by THERMAL.TEST_DETECTIONS"
    )
    refuse_unless(
        node.PEOPLE_CHECKPOINT or node.PEOPLE != "detector", "THERMAL.PEOPLE", "name it by THERMAL.PEOPLE_CHECKPOINT"
    )
    detector = cfg.MODEL.MODEL_NAME == "ThermalPersonDetector"
    refuse_unless(
        not detector or (node.PEOPLE in ("", "annotated") and not node.TEST_DETECTIONS),
        "THERMAL.PEOPLE",
        "a detector is tested on annotated people, beside warm blobs, so leave it and THERMAL.TEST_DETECTIONS empty",
    )
    refuse_unless(
        crops or "box_mask" not in node.CHANNELS,
        "THERMAL.CHANNELS",
        "a box_mask belongs to a person's crop, so set THERMAL.PERSON_CROPS.ENABLE True, or leave it out",
    )
    refuse_unless(
        crops or not node.PERSON_CROPS.OUTWARD_UP,
        "THERMAL.PERSON_CROPS.OUTWARD_UP",
        "it turns the windows around people, so set THERMAL.PERSON_CROPS.ENABLE True, or give False",
    )
    refuse_unless(
        not (node.PERSON_CROPS.OUTWARD_UP and node.AUG.CROP),
        "THERMAL.AUG.CROP",
        "a part of the image does not show where its middle is, so give 0, or THERMAL.PERSON_CROPS.OUTWARD_UP False",
    )
    count = len(node.CHANNELS)
    refuse_unless(
        cfg.DATA.INPUT_CHANNEL_NUM in ([[1, 1], [3, 3]] if count == 1 else [[count, count]]),
        "DATA.INPUT_CHANNEL_NUM",
        f"THERMAL.CHANNELS names {count}, so give " + (f"[{count}, {count}]" if count > 1 else "[3, 3] or [1, 1]"),
    )
    for key in ("ROTATION", "SCALE", "SHIFT"):
        refuse_unless(
            crops or (detector and key == "SCALE") or not node.AUG[key],
            f"THERMAL.AUG.{key}",
            "set THERMAL.PERSON_CROPS.ENABLE True, or give 0",
        )


def _check_solver(node: CfgNode, refuse_unless: Callable[[bool, str, str], None]) -> None:
    refuse_unless(
        not node.LR_POLICY.startswith("steps") or len(node.LRS) == len(node.STEPS) > 0,
        "SOLVER.LRS",
        f"give a value for each of SOLVER.STEPS, which is {node.STEPS}",
    )
    refuse_unless(
        not node.NESTEROV or node.OPTIMIZING_METHOD != "sgd" or (node.MOMENTUM > 0 and node.DAMPENING == 0),
        "SOLVER.NESTEROV",
        "it needs SOLVER.MOMENTUM above 0 and SOLVER.DAMPENING 0, so set these, or False",
    )
