"""What it costs that OpenMP's threads wait for each other by running in circles, on a machine with other work.

A training step of a small 3D network on two threads, alone, beside a process that keeps a core busy, and beside a second
training; each with three ways to wait, which take turns, so that what else runs on the machine meets all of them alike.
"""

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack

import torch
from torch import nn

from tools.benchmarks.common import REPOSITORY

WAYS = {"unbounded": {}, "bounded": {"GOMP_SPINCOUNT": "10000"}, "asleep": {"OMP_WAIT_POLICY": "passive"}}
BESIDE = ("nothing", "a busy process", "a second training")
THREADS = 2
_SECONDS = 3.0
_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_CPU_AFFINITY", "OMP_PROC_BIND")


def _train(seconds: float) -> float:
    """Median seconds of a training step over a while."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    widths = (1, 16, 32, 64)
    layers = [
        layer
        for inputs, outputs in zip(widths, widths[1:])
        for layer in (nn.Conv3d(inputs, outputs, 3, padding=1, stride=(1, 2, 2)), nn.BatchNorm3d(outputs), nn.ReLU())
    ]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(widths[-1], 14))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    clips, times = torch.randn(8, 1, 16, 24, 24), []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        optimizer.zero_grad()
        network(clips).square().mean().backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:] or times)


def _start(way: str, seconds: float) -> subprocess.Popen:
    environ = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    environ |= {"OMP_NUM_THREADS": str(THREADS), **WAYS[way]}
    code = f"from tools.benchmarks.waiting import _train; print(_train({seconds}))"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, text=True
    )


def _step_seconds(way: str, beside: str) -> float:
    with ExitStack() as stack:
        if beside != BESIDE[0]:
            if beside == BESIDE[1]:
                other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            else:
                other = _start(way, 3600.0)
                time.sleep(3.0)
            stack.callback(other.wait)
            stack.callback(other.kill)
        return float(_start(way, _SECONDS).communicate()[0])


def measure(repeats: int) -> dict[str, object]:
    """Seconds of a step, and how they compare with unbounded waiting in the same turn."""
    rows = []
    for beside in BESIDE:
        turns = [{way: _step_seconds(way, beside) for way in WAYS} for _ in range(repeats)]
        for way in WAYS:
            ratios = [turn[way] / turn["unbounded"] for turn in turns]
            rows.append(
                {
                    "beside": beside,
                    "waiting": way,
                    "s a step, median": statistics.median(turn[way] for turn in turns),
                    "ratio, median": statistics.median(ratios),
                    "lowest": min(ratios),
                    "highest": max(ratios),
                }
            )
    return {"threads": THREADS, "turns": repeats, "load at the end (1 min)": os.getloadavg()[0], "steps": rows}
