"""An exported network, run by onnxruntime or OpenVINO, and the trees beside it; torch is not needed.

Letters as in `graph`.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.people.detector import FindPeople, most_likely
from slowfast_thermal.trees.forest import load_forest

# What watches people reports to nobody else; onnxruntime reads this once, when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

SETTINGS, TREES = "settings.json", "trees.npz"
PEOPLE = "people.onnx"
FORMATS = {"onnx": "actions.onnx", "openvino": "actions.xml", "torch": "actions.pt2"}


def open_people(folder: Path, num_threads: int = 0) -> FindPeople | None:
    """The exported detector of a folder; None where there is none. Raises InputError if it cannot be run."""
    if not has_detector(folder):
        return None
    # OpenVINO reads ONNX too, and a folder for it need not install another.
    opened = _open_openvino if (folder / FORMATS["openvino"]).is_file() else _open_onnx
    run = _open(opened, folder / PEOPLE, num_threads)
    return lambda channels: [most_likely(*found) for found in zip(*run({"frames": channels}))]


class Settings(dict):
    """A configuration's node as it was exported: keys are attributes too."""

    __getattr__ = dict.__getitem__


class Memory(NamedTuple):
    """What a network remembers around a keyframe."""

    memory_shape: tuple[int, int, int]
    """Seconds, people a second, D."""
    window: tuple[int, int]
    """Seconds before and after the keyframe's own."""


class ExportedActions:
    """The network of a folder that `tools/export.py` wrote.

    Args:
        folder: the folder.
        num_threads: that a run may use; 0: as many as the machine has cores.

    Attributes:
        classes: names of the C classes.
        cfg: the configuration, by node and key.
        inputs: names of what the graph reads, in their order.
        memory: of a network that remembers, else None.
        has_network: whether there is one; else trees alone score.
        forest: the trees, None where a network alone scores.

    Raises:
        InputError: the folder is none of `tools/export.py`, or its file cannot be run.
    """

    def __init__(self, folder: str | Path, num_threads: int = 0):
        self.folder = folder = Path(folder)
        document = read_settings(folder)
        self.classes: list[str] = document.classes
        self.cfg = document.configuration
        self.inputs: list[str] = document.inputs
        self.memory = Memory(*map(tuple, document.memory)) if document.memory else None
        self.has_network = document.format != "trees"
        self._run = open_graph(folder / FORMATS[document.format], num_threads) if self.has_network else None
        self.forest = load_forest(folder / TREES) if self.cfg.MODEL.TREES_WEIGHT else None

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Scores (R, C), and of a network that remembers features (R, D).

        Args:
            inputs: by name, as `ActionGraph` takes them.
        """
        if len(inputs["boxes"]):
            return self._run({name: inputs[name] for name in self.inputs})
        dims = [len(self.classes), *(self.memory.memory_shape[2:] if self.memory else ())]
        return tuple(np.zeros((0, dim), np.float32) for dim in dims)


def is_exported(path: str | Path) -> bool:
    """Whether this is a folder of `tools/export.py`."""
    return (Path(path) / SETTINGS).is_file()


def has_detector(path: Path) -> bool:
    """Whether this is a folder of `tools/export.py` with a detector of people. Raises InputError if its settings are damaged."""
    return is_exported(path) and read_settings(path).detector_frame_size is not None


def read_settings(folder: Path) -> Settings:
    """What the folder says of itself. Raises InputError if it is none of `tools/export.py`."""
    path = folder / SETTINGS
    if not path.is_file():
        raise InputError(f"{folder} holds no {SETTINGS}: give a folder that tools/export.py wrote.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_hook=Settings)
        is_whole = document.pop("fingerprint") == fingerprint(document)
    except (OSError, ValueError, AttributeError, TypeError, LookupError, RecursionError) as error:
        raise InputError(f"{path} is no settings file of an exported network ({error}): export it again.") from None
    if not is_whole:
        raise InputError(
            f"{path} was changed, but the network was exported for what stands there, and only configuration, EVENTS may differ: "
            "copy the file again, or export with other settings."
        )
    return document


def fingerprint(settings: Mapping[str, object]) -> str:
    """Of all that the settings of a folder say, but for the events, which may be changed."""
    kept = {node: keys for node, keys in settings["configuration"].items() if node != "EVENTS"}
    text = json.dumps({**settings, "configuration": kept}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_graph(path: Path, num_threads: int = 0):
    """A function from inputs by name to the arrays that a graph gives. Raises InputError if it cannot be run."""
    return _open({".onnx": _open_onnx, ".xml": _open_openvino, ".pt2": _open_torch}[path.suffix], path, num_threads)


def _open(opened, path: Path, num_threads: int):
    if not path.is_file():
        raise InputError(f"{path} does not exist: copy the whole folder that was exported.")
    try:
        return opened(path, num_threads)
    except ImportError as error:
        raise InputError(f"{path} needs {error.name}: pip install {error.name}.") from None
    except Exception as error:  # each library raises its own
        raise InputError(f"{path} cannot be run ({str(error).strip().splitlines()[0]}): export it again.") from error


def _open_onnx(path: Path, num_threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    # Threads that wait turning keep a small computer busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: tuple(session.run(None, dict(inputs)))


def _open_openvino(path: Path, num_threads: int):
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": num_threads or len(os.sched_getaffinity(0))}
    compiled = openvino.Core().compile_model(path, "CPU", hints)
    return lambda inputs: tuple(compiled(dict(inputs)).values())


def _open_torch(path: Path, num_threads: int):
    import torch

    import slowfast_thermal.models  # noqa: F401, registers the operators

    if num_threads:
        torch.set_num_threads(num_threads)
    module = torch.export.load(path).module()

    def run(inputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        with torch.no_grad():
            return tuple(found.numpy() for found in module(*map(torch.from_numpy, inputs.values())))

    return run
