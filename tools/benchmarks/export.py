"""What a clip costs by torch and by what runs an exported network, and what each of them needs of a machine.

A clip has one person and 40x60 pixels: `configs/Thermal/SIMULATED.yaml` with its weights, and SLOWFAST_4x16_R50_SCRATCH with random
ones. Each way runs in a process of its own, so that its memory is its own; the ways take turns.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.export.folder import export_folder
from slowfast_thermal.export.graph import ActionGraph, GraphShapes
from slowfast_thermal.weights import resolve
from tools.benchmarks.common import CONFIGS, REPOSITORY

_NETWORKS = "SIMULATED", "SLOWFAST_4x16_R50_SCRATCH"
# Name of a way: the folder it runs, or the type in which torch computes.
_WAYS = {
    "torch float32": "float32",
    "torch bfloat16": "bfloat16",
    "onnxruntime float32": "onnx",
    "onnxruntime int8": "int8",
    "openvino float32": "openvino",
}
_TORCH = "import sys; from tools.benchmarks.export import run_torch; run_torch(*sys.argv[1:])"
# As on a machine without torch: the package's own start, which registers networks, is left out.
_EXPORTED = """
import json, re, sys, time, types
from pathlib import Path
import numpy as np
package = types.ModuleType("slowfast_thermal"); package.__path__ = ["slowfast_thermal"]; sys.modules["slowfast_thermal"] = package
from slowfast_thermal.export.session import ExportedActions
folder, threads, clip = Path(sys.argv[1]), int(sys.argv[2]), dict(np.load(sys.argv[3]))
run = ExportedActions(folder, threads)
times = []
for _ in range(30):
    start = time.perf_counter(); run(clip); times.append(time.perf_counter() - start)
assert "torch" not in sys.modules
memory = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(json.dumps([1000 * sorted(times[5:])[12], int(memory[1]) / 1024]))
"""
# What a machine must have installed, beside Python.
_NEEDED = {
    "torch": ["torch", "torchvision", "numpy", "scipy", "h5py", "pyslowfast", "pandas", "av", "scikit-learn"],
    "onnxruntime": ["onnxruntime", "numpy", "scipy", "h5py"],
    "openvino": ["openvino", "numpy", "scipy", "h5py"],
}


def build(name: str) -> tuple[object, ActionGraph, list[str], Path]:
    """The configuration of a network, its graph, its classes, and the file of its weights."""
    cfg = load_config(str(CONFIGS / f"{name}.yaml"), ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0"])
    torch.manual_seed(0)
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    graph = ActionGraph(model, cfg.THERMAL.TEMPERATURE_RANGE)
    path = Path(resolve("SIMULATED"))
    if name == "SIMULATED":
        model.load_state_dict(torch.load(path, weights_only=True)["model_state"])
    return cfg, graph, [f"class {number}" for number in range(cfg.MODEL.NUM_CLASSES)], path


def run_torch(name: str, dtype: str, threads: str, clip: str) -> None:
    """Prints milliseconds a clip and MiB of this process."""
    torch.set_num_threads(int(threads))
    graph, inputs, times = build(name)[1], [torch.from_numpy(array) for array in np.load(clip).values()], []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        for _ in range(30):
            start = time.perf_counter()
            graph(*inputs)
            times.append(time.perf_counter() - start)
    memory = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print(json.dumps([1000 * sorted(times[5:])[12], int(memory[1]) / 1024]))


def measure(repeats: int) -> dict[str, object]:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for name in _NETWORKS:
            cfg, graph, classes, path = build(name)
            shapes = GraphShapes.of(cfg, graph)
            samples = [shapes.random(2, 4, (40, 60), seed=seed) for seed in range(8)]
            np.savez(root / "clip.npz", **shapes.random(1, 1, (40, 60)))
            folders = {"onnx": ("onnx", "float32"), "int8": ("onnx", "int8"), "openvino": ("openvino", "float32")}
            sizes = {
                way: export_folder(root / name / way, cfg, classes, path, graph.model, None, *kind, samples).num_bytes
                for way, kind in folders.items()
            }
            for threads in (1, 2):
                found: dict[str, list[list[float]]] = {way: [] for way in _WAYS}
                for _ in range(repeats):
                    for way, what in _WAYS.items():
                        code, first = (_EXPORTED, [root / name / what]) if what in folders else (_TORCH, [name, what])
                        command = [sys.executable, "-c", code, *map(str, first), str(threads), str(root / "clip.npz")]
                        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
                        found[way].append(json.loads(done.stdout.splitlines()[-1]))
                base = statistics.median(ms for ms, _ in found["torch float32"])
                for way, costs in found.items():
                    ms, memory = (statistics.median(column) for column in zip(*costs))
                    rows.append(
                        {
                            "network": name,
                            "threads": threads,
                            "way": way,
                            "ms a clip": ms,
                            "times torch float32": base / ms,
                            "process, MiB": memory,
                            "folder, MB": sizes.get(_WAYS[way], 0) / 1e6 or None,
                        }
                    )
    installed = {f"installation of {name}, MB": _installed(packages) for name, packages in _NEEDED.items()}
    return {"clips": rows, **installed}


def _installed(packages: list[str]) -> float:
    """MB of the files of packages and of all that they require."""
    seen, waiting = set(), list(packages)
    total = 0
    while waiting:
        name = re.split(r"[\s;<>=!~\[(]", waiting.pop())[0].lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except ImportError:
            continue
        total += sum(
            path.stat().st_size for file in found.files or () if (path := Path(found.locate_file(file))).is_file()
        )
        waiting += [needed for needed in found.requires or () if "extra ==" not in needed]
    return total / 1e6
