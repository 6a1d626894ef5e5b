"""The machine: what it is, and the rates that its arithmetic and its memory reach."""

from collections.abc import Callable

import torch
import torchvision

from tools.benchmarks.common import environment, median_seconds
from tools.benchmarks.gpu.run import Setting
from tools.benchmarks.step import convolution_rate


def measure(setting: Setting) -> None:
    device, tell, repeats = setting.device, setting.tell, 1 if setting.small else 5
    for name, value in environment(device).items():
        tell(name, value)
    tell("torchvision", torchvision.__version__)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        tell("GPUs", torch.cuda.device_count())
        tell("CUDA", torch.version.cuda)
        tell("cuDNN", torch.backends.cudnn.version())
        tell("NCCL", ".".join(map(str, torch.cuda.nccl.version())))
        tell("memory, GB", properties.total_memory / 1e9)
        tell("multiprocessors", properties.multi_processor_count)
        tell("bfloat16", torch.cuda.is_bf16_supported(including_emulation=False))
    for dtype in (torch.bfloat16, torch.float32) if setting.small else (torch.bfloat16, torch.float16, torch.float32):
        kind = str(dtype).removeprefix("torch.")
        tell(f"convolution, {kind}, TFLOP/s", convolution_rate(device, dtype, repeats) / 1e12)
        tell(f"matrix product, {kind}, TFLOP/s", _matrix_rate(device, dtype, 256 if setting.small else 8192) / 1e12)
    tell("float32 convolutions compute in TF32", device.type == "cuda" and torch.backends.cudnn.allow_tf32)

    size = 2**22 if setting.small else 2**30
    here, other = (torch.zeros(size, dtype=torch.uint8, device=device) for _ in range(2))
    tell("copy on the device, GB/s read and written", 2 * size / _seconds(lambda: here.copy_(other), device) / 1e9)
    if device.type == "cuda":
        pageable = torch.zeros(size // 4, dtype=torch.uint8)
        for name, host in (("pinned", pageable.pin_memory()), ("pageable", pageable)):
            seconds = _seconds(lambda host=host: here[: size // 4].copy_(host, non_blocking=True), device)
            tell(f"copy from {name} memory, GB/s", size / 4 / seconds / 1e9)


def _matrix_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    left, right = (torch.rand(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / _seconds(lambda: left @ right, device)


def _seconds(function: Callable[[], object], device: torch.device, calls: int = 5) -> float:
    """Of one call of several, for which the device is waited for together."""

    def run() -> None:
        for _ in range(calls):
            function()

    return median_seconds({"calls": run}, 5, device)["calls"] / calls
