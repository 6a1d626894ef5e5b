"""Programs of tools/ in processes that need not start from nothing: a server has imported torch and the other libraries, which
takes seconds, and forks for each of them. This package they import themselves, as ever. What is about the start of a process,
or about its console, is tested with `subprocess`.
"""

import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from multiprocessing import forkserver, get_context, popen_forkserver
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[1]

_server = forkserver.ForkServer()
_server.set_forkserver_preload(
    "torch torch._dynamo torchvision torch.utils.tensorboard onnx onnxruntime fvcore.common.config iopath.common.file_io "
    "h5py hdf5plugin pandas scipy.ndimage scipy.optimize matplotlib.pyplot cv2 av PIL.Image simplejson jinja2 tabulate tqdm "
    "starlette.applications uvicorn pytest".split()
)


def run(script: str | Path, *arguments: object, **options: object) -> subprocess.CompletedProcess:
    """Runs a script with its arguments to its end; returns what subprocess.run does."""
    program = Program(script, *arguments, **options)
    out, err = program.communicate()
    return subprocess.CompletedProcess([script, *arguments], program.returncode, out, err)


class Program:
    """A script that runs, as a subprocess.Popen with text in pipes.

    Args:
        script: of Python, relative to the repository.
        ignore_warnings: those of Python, as `python -W ignore` does.
        folder: in which it runs.
    """

    def __init__(self, script: str | Path, *arguments: object, ignore_warnings: bool = False, folder: Path = ROOT):
        self._texts = [tempfile.NamedTemporaryFile("r") for _ in range(2)]
        names = [text.name for text in self._texts]
        command = [str(ROOT / script), *map(str, arguments)]
        target, details = _run, (command, folder, dict(os.environ), ignore_warnings, *names)
        self._process = get_context("forkserver").Process(target=target, args=details)
        with mock.patch.object(popen_forkserver.forkserver, "connect_to_new_process", _server.connect_to_new_process):
            self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """What it has written to the console when it has ended."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout)
        out, err = (text.read() for text in self._texts)
        return out, err


def _run(command: list[str], folder: Path, environ: dict[str, str], ignore_warnings: bool, out: str, err: str) -> None:
    for path, console in ((out, sys.stdout), (err, sys.stderr)):
        with open(path, "w") as file:
            os.dup2(file.fileno(), console.fileno())
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    if ignore_warnings:
        warnings.simplefilter("ignore")
    sys.argv = command
    sys.path[0] = str(Path(command[0]).parent)
    runpy.run_path(command[0], run_name="__main__")
