"""How time and memory grow: of a step, of an evaluation and of a data set.

A step is one of SlowFast R50 4x16 with dense interactions at 80x120 (`SLOWFAST_4x16_R50_SCRATCH_IA.yaml`), in which one number
at a time differs from 2 clips, 2 people a clip, 61 seconds of memory and 80x120 pixels. An evaluation is of the demo's network
on synthetic keyframes. Every point has a process of its own, whose largest resident memory counts (on a GPU the memory there);
that of a process that only imports everything stands for zero.
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import h5py
import matplotlib
import numpy as np
import simplejson
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.engine.test import evaluate, prepare_evaluation
from slowfast_thermal.preparation.synthetic import synthesize
from tools.benchmarks.common import CONFIGS, median_seconds
from tools.benchmarks.step import Workload

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

CLIPS, PEOPLE, SECONDS_EACH_SIDE, SIZES = (1, 2, 4, 8), (1, 5, 15, 25), (0, 10, 30, 60), (1, 2, 4)
KEYFRAMES, RECORDINGS = (50, 100, 200, 400), (10, 100, 1000)
CACHE_GIB = 0.01


def _step(
    device: torch.device, repeats: int, clips: int = 2, people: int = 2, window: int = 30, size: int = 2
) -> float:
    options = ["IA.MEMORY_WINDOW", f"[{window},{window}]", "THERMAL.INPUT_SIZE", f"[{40 * size},{60 * size}]"]
    workload = Workload(device, clips, *options, config="SLOWFAST_4x16_R50_SCRATCH_IA.yaml", people=people)
    return median_seconds({"step": workload.step}, repeats, device)["step"]


def _evaluation(device: torch.device, repeats: int, keyframes: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        synthesize(f"{folder}/data", num_recordings=8, num_keyframes=keyframes)
        gpus = "1" if device.type == "cuda" else "0"
        options = ["DATA.PATH_TO_DATA_DIR", f"{folder}/data", "OUTPUT_DIR", folder, "NUM_GPUS", gpus]
        both = "['annotations/train.json','annotations/val.json']"
        cfg = load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), [*options, "THERMAL.TEST_ANNOTATIONS", both])
        model = pyslowfast.build_model(cfg, device)
        loader = prepare_evaluation(cfg, "val")
        return median_seconds({"evaluation": lambda: evaluate(model, loader, cfg, "val")}, repeats, device)[
            "evaluation"
        ]


def _write_recordings(folder: Path, count: int) -> None:
    """`count` recordings of 200 frames of 20x30 pixels with a keyframe each."""
    (folder / "frames").mkdir(parents=True)
    (folder / "annotations").mkdir()
    rng = np.random.default_rng(0)
    images, people = [], []
    for number in range(count):
        name = f"R{number:04}"
        with h5py.File(folder / "frames" / f"{name}.h5", "w") as file:
            file["frames"] = rng.uniform(15, 30, (200, 20, 30)).astype(np.float32)
            file["timestamps"] = 150 * np.arange(200)
        images.append({"id": name, "sensor_id": name, "timestamp": 150 * 100, "frame_idx": 100})
        people.append({"image_id": name, "category_id": 0, "bbox": [0.5, 0.5, 0.4, 0.6]})
    document = {"images": images, "annotations": people, "categories": [{"id": 0, "name": "standing"}]}
    (folder / "annotations" / "train.json").write_text(simplejson.dumps(document))


def _opening(_device: torch.device, _repeats: int, recordings: int) -> float:
    """Of a data set; then a clip of each of its recordings is read, with a cache of CACHE_GIB."""
    with tempfile.TemporaryDirectory() as folder:
        _write_recordings(Path(folder), recordings)
        options = ["DATA.PATH_TO_DATA_DIR", folder, "NUM_GPUS", "0", "MODEL.NUM_CLASSES", "1"]
        cfg = load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), [*options, "THERMAL.CACHE_GIB", str(CACHE_GIB)])
        start = time.perf_counter()
        dataset = Thermal(cfg, "train")
        seconds = time.perf_counter() - start
        for index in range(len(dataset)):
            dataset[index]
        return seconds


def _nothing(_device: torch.device, _repeats: int) -> float:
    return 0.0


def _measured(arguments: tuple) -> dict[str, float]:
    """Seconds of one point, and the largest memory."""
    function, device, repeats, threads, settings = arguments
    torch.set_num_threads(threads)
    seconds = function(device, repeats, **settings)
    on_device = device.type == "cuda"
    most = torch.cuda.max_memory_allocated() if on_device else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "GB": most / 1e9}


def measure(repeats: int, device: torch.device) -> dict[str, list[dict[str, float]]]:
    """Curves by what grows; each point has its value, seconds and GB of memory."""
    curves = {
        "clips of a step": (_step, "clips", CLIPS, CLIPS),
        "people a clip": (_step, "people", PEOPLE, PEOPLE),
        "seconds of memory": (_step, "window", SECONDS_EACH_SIDE, [2 * side + 1 for side in SECONDS_EACH_SIDE]),
        "input pixels": (_step, "size", SIZES, [40 * 60 * size**2 for size in SIZES]),
        "keyframes of an evaluation": (_evaluation, "keyframes", KEYFRAMES, KEYFRAMES),
        "recordings of a data set": (_opening, "recordings", RECORDINGS, RECORDINGS),
    }
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:

        def point(function, settings: dict[str, int]) -> dict[str, float]:
            return pool.apply(_measured, [(function, device, repeats, torch.get_num_threads(), settings)])

        zero = point(_nothing, {})["GB"]
        found = {}
        for title, (function, name, values, shown) in curves.items():
            found[title] = []
            for value, place in zip(values, shown):
                measured = point(function, {name: value})
                found[title].append({title: place, "seconds": measured["seconds"], "GB": measured["GB"] - zero})
    return found


def plot(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """One panel a curve: seconds on the left axis, gigabytes on the right one."""
    figure, panels = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    for panel, (title, points) in zip(panels.flat, curves.items()):
        places = [point[title] for point in points]
        panel.plot(places, [point["seconds"] for point in points], "o-", color="#0072B2")
        panel.set(xlabel=title, ylim=(0, 1.1 * max(point["seconds"] for point in points)))
        panel.set_ylabel("seconds", color="#0072B2")
        memory = panel.twinx()
        memory.plot(places, [point["GB"] for point in points], "s--", color="#D55E00")
        memory.set_ylim(0, 1.1 * max(point["GB"] for point in points))
        memory.set_ylabel("GB of memory", color="#D55E00")
    figure.savefig(path, dpi=100)
    plt.close(figure)
