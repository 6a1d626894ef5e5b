"""What it costs that two processes learn together: a training step of each, alone, beside the other, and with it.

Each process has one thread and clips of its own. Two that do not know of each other share the memory's bandwidth only; what
the step takes longer when they exchange gradients (gloo, on this machine) is the cost of data parallelism. The network is that
of `SLOWFAST_4x16_R50_SCRATCH_IA.yaml`.
"""

import multiprocessing
import tempfile
from collections.abc import Callable

import torch

from slowfast_thermal.engine.processes import Place, process_group
from tools.benchmarks.common import median_seconds
from tools.benchmarks.step import Workload

CPU = torch.device("cpu")
TIMEOUT = 300


def _workload(clips: int) -> Workload:
    torch.set_num_threads(1)
    return Workload(CPU, clips, config="SLOWFAST_4x16_R50_SCRATCH_IA.yaml")


def _apart(_place: Place, clips: int, repeats: int) -> float:
    return median_seconds({"step": _workload(clips).step}, repeats)["step"]


def _together(place: Place, clips: int, repeats: int) -> float:
    with process_group(place, "gloo", TIMEOUT):
        return _apart(place, clips, repeats)


def _slowest(function: Callable[[Place, int, int], float], processes: int, clips: int, repeats: int) -> float:
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(processes) as pool:
        places = [Place(rank, processes, rank, 0, 1, f"file://{folder}/meeting") for rank in range(processes)]
        return max(pool.starmap(function, [(place, clips, repeats) for place in places], chunksize=1))


def measure(clips: int, repeats: int) -> dict[str, float]:
    """`clips` are of each process and step."""
    seconds = {
        "one process, s a step": _slowest(_apart, 1, clips, repeats),
        "two that do not exchange gradients, s": _slowest(_apart, 2, clips, repeats),
        "two that do, s": _slowest(_together, 2, clips, repeats),
    }
    one, apart, together = seconds.values()
    gradients = sum(p.numel() * p.element_size() for p in _workload(clips).model.parameters() if p.requires_grad)
    return {
        "clips of each process": clips,
        **seconds,
        "cost of exchanging gradients": together / apart - 1,
        "clips a second, two processes to one": 2 * one / together,
        "gradients, MB": gradients / 1e6,
    }
