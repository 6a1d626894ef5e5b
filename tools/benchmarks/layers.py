"""How far a training step is from what its convolutions reach when each of them runs alone.

Every convolution of a step, forward, backward by its input and backward by its weights, is run alone in its own shape, in each memory
format and type that the device has; the fastest counts. Their sum is what a step could take if nothing but convolutions
took time and each found its best way. Beside it stand the layers and the other operators that cost most in the step itself.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from slowfast_thermal.engine.device import mixed_precision
from tools.benchmarks.common import median_seconds, synchronize
from tools.benchmarks.step import Workload, profile

_FORMATS = {"as it is": torch.contiguous_format, "channels last": torch.channels_last_3d}
_CONVOLUTION = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default
# Convolutions are run alone this often, after a first time that does not count; the fastest counts.
_RUNS = 3


class Call(NamedTuple):
    """A convolution as it is called: what is computed of it, the shapes of input and weights, and the rest of its arguments."""

    what: str
    input: tuple[int, ...]
    weight: tuple[int, ...]
    rest: tuple

    @property
    def layer(self) -> str:
        kernel = "x".join(map(str, self.weight[2:]))
        size = "x".join(map(str, self.input[2:]))
        return f"{self.what}: {self.weight[1]} to {self.weight[0]}, kernel {kernel}, of {size}"


class _Convolutions(TorchDispatchMode):
    """Notes the convolutions that are called and what they take. A backward of both inputs and weights counts as one of each."""

    def __init__(self, device: torch.device):
        super().__init__()
        self.device = device
        self.count: Counter[Call] = Counter()
        self.seconds: Counter[Call] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function not in _CONVOLUTION:
            return function(*args, **(kwargs or {}))
        synchronize(self.device)
        start = time.perf_counter()
        found = function(*args, **(kwargs or {}))
        synchronize(self.device)
        for call in self._calls(function, args):
            self.count[call] += 1
            self.seconds[call] += (time.perf_counter() - start) / max(sum(args[-1][:2]) if len(args) > 9 else 1, 1)
        return found

    def _calls(self, function, args) -> list[Call]:
        if function is _CONVOLUTION[0]:
            images, weight = args[:2]
            return [Call("forward", tuple(images.shape), tuple(weight.shape), _frozen(args[3:9]))]
        _, images, weight = args[:3]
        shapes = tuple(images.shape), tuple(weight.shape), _frozen(args[4:10])
        names = ("backward by input", "backward by weights")
        return [Call(name, *shapes) for name, is_wanted in zip(names, args[10]) if is_wanted]


def _frozen(arguments: tuple) -> tuple:
    return tuple(tuple(each) if isinstance(each, (list, tuple)) else each for each in arguments)


def _alone(call: Call, device: torch.device, dtypes: list[torch.dtype]) -> tuple[float, str]:
    """The fewest seconds of a convolution by itself, and in which way."""
    best = float("inf"), ""
    for dtype in dtypes:
        for name, layout in _FORMATS.items():
            images = torch.rand(call.input, device=device, dtype=dtype).contiguous(memory_format=layout)
            weight = torch.rand(call.weight, device=device, dtype=dtype).contiguous(memory_format=layout)
            with torch.no_grad():
                output = torch.ops.aten.convolution(images, weight, None, *call.rest)
                mask = [call.what == "backward by input", call.what == "backward by weights", False]
                run: Callable[[], object] = lambda: torch.ops.aten.convolution(images, weight, None, *call.rest)  # noqa: E731
                if call.what != "forward":
                    run = lambda: torch.ops.aten.convolution_backward(output, images, weight, None, *call.rest, mask)  # noqa: E731
                times = []
                for _ in range(_RUNS + 1):
                    synchronize(device)
                    start = time.perf_counter()
                    run()
                    synchronize(device)
                    times.append(time.perf_counter() - start)
            best = min(best, (min(times[1:]), f"{str(dtype).removeprefix('torch.')}, {name}"))
    return best


def measure(config: str, clips: int, repeats: int, device: torch.device) -> dict[str, object]:
    """Of the training step of a configuration."""
    workload = Workload(device, clips, config=config)
    step = median_seconds({"step": workload.step}, repeats, device)["step"]
    with _Convolutions(device) as seen:
        workload.step()
    dtypes = [torch.float32] + [dtype for dtype in [mixed_precision(workload.cfg, device)] if dtype]
    alone = {call: _alone(call, device, dtypes) for call in seen.count}
    best = sum(seconds * seen.count[call] for call, (seconds, _) in alone.items())
    rows = [
        {
            "convolution": call.layer,
            "calls": seen.count[call],
            "in the step, ms": 1000 * seconds,
            "alone, ms": 1000 * alone[call][0] * seen.count[call],
            "fastest as": alone[call][1],
        }
        for call, seconds in seen.seconds.most_common(10)
    ]
    others = [row for row in profile(workload.step, device, 25) if "conv" not in row["operator"]][:10]
    return {
        "clips": clips,
        "step, s": step,
        "convolutions in the step, s": sum(seen.seconds.values()),
        "convolutions alone, s": best,
        "part of the limit": best / step,
        "layers": rows,
        "other operators": others,
    }
