"""The device of this process and the numbers it computes with."""

from pathlib import Path

import torch

# Frames under the longest kernel of each of SlowFast's pathways.
_SLOW_KERNEL, _FAST_KERNEL = 3, 5


def current_device(cfg) -> torch.device:
    """The GPU of this process, or the CPU for NUM_GPUS 0."""
    return torch.device("cuda", torch.cuda.current_device()) if cfg.NUM_GPUS else torch.device("cpu")


def mixed_precision(cfg, device: torch.device) -> torch.dtype | None:
    """The type that takes the place of float32 in a forward pass, None where nothing does.

    With TRAIN.MIXED_PRECISION it is bfloat16 where the hardware has it, else float16 on a GPU. On a CPU clips shorter than the
    network's kernels stay float32: there oneDNN 3.12 (torch 2.14) gives wrong gradients of the weights, or none that are numbers.
    """
    if not cfg.TRAIN.MIXED_PRECISION:
        return None
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    slow, fast = cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA, cfg.DATA.NUM_FRAMES
    if slow < _SLOW_KERNEL or fast < max(_FAST_KERNEL, cfg.SLOWFAST.FUSION_KERNEL_SZ):
        return None
    flags = Path("/proc/cpuinfo")
    return torch.bfloat16 if flags.exists() and "avx512_bf16" in flags.read_text() else None


def autocast(cfg, device: torch.device) -> torch.autocast:
    """The context of a forward pass."""
    dtype = mixed_precision(cfg, device)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def to_device(inputs: list[torch.Tensor], *others: torch.Tensor, device: torch.device) -> tuple:
    """The pathways and any further tensors of a batch on `device`."""
    return [pathway.to(device, non_blocking=True) for pathway in inputs], *(
        other.to(device, non_blocking=True) for other in others
    )
