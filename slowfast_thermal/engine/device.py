"""The device of this process and the numbers it computes with."""

from pathlib import Path

import torch


def current_device(cfg) -> torch.device:
    """The GPU of this process, or the CPU for NUM_GPUS 0."""
    return torch.device("cuda", torch.cuda.current_device()) if cfg.NUM_GPUS else torch.device("cpu")


def autocast(cfg, device: torch.device) -> torch.autocast:
    """The context of a forward pass: mixed precision for TRAIN.MIXED_PRECISION, else float32.

    bfloat16 where the hardware has it; else float16 on a GPU and float32 on a CPU.
    """
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    if _has_bfloat16(device):
        dtype = torch.bfloat16
    enabled = cfg.TRAIN.MIXED_PRECISION and dtype != torch.float32
    return torch.autocast(device.type, dtype=dtype if enabled else None, enabled=enabled)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "avx512_bf16" in flags.read_text()


def to_device(inputs: list[torch.Tensor], *others: torch.Tensor, device: torch.device) -> tuple:
    """The pathways and any further tensors of a batch on `device`."""
    return [pathway.to(device, non_blocking=True) for pathway in inputs], *(
        other.to(device, non_blocking=True) for other in others
    )
