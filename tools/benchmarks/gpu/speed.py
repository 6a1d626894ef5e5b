"""A training step of the main network with 4 clips: beside PySlowFast's, with other settings, by operation, compiled.

A baseline is the same network as PySlowFast runs it, in float32 or in its own mixed precision (float16 with a scaler), on
clips that its loader has resized to three channels and that lie in pinned memory. "Issued" is the time after which the
host has given a step to the device: where that is as long as the step, the device waits for the host.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from slowfast_thermal.engine.device import mixed_precision
from tools.benchmarks.common import median_seconds, synchronize
from tools.benchmarks.gpu.run import Setting
from tools.benchmarks.step import PlainWorkload, Workload, convolution_rate, profile

CLIPS = 4
STEPS = 10
# Steps before those that count: the first one makes the optimizer's state, and cuDNN chooses its kernels.
WARM_UP = 3
# What differs from the main configuration, with 4 clips.
VARIANTS = {
    "as configured": (),
    "without FOLD_NORM": ("SPEED.FOLD_NORM", "False"),
    "without FOLD_CHANNELS": ("SPEED.FOLD_CHANNELS", "False"),
    "without CHANNELS_LAST": ("SPEED.CHANNELS_LAST", "False"),
    "without FUSED_OPTIMIZER": ("SPEED.FUSED_OPTIMIZER", "False"),
    "ACTIVATION_CHECKPOINTS": ("SPEED.ACTIVATION_CHECKPOINTS", "True"),
    "float32": ("TRAIN.MIXED_PRECISION", "False"),
}


class PicturesWorkload(PlainWorkload):
    """PySlowFast's step on clips that are ready; `dtype` of its mixed precision, None for float32."""

    def __init__(self, device: torch.device, clips: int, dtype: torch.dtype | None, *options: str) -> None:
        super().__init__(device, clips, *options)
        self._dtype = dtype
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
        self.inputs = self._prepare(self.inputs)
        if device.type == "cuda":
            self.inputs = [pathway.pin_memory() for pathway in self.inputs]

    def forward(self) -> torch.Tensor:
        inputs = [pathway.to(self.device, non_blocking=True) for pathway in self.inputs]
        with torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None):
            return self.model(inputs, self.boxes, memory=self.memory)


def measure(setting: Setting) -> None:
    device, tell = setting.device, setting.tell
    sizes, clips = setting.overrides(), 1 if setting.small else CLIPS
    half = torch.bfloat16 if setting.small else torch.float16
    makers: dict[str, Callable[[], Workload]] = {
        "this project": lambda: Workload(device, clips, *sizes),
        "PySlowFast, float32": lambda: PicturesWorkload(device, clips, None, *sizes),
        "PySlowFast, mixed precision": lambda: PicturesWorkload(device, clips, half, *sizes),
    }
    tell("clips", clips)
    loads = {}
    for name, make in makers.items():
        loads[name], figures = _measured(make, device)
        for figure, value in figures.items():
            tell(f"{name}, {figure}", value)
    ours = loads["this project"]
    seconds = median_seconds({name: load.step for name, load in loads.items()}, 3 if setting.small else STEPS, device)
    for name, value in seconds.items():
        tell(f"{name}, in turns, s a step", value)
        tell(f"{name}, in turns, clips/s", clips / value)
        if name != "this project":
            tell(f"{name} to this project", value / seconds["this project"])

    with FlopCounterMode(display=False) as counter:
        ours.step()
    dtype = mixed_precision(ours.cfg, device) or torch.float32
    rate, operations = convolution_rate(device, dtype, 1 if setting.small else STEPS), counter.get_total_flops()
    tell("operations of a step, TFLOP", operations / 1e12)
    tell("type", str(dtype).removeprefix("torch."))
    tell("convolution rate, TFLOP/s", rate / 1e12)
    tell("part of the convolution rate", operations / rate / seconds["this project"])


def _measured(make: Callable[[], Workload], device: torch.device) -> tuple[Workload, dict[str, float]]:
    """A workload, and its step's times and, on a GPU, its own largest memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    workload = make()
    for _ in range(WARM_UP):
        workload.step()
    steps = STEPS if device.type == "cuda" else 2
    synchronize(device)
    start = time.perf_counter()
    for _ in range(steps):
        workload.step()
    synchronize(device)
    figures = {"s a step": (time.perf_counter() - start) / steps}
    if device.type == "cuda":
        figures["issued, s a step"] = _issuing(workload)
        figures["memory, GB"] = (torch.cuda.max_memory_allocated() - before) / 1e9
    return workload, figures


def _issuing(workload: Workload) -> float:
    times = []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        workload.step()
        times.append(time.perf_counter() - start)
    torch.cuda.synchronize()
    return statistics.median(times)


def variants(setting: Setting) -> None:
    device, sizes = setting.device, setting.overrides()
    clips = 1 if setting.small else CLIPS
    makers = {
        name: (lambda options=options: Workload(device, clips, *sizes, *options)) for name, options in VARIANTS.items()
    }
    makers["cudnn.benchmark"] = makers["as configured"]
    makers["twice the clips"] = lambda: Workload(device, 2 * clips, *sizes)
    makers["R50 4x16, serial"] = lambda: Workload(device, clips, *sizes, config="SLOWFAST_4x16_R50_SERIAL_IA.yaml")
    for name, make in list(makers.items())[: 2 if setting.small else None]:
        torch.backends.cudnn.benchmark = name == "cudnn.benchmark"
        try:
            _, figures = _measured(make, device)
        except torch.cuda.OutOfMemoryError as error:
            figures = {"error": str(error).splitlines()[0]}
        setting.tell(name, figures)


def by_operation(setting: Setting) -> None:
    workload, _ = _measured(
        lambda: Workload(setting.device, 1 if setting.small else CLIPS, *setting.overrides()), setting.device
    )
    setting.tell("operators", profile(workload.step, setting.device, rows=20))


def compiled(setting: Setting) -> None:
    """A CPU compiles too long for a run that only shows that it ends; there the step is not compiled."""

    def make() -> Workload:
        overrides = setting.overrides(SPEED__COMPILE=not setting.small)
        workload = Workload(setting.device, 1 if setting.small else CLIPS, *overrides)
        start = time.perf_counter()
        workload.step()
        synchronize(setting.device)
        setting.tell("first step, s", time.perf_counter() - start)
        return workload

    _, figures = _measured(make, setting.device)
    for figure, value in figures.items():
        setting.tell(figure, value)
