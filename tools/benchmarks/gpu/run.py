"""One run over all parts, each in a process of its own.

A part that fails, runs out of memory, breaks the device's context or hangs is ended and noted, and the next one starts.
Every figure is written as soon as it is known, so a run that is cut short leaves what it has.
"""

import dataclasses
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.files import replacing
from slowfast_thermal.preparation.synthetic import synthesize
from tools.benchmarks.common import CONFIGS
from tools.benchmarks.gpu import report

# The parts in their order, shortest and most telling first, and the share of the time that each may take. What one
# leaves over, the next may use. A part is the function `measure` of the module before the colon, or the one named after it.
SHARES = {
    "machine": 0.04,
    "parity": 0.07,
    "speed": 0.1,
    "training": 0.26,
    "speed:variants": 0.09,
    "speed:by_operation": 0.03,
    "evaluation": 0.06,
    "training:resume": 0.06,
    "training:float16": 0.03,
    "processes": 0.12,
    "processes:tests": 0.08,
    "speed:compiled": 0.06,
}
# A part that has less time than this is left out.
LEAST_SECONDS = 5.0
# Of a network that a CPU trains in a fraction of a second: on a CPU the run only shows that it ends.
SMALL = (
    "THERMAL.INPUT_SIZE [32,48] DATA.NUM_FRAMES 8 DATA.SAMPLING_RATE 4 RESNET.DEPTH 50 RESNET.WIDTH_PER_GROUP 8 "
    "RESNET.NUM_BLOCK_TEMP_KERNEL [[3,3],[4,4],[6,6],[3,3]] IA.DIM_INNER 16 IA.DIM_OUT 288 DATA_LOADER.NUM_WORKERS 0"
).split()


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a part is given.

    Attributes:
        device: the GPU, or the CPU for a run with small networks.
        data: folder of the recordings.
        folder: empty, for what the part writes.
        end: of its time, as of time.monotonic.
        tell: notes a figure by its name.
    """

    device: torch.device
    data: Path
    folder: Path
    end: float
    tell: Callable[[str, object], None]

    @property
    def small(self) -> bool:
        return self.device.type == "cpu"

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def overrides(self, **keys: object) -> list[str]:
        """Of a configuration on this device and data, with `NODE__KEY=value` for more."""
        classes = load_annotations([self.data / "annotations" / "train.json"]).classes
        fixed = {"DATA.PATH_TO_DATA_DIR": self.data, "OUTPUT_DIR": self.folder / "output"}
        fixed |= {"MODEL.NUM_CLASSES": len(classes), "NUM_GPUS": 0 if self.small else 1}
        fixed |= {key.replace("__", "."): value for key, value in keys.items()}
        return [*(SMALL if self.small else []), *(str(part) for pair in fixed.items() for part in pair)]

    def config(self, name: str, **keys: object):
        """Configuration `name` of configs/Thermal with these overrides."""
        return load_config(str(CONFIGS / name), self.overrides(**keys))


def measure(
    minutes: float, device: torch.device, data: str, output: Path, parts: list[str] = list(SHARES)
) -> dict[str, dict[str, object]]:
    """Runs the parts; `output` holds the results so far as JSON and as a table, and the log of what the parts print.

    Args:
        minutes: for all parts; one that is running then is ended.
        device: see Setting.
        data: folder of the recordings; empty: synthetic ones.
        output: folder.
        parts: names of SHARES, in that order.

    Returns:
        What each part has told by the name of the figure, "seconds", and "error" where it did not end well.

    Raises:
        InputError: there are no annotations in `data`.
    """
    output.mkdir(parents=True, exist_ok=True)
    _file(output, device, "log").unlink(missing_ok=True)
    results: dict[str, dict[str, object]] = {}
    end_of_all = time.monotonic() + 60 * minutes
    context = _ready_to_fork()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        if not data:
            data = f"{folder}/data"
            synthesize(data, num_recordings=8, num_keyframes=400)
        load_annotations([Path(data) / "annotations" / "train.json"])
        whole = sum(SHARES[name] for name in parts)
        share = 0.0
        for name in parts:
            share += SHARES[name] / whole
            end = started + share * (end_of_all - started)
            found = results[name] = {}
            if end - time.monotonic() < LEAST_SECONDS:
                found["error"] = "left out: the time was up"
            else:
                scratch = Path(folder) / name.replace(":", "_")
                scratch.mkdir()
                setting = Setting(device, Path(data), scratch, end, print)
                _run_part(context, name, setting, output, results)
            _write(results, device, output)
            print(f"{time.monotonic() - started:6.0f} s  {name}: {found.get('error', 'done')}", flush=True)
    return results


def _ready_to_fork() -> multiprocessing.context.BaseContext:
    """Starts processes that have imported everything. (One that has asked for a GPU can no longer be forked.)"""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"tools.benchmarks.gpu.{name.partition(':')[0]}" for name in SHARES])
    first = context.Process(target=int)
    first.start()
    first.join()
    return context


def _run_part(context, name: str, setting: Setting, output: Path, results: dict[str, dict[str, object]]) -> None:
    started = time.monotonic()
    found = results[name]
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(target=_part, args=(name, setting, _file(output, setting.device, "log"), writing))
    process.start()
    writing.close()
    try:
        while (left := setting.end - time.monotonic()) > 0:
            if reading.poll(left):
                found.update(dict([reading.recv()]))
                _write(results, setting.device, output)
        found["error"] = "ended: its time was up"
    except EOFError:  # the part has ended
        process.join(10)
        if process.exitcode and "error" not in found:
            number = -process.exitcode
            found["error"] = f"ended by {signal.Signals(number).name}" if number > 0 else "ended without a word"
    finally:
        end_family(process.pid)
        process.join(10)
        found["seconds"] = time.monotonic() - started


def _part(name: str, setting: Setting, log: Path, results: Connection) -> None:
    """Runs in a process of its own."""
    with log.open("a") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    print(f"\n---- {name}", flush=True)
    module, _, function = name.partition(":")

    def tell(figure: str, value: object) -> None:
        results.send((figure, value))

    try:
        part = getattr(importlib.import_module(f"tools.benchmarks.gpu.{module}"), function or "measure")
        part(dataclasses.replace(setting, tell=tell))
    except Exception as error:
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = " ".join(str(error).split())[:300]
        tell("error", f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}: {told}")


def end_family(pid: int) -> None:
    """Ends a process with all that it has started, in whatever group or session."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass


def _file(output: Path, device: torch.device, suffix: str) -> Path:
    return output / f"benchmark_gpu_{device.type}.{suffix}"


def _write(results: dict[str, dict[str, object]], device: torch.device, output: Path) -> None:
    texts = {"json": json.dumps(results, indent=2) + "\n", "md": report.table(results, device.type == "cuda")}
    for suffix, text in texts.items():
        with replacing(_file(output, device, suffix)) as temporary:
            Path(temporary).write_text(text)
