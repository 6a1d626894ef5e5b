"""What it costs to find, follow and score people, on one core, beside the time that the recording itself takes.

People are two warm ellipses that cross a room for a minute at ten frames a second, in frames of three resolutions; the action
network is that of `configs/Thermal/SIMULATED.yaml`, which scores everyone once a second.
"""

import os
import time

import numpy as np
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.detector import DetectorFinder
from slowfast_thermal.people.tracks import track_recording
from tools.benchmarks.common import CONFIGS

_SIZES = ((40, 60), (120, 160), (480, 640))
_SECONDS, _RATE = 60, 10
# Frames that the detector looks at.
_DETECTED = 64


def recording(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W) float32 degrees Celsius and (N,) milliseconds."""
    count = _SECONDS * _RATE
    frames = np.random.default_rng(0).normal(20, 0.1, (count, height, width)).astype(np.float32)
    y, x = np.mgrid[:height, :width] / height
    for place, share in enumerate(np.linspace(0.2, 1.3, count)):
        for centre_y, centre_x in ((0.3, share), (0.7, 1.5 - share)):
            frames[place][((y - centre_y) / 0.13) ** 2 + ((x - centre_x) / 0.08) ** 2 < 1] = 29
    return frames, 1000 // _RATE * np.arange(count)


def measure(repeats: int) -> dict[str, float]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    predictor = Predictor.from_checkpoint(str(CONFIGS / "SIMULATED.yaml"), "SIMULATED")
    cfg = load_config(str(CONFIGS / "PERSON_DETECTOR.yaml"), ["DATA.PATH_TO_DATA_DIR", "."])
    network = pyslowfast.build_model(cfg, torch.device("cpu")).eval()
    results = {}
    for height, width in _SIZES:
        frames, times = recording(height, width)
        costs = [_costs(predictor, network, frames, times) for _ in range(repeats)]
        find, detect, follow, whole, people = np.median(costs, axis=0)
        size = f"{height}x{width}"
        results |= {
            f"{size}, blobs, ms a frame": 1000 * find / len(frames),
            f"{size}, detector, ms a frame": 1000 * detect / _DETECTED,
            f"{size}, tracker, ms a frame": 1000 * follow / len(frames),
            f"{size}, all, ms a person and moment": 1000 * whole / people,
            f"{size}, an hour's recording, minutes": 60 * whole / _SECONDS,
            f"{size}, recorded time to that of all": _SECONDS / whole,
        }
    return results


def _costs(
    predictor: Predictor, network: PersonDetector, frames: np.ndarray, times: np.ndarray
) -> tuple[float, float, float, float, int]:
    """Seconds to find, to find some with a detector, to follow, and for all from arrays to scores; and the number of scored people."""
    start = time.perf_counter()
    found = BlobFinder(frames[0]).find(frames, times)
    found_at = time.perf_counter()
    DetectorFinder(network.find_people, frames[0]).find(frames[:_DETECTED], times[:_DETECTED])
    middle = time.perf_counter()
    track_recording(found, times)
    end = time.perf_counter()
    people = predictor(frames, times)
    return found_at - start, middle - found_at, end - middle, time.perf_counter() - end, len(people)
