"""What an hour's recording costs before and after training: processor time and memory of the commands that prepare and judge data.

The recording has frames of 40x60 pixels at 8 a second, in a tenth of which the link lost a packet of 576 readings, and a
keyframe a second with two people, who cross a room. Each command is a process as a user starts it, so that starting Python and
importing counts; times are of the processor, user and system, which other work on the machine does not count into. The test is of
trees on simple features: it evaluates thousands of boxes, fits the baselines, draws intervals and writes the report.

With a checkout of an earlier commit, its commands take turns with these, on the same data.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal.preparation.annotations import cvat
from slowfast_thermal.preparation.annotations.images import LabelledBox
from slowfast_thermal.preparation.writing import (
    CHUNK_FRAMES,
    FIRST_TIMESTAMP,
    box_record,
    image_record,
    new_recording,
)
from tools.benchmarks.common import REPOSITORY

SECONDS, RATE, HEIGHT, WIDTH = 3600, 8, 40, 60
ACTIONS = ("lying", "sitting", "standing", "walking")
NAME = "HOUR_R1"
_PACKET, _LOST_SHARE, _NO_READING = 576, 0.1, -273.2
# Of the keyframes, the first ones for training; and half the width and height of a person, divided by the image's height.
_TRAIN_SHARE = 0.75
_RADII = 0.08, 0.13
# From lengths divided by the image's height to such divided by its width and height.
_SCALE = HEIGHT / WIDTH, 1.0


def write_data(folder: Path, seconds: int) -> None:
    """Writes the recording, and its keyframes as a data set, as raw annotations (`raw`) and as a video of CVAT (`video.xml`)."""
    rng = np.random.default_rng(0)
    times = FIRST_TIMESTAMP + 1000 // RATE * np.arange(seconds * RATE)
    paths = _paths(rng, len(times))
    for name in ("frames", "annotations", "raw"):
        (folder / name).mkdir(parents=True)
    with new_recording(folder / "frames" / f"{NAME}.h5", times, HEIGHT, WIDTH) as stored:
        for start in range(0, len(times), CHUNK_FRAMES):
            stored[start : start + CHUNK_FRAMES] = _frames(rng, paths[:, start : start + CHUNK_FRAMES])

    keyframes = range(RATE // 2, len(times), RATE)
    labels = rng.choice(len(ACTIONS), (2, len(keyframes) // 10 + 1), p=(0.1, 0.2, 0.4, 0.3)).repeat(10, axis=1)
    centres, size = paths * _SCALE, [2 * radius * scale for radius, scale in zip(_RADII, _SCALE)]
    boxes = {
        frame: [(int(labels[number, place]), [*centres[number, frame].tolist(), *size]) for number in range(2)]
        for place, frame in enumerate(keyframes)
    }
    _write_annotations(folder, times, boxes)
    _write_raw(folder / "raw" / f"{NAME}.jsonl", times, boxes)
    _write_video(folder / "video.xml", len(times), boxes)


def _paths(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    """(2, N, 2) x and y of two people who go to and fro, divided by the image's height."""
    seconds = np.arange(num_frames) / RATE
    across = 0.75 + 0.6 * np.sin(2 * np.pi * (seconds / rng.uniform(20, 40, (2, 1)) + rng.random((2, 1))))
    along = np.array([[0.3], [0.7]]) + 0.1 * np.sin(2 * np.pi * seconds / rng.uniform(40, 90, (2, 1)))
    return np.stack([across, along], axis=2)


def _frames(rng: np.random.Generator, paths: np.ndarray) -> np.ndarray:
    """(K, H, W) float32 degrees Celsius of people at (2, K, 2) places, with packets lost."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / HEIGHT
    frames = 20 + 3 * np.sin(4 * x) * y + rng.normal(0, 0.1, (paths.shape[1], HEIGHT, WIDTH))
    for person in paths:
        distances = ((x - person[:, 0, None, None]) / _RADII[0]) ** 2 + (
            (y - person[:, 1, None, None]) / _RADII[1]
        ) ** 2
        frames[distances < 1] += 8
    frames = frames.round(1).astype(np.float32)
    for place in np.flatnonzero(rng.random(len(frames)) < _LOST_SHARE):
        readings, start = frames[place].reshape(-1), _PACKET * int(rng.integers(HEIGHT * WIDTH // _PACKET))
        readings[start:-_PACKET] = readings[start + _PACKET :].copy()
        readings[-_PACKET:] = _NO_READING
    return frames


def _write_annotations(folder: Path, times: np.ndarray, boxes: dict[int, list]) -> None:
    documents = [
        {"images": [], "annotations": [], "categories": [{"id": i, "name": name} for i, name in enumerate(ACTIONS)]}
        for _ in range(2)
    ]
    for place, (frame, people) in enumerate(boxes.items()):
        document = documents[place >= _TRAIN_SHARE * len(boxes)]
        document["images"].append(image_record(NAME, int(times[frame]), frame, HEIGHT, WIDTH))
        for number, (label, box) in enumerate(people):
            record = box_record(document["images"][-1]["id"], box, label, ACTIONS[label], number)
            document["annotations"].append({"id": 2 * place + number, **record})
    for split, document in zip(("train", "val"), documents):
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(document, indent=2))


def _write_raw(path: Path, times: np.ndarray, boxes: dict[int, list]) -> None:
    with open(path, "w") as file:
        for frame, people in boxes.items():
            annotations = [
                {"bbox": box, "category": "person", "subcategory": ACTIONS[label], "object_id": number}
                for number, (label, box) in enumerate(people)
            ]
            file.write(json.dumps({"data_id": NAME, "data_time": int(times[frame]), "annotations": annotations}) + "\n")


def _write_video(path: Path, num_frames: int, boxes: dict[int, list]) -> None:
    labelled = {
        frame: [
            LabelledBox((x - width / 2, y - height / 2, x + width / 2, y + height / 2), ACTIONS[label], {}, number)
            for number, (label, (x, y, width, height)) in enumerate(people)
        ]
        for frame, people in boxes.items()
    }
    cvat.write(path, f"{NAME}.mp4", num_frames, (WIDTH * 16, HEIGHT * 16), labelled)


def commands(data: Path, output: Path) -> dict[str, list[str]]:
    """What a user types, by what it is for, in an order in which each finds in `output` what it needs."""
    tool, frames = "tools/thermal_data.py", str(data / "frames")
    converted, imported, folds, trees = (str(output / name) for name in ("converted", "imported", "folds", "trees"))
    trained = ["tools/run_net.py", "--cfg", "configs/Thermal/TREES.yaml", "DATA.PATH_TO_DATA_DIR", str(data)]
    trained += ["MODEL.NUM_CLASSES", str(len(ACTIONS)), "OUTPUT_DIR", trees, "TEST.ENABLE"]
    return {
        "validate": [tool, "validate", str(data)],
        "stats": [tool, "stats", str(data)],
        "convert": [tool, "convert", str(data / "raw"), frames, converted, "--split", "keyframe"],
        "import-annotations cvat": [tool, "import-annotations", "cvat", str(data / "video.xml"), frames, imported]
        + ["--split", "keyframe"],
        "split": [tool, "split", str(data), folds, "--by", "block", "--folds", "5", "--guard", "6"],
        "train trees": [*trained, "False"],
        "test trees and report": [*trained, "True", "TRAIN.ENABLE", "False"],
    }


def _run(checkout: Path, command: list[str]) -> tuple[float, float]:
    """Seconds of the processor and MiB at most of a command of a checkout. Raises RuntimeError if it fails."""
    threads = str(torch.get_num_threads())
    environ = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([sys.executable, *command], cwd=checkout, env=environ, stdout=told, stderr=told)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {told.read().decode(errors='replace')[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(repeats: int, before: Path | None = None, seconds: int = SECONDS) -> dict[str, object]:
    """Medians of each command, and its ratio to that of the checkout `before` in turns, if one is given.

    Args:
        repeats: of which the median is taken.
        before: a checkout of an earlier commit.
        seconds: length of the recording.
    """
    checkouts = {"before": before.resolve(), "now": REPOSITORY} if before else {"now": REPOSITORY}
    found: dict[str, dict[str, list]] = {}
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        write_data(data, seconds)
        for repeat in range(repeats):
            asked = {side: commands(data, Path(name) / f"{side}{repeat}") for side in checkouts}
            for title in asked["now"]:
                of_command = found.setdefault(title, {side: [] for side in checkouts})
                for side, checkout in checkouts.items():
                    of_command[side].append(_run(checkout, asked[side][title]))
    frames = seconds * RATE
    keyframes = len(range(RATE // 2, frames, RATE))
    rows = [_row(title, of_command) for title, of_command in found.items()]
    return {"frames": frames, "keyframes": keyframes, "boxes": 2 * keyframes, "commands": rows}


def _row(title: str, found: dict[str, list[tuple[float, float]]]) -> dict[str, object]:
    row: dict[str, object] = {"command": title}
    for side, runs in found.items():
        spent, memory = (statistics.median(values) for values in zip(*runs))
        row |= {f"{side}, s": spent, f"{side}, MiB": memory}
    if "before" in found:
        ratios = [now[0] / before[0] for before, now in zip(found["before"], found["now"])]
        row |= {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    return row
