"""Weights and inputs of the full-size golden cases, made from tensor names alone.

A case is a JSON of AlphAction tensor names and shapes (`alphaction_state_dicts/`) and an NPZ of what AlphAction computes with these
weights on this input (`alphaction_full_golden/`): `slow_mean` and `fast_mean` (backbone outputs averaged over time and space), `pooled_people`
(people, 2304) after RoIAlign and max-pool, `logits` (people, classes). Boxes are used as given, in pixels of the 96x128 input, not enlarged.
"""

import zlib

import numpy as np


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 tensor that stands under `name`; the same on every machine."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        value = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        value = rng.normal(0, 0.1, shape)
    elif len(shape) == 1 and name.endswith("weight"):
        value = rng.uniform(0.3, 0.7, shape)
    elif name.endswith("bias"):
        value = rng.normal(0, 0.1, shape)
    elif "dense_params" in name:
        value = rng.normal(0, 1, shape)
    elif "temporal_position" in name:
        value = rng.normal(0, 0.1, shape)
    else:
        gain = 2.0 if "backbone" in name else 1.0
        value = rng.normal(0, 1, shape) * np.sqrt(gain / np.prod(shape[1:]))
    return value.astype(np.float32)


def clip(seed: int, slow_frames: int, height: int = 96, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Slow (1, 3, slow_frames, H, W) and fast (1, 3, 32, H, W) pathway inputs, already normalised, three different channels."""
    rng = np.random.default_rng(seed)
    slow = rng.normal(size=(1, 3, slow_frames, height, width)).astype(np.float32)
    fast = rng.normal(size=(1, 3, 32, height, width)).astype(np.float32)
    return slow, fast


CASES = {"resnet50_4x16f_baseline": (7, 4)}
