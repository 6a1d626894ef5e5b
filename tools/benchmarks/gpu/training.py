"""The training loop on the recordings: how fast it is, where it waits, and whether it goes on as it was stopped."""

import contextlib
import gc
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from torch.utils.data import DataLoader

from slowfast_thermal.engine import train as engine
from slowfast_thermal.engine.device import mixed_precision
from tools.benchmarks.gpu.parity import MAIN, exact_float32
from tools.benchmarks.gpu.run import Setting

ITERATIONS = 1000
# Iterations that are not timed: workers start, recordings are decoded, cuDNN chooses its kernels.
WARM_UP = 30
# Iterations in which the places are counted where the loop waits for the device.
WATCHED = 20
SOURCES = {"loader workers": False, "recordings on the device": True}


class _Enough(Exception):
    """Ends a training."""


class _Watch:
    """What happens in a training: takes the place of its loader, and of the function that reads its losses.

    Args:
        most: iterations after which the training ends, before it evaluates.
        end: time at which it ends, as of time.monotonic.
    """

    def __init__(self, most: int, end: float) -> None:
        self._most, self._end = most, end
        self.losses: list[float] = []
        self.starts: list[float] = []
        self.loader_waits: list[float] = []
        self.device_waits: list[float] = []
        """Seconds that reading the losses took, each with the iterations that were done then."""

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        construct, read = engine.construct_train_loader, engine._read_losses

        def construct_watched(*arguments: object) -> "_Watch":
            self._loader: DataLoader = construct(*arguments)
            self.sampler, self.dataset = self._loader.sampler, self._loader.dataset
            return self

        def read_watched(steps: list, *arguments: object) -> object:
            start = time.perf_counter()
            losses = [step.loss for step in steps]
            found = read(steps, *arguments)
            self.device_waits.append(time.perf_counter() - start)
            self.losses += [float(loss) for loss in losses]
            return found

        with (
            mock.patch.object(engine, "construct_train_loader", construct_watched),
            mock.patch.object(engine, "_read_losses", read_watched),
            contextlib.suppress(_Enough),
        ):
            yield

    def __iter__(self) -> Iterator[tuple]:
        batches = iter(self._loader)
        while True:
            start = time.perf_counter()
            self.starts.append(start)
            if len(self.starts) > self._most or time.monotonic() > self._end:
                raise _Enough
            try:
                batch = next(batches)
            except StopIteration:
                self.starts.pop()
                return
            self.loader_waits.append(time.perf_counter() - start)
            self.at_iteration(len(self.starts))
            yield batch

    def at_iteration(self, number: int) -> None:
        """Called before each iteration, from 1."""


def measure(setting: Setting) -> None:
    tell = setting.tell
    for place, (name, on_device) in enumerate(SOURCES.items()):
        end = time.monotonic() + setting.left * (0.55 if place == 0 else 0.9)
        cfg = setting.config(
            MAIN,
            SPEED__RECORDINGS_ON_DEVICE=on_device,
            OUTPUT_DIR=setting.folder / f"output{place}",
            DATA_LOADER__NUM_WORKERS=1 if setting.small else 2,
            LOG_PERIOD=2 if setting.small else 10,
            TENSORBOARD__ENABLE=False,
        )
        if not setting.small:
            tell(f"{name}, waits for the device an iteration, by place", _waits(cfg))
            gc.collect()
            torch.cuda.reset_peak_memory_stats()
        watch, began = _Watch(8 if setting.small else ITERATIONS, end), time.perf_counter()
        with watch.attached():
            engine.train(cfg)
        for figure, value in _figures(watch, began, 2 if setting.small else WARM_UP).items():
            tell(f"{name}, {figure}", value)
        if not setting.small:
            tell(f"{name}, memory, GB", torch.cuda.max_memory_allocated() / 1e9)


def _figures(watch: _Watch, began: float, warm_up: int) -> dict[str, object]:
    """`warm_up` iterations are left out. `watch.starts` ends with the time at which the last iteration was over."""
    done = len(watch.starts) - 1
    if done <= warm_up:
        return {"iterations": done}
    whole = watch.starts[-1] - watch.starts[warm_up]
    reads = watch.device_waits[len(watch.device_waits) * warm_up // done :]
    each = [after - before for before, after in zip(watch.starts[warm_up:], watch.starts[warm_up + 1 :])]
    part = max(len(watch.losses) // 10, 1)
    return {
        "iterations": done,
        "s until the first": watch.starts[1] - began,
        "s an iteration": whole / len(each),
        "s an iteration, median": statistics.median(each),
        "part of the time, waiting for the loader": sum(watch.loader_waits[warm_up:done]) / whole,
        "part of the time, reading losses": sum(reads) / whole,
        "mean loss, first tenth": statistics.fmean(watch.losses[:part]),
        "mean loss, last tenth": statistics.fmean(watch.losses[-part:]),
    }


class _Waits(_Watch):
    """Lets PyTorch warn of each wait for the device in the last WATCHED iterations."""

    def at_iteration(self, number: int) -> None:
        if number == self._most - WATCHED:
            torch.cuda.set_sync_debug_mode("warn")


def _waits(cfg) -> dict[str, float]:
    """Waits an iteration by file and line."""
    watch = _Waits(10 + WATCHED, time.monotonic() + 60)
    with warnings.catch_warnings(record=True) as caught, watch.attached():
        warnings.simplefilter("always")
        try:
            engine.train(cfg)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    places = Counter(
        f"{Path(warning.filename).name}, line {warning.lineno}"
        for warning in caught
        if "synchroniz" in str(warning.message)
    )
    return {place: count / WATCHED for place, count in places.most_common(12)}


def float16(setting: Setting) -> None:
    """Some iterations as on a GPU without bfloat16: in float16, with the scaler of the gradients."""
    cfg = setting.config(MAIN, LOG_PERIOD=2, TENSORBOARD__ENABLE=False)
    watch = _Watch(8 if setting.small else 40, setting.end)
    with mock.patch.object(torch.cuda, "is_bf16_supported", lambda **_: False):
        setting.tell("type", str(mixed_precision(cfg, setting.device)).removeprefix("torch."))
        with watch.attached():
            engine.train(cfg)
    setting.tell("iterations", len(watch.losses))
    setting.tell("first and last loss", [watch.losses[0], watch.losses[-1]])


def resume(setting: Setting) -> None:
    """Two epochs of a small network with interactions: at once, at once again, and with a stop after the first.

    The first two tell how far apart two equal runs end on this device, whose sums have no fixed order.
    """
    exact_float32()
    steps = 4
    runs = {"whole": [2], "again": [2], "resumed": [1, 2]}
    losses = {}
    for name, ends in runs.items():
        for epochs in ends:
            cfg = setting.config(
                "SLOWFAST_SMALL.yaml",
                OUTPUT_DIR=setting.folder / name,
                TRAIN__MIXED_PRECISION=False,
                TRAIN__BATCH_SIZE=4,
                TRAIN__EVAL_PERIOD=10,
                SOLVER__EPOCH_ITERS=steps,
                SOLVER__LR_POLICY="steps_with_relative_lrs",
                SOLVER__STEPS=[0],
                SOLVER__LRS=[1],
                SOLVER__BASE_LR=0.01,
                SOLVER__MAX_EPOCH=epochs,
                IA__ENABLE=True,
                IA__DIM_INNER=16,
                IA__DIM_OUT=320 if setting.small else 640,
                IA__LR_FACTOR=1.0,
                LOG_PERIOD=1,
                TENSORBOARD__ENABLE=False,
            )
            watch = _Watch(1000, setting.end)
            with watch.attached():
                engine.train(cfg)
        losses[name] = watch.losses[-steps:]
        setting.tell(f"losses after the stop, {name}", losses[name])

    def distance(name: str) -> float:
        return max(abs(one - other) / abs(other) for one, other in zip(losses[name], losses["whole"], strict=True))

    setting.tell("relative difference of two equal runs", distance("again"))
    setting.tell("relative difference of a run that was resumed", distance("resumed"))
