"""Which SlowFast a set of tensors belongs to, in the words of the configuration."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

_DEPTHS = {(1, 1, 1, 1): 14, (2, 2, 2, 2): 26, (3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}


def describe_backbone(tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """The configuration of a SlowFast with PySlowFast's names, as far as its tensors tell; nearest the input last.

    Keys whose tensors are missing are left out. In RESNET.NUM_BLOCK_TEMP_KERNEL a stage without temporal kernels counts
    all its blocks, as PySlowFast's files do.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    blocks = [_places(shapes, rf"s{stage}\.pathway0_res(\d+)\.") for stage in range(2, 6)]
    found = {"RESNET.DEPTH": _DEPTHS.get(tuple(map(len, blocks)))}
    slow, fast, lateral = (
        shapes.get(f"{name}.weight") for name in ("s1.pathway0_stem.conv", "s1.pathway1_stem.conv", "s1_fuse.conv_f2s")
    )
    if slow:
        found["RESNET.WIDTH_PER_GROUP"] = slow[0]
    if slow and fast:
        found["SLOWFAST.BETA_INV"] = slow[0] // fast[0]
        found["DATA.INPUT_CHANNEL_NUM"] = [slow[1], fast[1]]
    if lateral:
        has_norm, has_bias = "s1_fuse.bn.weight" in shapes, "s1_fuse.conv_f2s.bias" in shapes
        found["SLOWFAST.LATERAL"] = "norm" if has_norm else "bias" if has_bias else "conv"
        found["SLOWFAST.FUSION_CONV_CHANNEL_RATIO"] = lateral[0] // lateral[1]
        found["SLOWFAST.FUSION_KERNEL_SZ"] = lateral[2]
    found["RESNET.NUM_BLOCK_TEMP_KERNEL"] = [
        [_temporal_blocks(shapes, stage, pathway) for pathway in range(2)] for stage in range(2, 6)
    ]
    found["NONLOCAL.LOCATION"] = [
        [_places(shapes, rf"s{stage}\.pathway{pathway}_nonlocal(\d+)\.") for pathway in range(2)]
        for stage in range(2, 6)
    ]
    return {key: value for key, value in found.items() if value is not None}


def overrides(settings: Mapping[str, object]) -> str:
    """Settings as a command line gives them."""
    return " ".join(f"{key} {_quoted(value) if isinstance(value, list) else value}" for key, value in settings.items())


def _quoted(value: list) -> str:
    text = str(value).replace(", ", ",")
    return f'"{text}"' if "'" in text else f"'{text}'"


def block_names(names: Iterable[str]) -> list[str]:
    """The interaction blocks, such as P1 and M1, in the order in which the head runs them."""
    matches = (re.match(r"head\.structure\.blocks\.(\w+)\.", name) for name in names)
    return list(dict.fromkeys(match[1] for match in matches if match))


def _places(names: Iterable[str], expression: str) -> list[int]:
    """The different numbers that names begin with, sorted."""
    return sorted({int(match[1]) for name in names if (match := re.match(expression, name))})


def _temporal_blocks(shapes: Mapping[str, tuple], stage: int, pathway: int) -> int:
    kernels = [
        shapes.get(f"s{stage}.pathway{pathway}_res{block}.branch2.a.weight", ())
        for block in _places(shapes, rf"s{stage}\.pathway{pathway}_res(\d+)\.")
    ]
    return sum(len(shape) == 5 and shape[2] > 1 for shape in kernels) or len(kernels)
