"""Commands of their own: torchrun with a process for each GPU, a training that is stopped and goes on, and the tests.

On a CPU torchrun starts one process, which talks through gloo.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from tools.benchmarks.common import CONFIGS, REPOSITORY
from tools.benchmarks.gpu.run import Setting, end_family

# Tests of what runs on the device.
DEVICE_TESTS = (
    "tests/models/test_losses.py",
    "tests/models/test_network.py",
    "tests/models/test_folding.py",
    "tests/models/test_interaction.py",
    "tests/models/test_roi_head.py",
    "tests/models/test_feature_bank.py",
    "tests/engine/test_device.py",
)


class _Command:
    """A command that is ended, with all that it has started, when the block ends."""

    def __init__(self, setting: Setting, *arguments: str) -> None:
        self._end = setting.end
        self._log = tempfile.TemporaryFile("w+")
        environ = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}"}
        command = [sys.executable, *arguments]
        streams = {"stdout": self._log, "stderr": subprocess.STDOUT}
        self._process = subprocess.Popen(command, cwd=REPOSITORY, env=environ, text=True, **streams)

    def __enter__(self) -> "_Command":
        return self

    def __exit__(self, *_exception: object) -> None:
        end_family(self._process.pid)
        self._process.wait()
        self._log.seek(0)
        print(self._log.read()[-5000:], flush=True)
        self._log.close()

    def wait_for(self, folder: Path, name: str) -> None:
        """Until a file lies in a folder. RuntimeError if the command ends before."""
        while not (folder / name).exists():
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.command} ended with {self._process.returncode}: {self.output()[-300:]}")
            if time.monotonic() > self._end:
                raise TimeoutError(f"{self.command} wrote no {name} in time")
            time.sleep(0.05)

    @property
    def command(self) -> str:
        return " ".join(self._process.args[1:6])

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def output(self) -> str:
        """What it printed, once it has ended."""
        self._process.wait(timeout=max(self._end - time.monotonic(), 1))
        self._log.seek(0)
        return self._log.read()

    def output_of_success(self) -> str:
        text = self.output()
        if self._process.returncode:
            raise RuntimeError(f"{self.command} ended with {self._process.returncode}: {' '.join(text.split())[-200:]}")
        return text


def torchrun(setting: Setting, processes: int, *arguments: str) -> _Command:
    options = ("--standalone", "--nproc_per_node", str(processes))
    return _Command(setting, "-m", "torch.distributed.run", *options, *arguments)


def measure(setting: Setting) -> None:
    processes = 1 if setting.small else torch.cuda.device_count()
    setting.tell("processes", processes)
    found = setting.folder / "exchange.json"
    arguments = ("-m", "tools.benchmarks.gpu.exchange", str(found), *setting.overrides())
    with torchrun(setting, processes, *arguments) as command:
        command.output_of_success()
    for figure, value in json.loads(found.read_text()).items():
        setting.tell(figure, value)
    _stop_and_go_on(setting, processes)


def _stop_and_go_on(setting: Setting, processes: int) -> None:
    """SIGTERM to torchrun in the middle of a training, and the same command again."""
    output = setting.folder / "stopped"
    keys = dict(OUTPUT_DIR=output, TRAIN__BATCH_SIZE=4 * processes, TRAIN__EVAL_PERIOD=1000, TEST__ENABLE=False)
    keys |= dict(TRAIN__CHECKPOINT_PERIOD=1, SOLVER__EPOCH_ITERS=4, TENSORBOARD__ENABLE=False)
    overrides = setting.overrides(**keys)
    command = ("tools/run_net.py", "--cfg", str(CONFIGS / "SLOWFAST_SMALL.yaml"), *overrides, "SOLVER.MAX_EPOCH")
    checkpoints = output / "checkpoints"
    with torchrun(setting, processes, *command, "1000") as run:
        run.wait_for(checkpoints, "checkpoint_epoch_00001.pyth")
        start = time.monotonic()
        run.stop()
        stopped = run.output()
        setting.tell("s from SIGTERM to the end", time.monotonic() - start)
    setting.tell("SIGTERM was told and a checkpoint kept", "SIGTERM stopped the run" in stopped)
    epochs = max(int(path.name.split("_")[2].removesuffix(".pyth")) for path in checkpoints.glob("checkpoint_*"))
    with torchrun(setting, processes, *command, str(epochs + 1)) as run:
        setting.tell("the same command went on", "Resumed from" in run.output_of_success())


def tests(setting: Setting) -> None:
    files = DEVICE_TESTS[:1] if setting.small else DEVICE_TESTS
    options = ("-q", "-m", "not slow", "-p", "no:cacheprovider", "--device", setting.device.type)
    with _Command(setting, "-m", "pytest", *options, *files) as command:
        text = command.output()
    counts = {
        word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", text)
    }
    if not counts:
        raise RuntimeError(f"{command.command} told no result: {' '.join(text.split())[-200:]}")
    setting.tell("passed", counts.get("passed", 0))
    setting.tell("skipped", counts.get("skipped", 0))
    setting.tell("failed", counts.get("failed", 0) + counts.get("error", 0))
    setting.tell("which failed", re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)[:20])
