"""Simulated clips a second on one core, beside a plain renderer and beside the loader of real clips.

A clip is what `configs/Thermal/SIMULATED.yaml` trains on: one to four people in a room, 16 fast and 4 slow frames of 40x60
pixels over 4 s and for each the frame half a second earlier, boxes and labels; the network cuts a crop around each person
in view. The plain renderer casts a ray through each pixel and looks for the nearest of all spheres, frame by frame, in numpy;
it draws the same scenes without blur. The loader of real clips reads cached recordings of the same size.
"""

import os
import tempfile
import time

import numpy as np
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.simulation.dataset import ThermalSimulated
from slowfast_thermal.simulation.parameters import CEILING
from slowfast_thermal.simulation.scenes import Place, Scene, clip_scene
from tools.benchmarks.common import CONFIGS

_CLIPS = 200


def render_plainly(scene: Scene, seconds: np.ndarray) -> np.ndarray:
    """(N, H, W) degrees Celsius by the nearest sphere on each pixel's ray."""
    place = scene.place
    rays = place.camera.rays()
    frames = []
    for second in seconds:
        frame, nearest = place.celsius.copy(), place.distance.copy()
        for person in scene.people:
            centres, radii, celsius = person.spheres(np.array([second]), place.room.celsius)
            for centre, radius, warmth in zip(centres[0] - place.camera.place, radii, celsius[0]):
                along = rays @ centre
                inside = along**2 - centre @ centre + radius**2
                distance = along - np.sqrt(np.maximum(inside, 0))
                hit = (inside > 0) & (distance < nearest) & (distance > 0)
                frame[hit], nearest[hit] = warmth, distance[hit]
        frames.append(frame + place.sensor.offset)
    return np.stack(frames)


def measure(repeats: int) -> dict[str, float]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        simulate_rooms(f"{folder}/data", num_rooms=4, num_keyframes=200)
        cfg = load_config(str(CONFIGS / "SIMULATED.yaml"), ["DATA.PATH_TO_DATA_DIR", f"{folder}/data"])
        simulated, real = ThermalSimulated(cfg), Thermal(cfg, "train")
        rates = {}
        for name, dataset in (("simulated", simulated), ("real", real)):
            found = []
            for number in range(repeats + 1):
                people, start = 0, time.process_time()
                for place in range(number * _CLIPS, (number + 1) * _CLIPS):
                    people += len(dataset[place % len(real) if dataset is real else 0, place][1])
                found.append(np.array([_CLIPS, people]) / (time.process_time() - start))
            rates[name] = np.median(found[1:], axis=0)
    times = []
    for number in range(max(repeats, 3)):
        scene, moment = clip_scene(*_at(number), 3.0)
        seconds = moment + np.linspace(-2, 2, 32)
        start = time.process_time()
        render_plainly(scene, seconds)
        middle = time.process_time()
        scene.frames(seconds)
        times.append((middle - start, time.process_time() - middle))
    plain, ours = np.median(times, axis=0)
    return {
        "simulated clips/s of processor time": float(rates["simulated"][0]),
        "simulated crops (people in view)/s": float(rates["simulated"][1]),
        "clips/s of the loader of real recordings": float(rates["real"][0]),
        "32 frames by the plain renderer, s": float(plain),
        "32 frames by this one, s": float(ours),
        "ratio": float(plain / ours),
    }


def _at(number: int) -> tuple[np.random.Generator, Place]:
    rng = np.random.default_rng(number)
    return rng, Place(rng, CEILING, 40, 60)
