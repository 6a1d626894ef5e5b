"""A training step and the inference of SlowFast R101 8x8 with dense interactions at 256x384.

The baseline is the same network as PySlowFast runs it: float32, clips of three channels that were resized on the CPU and are
copied to the device, batch norm and channels as they are, an optimizer that loops over the parameters. Both have the
same weights, people and memory. The limit is the counted floating point operations of the step at the device's measured
rate for a convolution in the type that the step computes in.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.autograd import DeviceType
from torch.utils.flop_counter import FlopCounterMode

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.training_state import unwrap
from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.planes import planes
from slowfast_thermal.engine.device import autocast, mixed_precision
from slowfast_thermal.models.input_layer import ThermalInput
from slowfast_thermal.models.roi_head import interaction_lr_factors
from tools.benchmarks.common import CONFIGS, median_seconds

SENSOR = (40, 60)
PLAIN = (
    "TRAIN.MIXED_PRECISION False SPEED.CHANNELS_LAST False SPEED.FOLD_NORM False SPEED.FOLD_CHANNELS False "
    "SPEED.FUSED_OPTIMIZER False"
).split()


class Workload:
    """A network with what it is given: clips at the sensor's resolution with some people each."""

    def __init__(
        self,
        device: torch.device,
        clips: int,
        *options: str,
        config: str = "SLOWFAST_8x8_R101_DENSE_IA.yaml",
        people: int = 2,
    ) -> None:
        self.device = device
        gpus = "1" if device.type == "cuda" else "0"
        self.cfg = load_config(str(CONFIGS / config), ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", gpus, *options])
        torch.manual_seed(0)
        with device:  # a GPU draws a hundred million weights faster
            self.model = pyslowfast.build_model(self.cfg, device)
        self.optimizer = pyslowfast.construct_optimizer(
            self.model, self.cfg, interaction_lr_factors(self.model, self.cfg)
        )
        pyslowfast.set_lr(self.optimizer, 1e-4)
        self.scaler = torch.amp.GradScaler(device.type, enabled=False)
        frames = (self.cfg.DATA.NUM_FRAMES // self.cfg.SLOWFAST.ALPHA, self.cfg.DATA.NUM_FRAMES)
        node = self.cfg.THERMAL
        self.inputs = [torch.rand(clips, len(planes(node.CHANNELS)), count, *SENSOR) for count in frames]
        height, width = SENSOR if node.PERSON_CROPS.ENABLE else node.INPUT_SIZE
        box = [0.2 * width, 0.2 * height, 0.6 * width, 0.9 * height]
        self.boxes = torch.tensor([[clip, *box] for clip in range(clips) for _ in range(people)])
        self.labels = torch.zeros(len(self.boxes), dtype=torch.int64)
        structure = getattr(unwrap(self.model).head, "structure", None)
        self.memory = torch.rand(clips, *structure.memory_shape, device=device) if structure else None

    def forward(self) -> torch.Tensor:
        """The people's logits or scores, as the network's mode is."""
        inputs = [pathway.to(self.device, non_blocking=True) for pathway in self.inputs]
        with autocast(self.cfg, self.device):
            return self.model(inputs, self.boxes, memory=self.memory)

    def step(self) -> None:
        """Forward, backward and update."""
        self.model.train()
        if self.cfg.MODEL.FROZEN_BN:
            pyslowfast.frozen_bn_stats(self.model)
        loss = F.cross_entropy(self.forward().float(), self.labels.to(self.device, non_blocking=True))
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    @torch.inference_mode()
    def infer(self) -> None:
        """Scores, left on the device."""
        self.model.eval()
        self.forward()


class PlainWorkload(Workload):
    """The baseline."""

    def __init__(self, device: torch.device, clips: int, *options: str) -> None:
        super().__init__(device, clips, *PLAIN, *options)
        self._prepare = ThermalInput(self.cfg.THERMAL.INPUT_SIZE, self.cfg.DATA.MEAN, self.cfg.DATA.STD, False)
        self.model.input_layer = torch.nn.Identity()
        self._sensor_inputs = self.inputs

    def forward(self) -> torch.Tensor:
        self.inputs = self._prepare(self._sensor_inputs)
        return super().forward()


def convolution_rate(device: torch.device, dtype: torch.dtype, repeats: int) -> float:
    """Floating point operations a second of a 3x3 convolution of 256 channels, forward, channels last.

    A GPU is given many at once, so that issuing them does not count.
    """
    calls = 20 if device.type == "cuda" else 1
    clip = torch.rand(4, 256, 8, 32, 48, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last_3d)
    weight = torch.rand(256, 256, 1, 3, 3, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last_3d)

    @torch.inference_mode()
    def run() -> None:
        for _ in range(calls):
            F.conv3d(clip, weight, padding=(0, 1, 1))

    return calls * 2 * clip.numel() * 256 * 9 / median_seconds({"conv": run}, repeats, device)["conv"]


def profile(run: Callable[[], None], device: torch.device, rows: int = 10) -> list[dict[str, object]]:
    """The operators that take most of a run, with their part of it."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        run()
    key = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    # Kernels of a GPU stand in the list too, beside the operators that have started them.
    operators = [event for event in profiler.key_averages() if event.device_type == DeviceType.CPU]
    events = sorted(operators, key=lambda event: getattr(event, key), reverse=True)
    whole = sum(getattr(event, key) for event in events)
    return [
        {"operator": event.key, "calls": event.count, "part": getattr(event, key) / whole} for event in events[:rows]
    ]


def measure(part: str, clips: int, repeats: int, device: torch.device) -> dict[str, object]:
    """Part "step" or "inference"."""
    name = {"step": "step", "inference": "infer"}[part]
    baseline, ours = PlainWorkload(device, clips), Workload(device, clips)
    ours.model.load_state_dict(baseline.model.state_dict())
    found: dict[str, object] = {"clips": clips}
    workloads: dict[str, Workload] = {"baseline": baseline, "this project": ours}
    seconds = median_seconds({key: getattr(load, name) for key, load in workloads.items()}, repeats, device)
    found |= {f"{key}, s": value for key, value in seconds.items()}
    found["ratio"] = seconds["baseline"] / seconds["this project"]
    dtype = mixed_precision(ours.cfg, device) or torch.float32
    with FlopCounterMode(display=False) as counter:
        getattr(ours, name)()
    rate = convolution_rate(device, dtype, repeats)
    limit = counter.get_total_flops() / rate
    found |= {
        "type": str(dtype).removeprefix("torch."),
        "operations, TFLOP": counter.get_total_flops() / 1e12,
        "convolution, TFLOP/s": rate / 1e12,
        "limit, s": limit,
        "part of the limit": limit / seconds["this project"],
    }
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        getattr(ours, name)()
        found["device memory, GB"] = torch.cuda.max_memory_allocated() / 1e9
    found["profile"] = profile(getattr(ours, name), device)
    return found
