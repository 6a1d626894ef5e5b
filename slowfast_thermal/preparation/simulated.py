"""Simulated rooms as a data set: recordings, annotated keyframes, and what everyone did when.

Beside the annotation files stands `annotations/intervals.json`, a list of {sensor_id, object_id, category_id, category_name,
start, end}, in milliseconds of the recording's timestamps: what each person did, without gaps that matter.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, cpu_count, delayed

from slowfast_thermal.preparation.writing import (
    CHUNK_FRAMES,
    FIRST_TIMESTAMP,
    Progress,
    Summary,
    box_record,
    check_sizes,
    image_record,
    new_recording,
    no_progress,
    write_data_set,
)
from slowfast_thermal.simulation.days import Day
from slowfast_thermal.simulation.labels import CLASSES
from slowfast_thermal.simulation.parameters import PRIORS
from slowfast_thermal.simulation.scenes import Place, Scene, long_scene

# Seconds from one keyframe to the next.
_KEYFRAME_SECONDS = (1.5, 4.5)
# Recordings begin this far apart, milliseconds.
DAY_MS = 86_400_000
# A further process takes some seconds to start: it has to write this many keyframes at least.
_KEYFRAMES_PER_PROCESS = 200


@dataclass(frozen=True)
class _Rooms:
    """The arguments of `simulate_rooms`, by which each process writes its rooms into `root`."""

    root: Path
    num_rooms: int
    num_keyframes: int
    height: int
    width: int
    prior: str
    seed: int

    def write(self, index: int) -> tuple[list[dict], list[dict], int, list[dict]]:
        """Writes a room's recording; gives its images, annotations, number of frames and intervals."""
        rng = np.random.default_rng([self.seed, index])
        wanted = self.num_keyframes // self.num_rooms + (index < self.num_keyframes % self.num_rooms)
        name, start = f"SIM{index + 1:03d}_R1", FIRST_TIMESTAMP + DAY_MS * index
        scene, seconds, keyframes = _directed(rng, self.prior, self.height, self.width, wanted)
        timestamps = start + np.round(1000 * seconds).astype(np.int64)
        images, annotations = annotate(scene, name, seconds, timestamps, keyframes)
        write_frames(self.root / "frames" / f"{name}.h5", scene, rng, seconds, timestamps)
        return images, annotations, len(seconds), _intervals(scene, name, start, seconds[-1])


def simulate_rooms(
    output_dir: str | Path,
    *,
    num_rooms: int = 8,
    num_keyframes: int = 400,
    height: int = 40,
    width: int = 60,
    prior: str = "ceiling",
    val_fraction: float = 0.25,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Summary:
    """Writes a recording of each of some simulated rooms, with annotations; the last rooms are for validation.

    Readings are lost as `SensorPrior` says. The same arguments give the same files, whatever the number of
    cores. Nothing is left behind if the writing fails.

    Args:
        output_dir: a folder that does not exist yet or is empty.
        num_rooms: recordings, each of another room, sensor and company.
        num_keyframes: annotated frames over all rooms, each with one to four people.
        height, width: of a frame in pixels.
        prior: name of the parameters' ranges in `PRIORS`.
        val_fraction: fraction of the rooms for validation; each split has at least one.
        seed: of all random choices.
        progress: see `Progress`.

    Raises:
        InputError: the folder holds something already, or the sizes cannot be met.
    """
    check_sizes(num_rooms, num_keyframes, height, width, val_fraction, seed)

    def write_recordings(root: Path) -> Iterator[tuple[list[dict], list[dict], int]]:
        intervals = []
        rooms = _Rooms(root, num_rooms, num_keyframes, height, width, prior, seed)
        for *written, of_room in _written(rooms):
            intervals += of_room
            yield tuple(written)
        (root / "annotations" / "intervals.json").write_text(json.dumps(intervals, indent=1) + "\n", encoding="utf-8")

    description = f"Simulated rooms ({{split}}), {prior}, seed {seed}"
    return write_data_set(output_dir, CLASSES, description, num_rooms, val_fraction, write_recordings, progress)


def _written(rooms: _Rooms) -> Iterator[tuple[list[dict], list[dict], int, list[dict]]]:
    """What `_Rooms.write` gives for each room in turn; many keyframes are written by a process for each core."""
    processes = max(min(cpu_count(), rooms.num_keyframes // _KEYFRAMES_PER_PROCESS), 1)
    yield from Parallel(processes, return_as="generator")(delayed(rooms.write)(i) for i in range(rooms.num_rooms))


def _directed(
    rng: np.random.Generator, prior: str, height: int, width: int, num_keyframes: int
) -> tuple[Scene, np.ndarray, list[int]]:
    """A scene, the times of its frames in seconds, and the keyframes among them, on each of which someone is seen."""
    length = 7.0 * num_keyframes + 20
    while True:
        scene = long_scene(rng, Place(rng, PRIORS[prior], height, width), length)
        seconds = scene.place.sensor.seconds(rng, length)
        keyframes, index = [], int(rng.integers(10, 50))
        while len(keyframes) < num_keyframes and index < len(seconds):
            if scene.boxes(seconds[index]).any():
                keyframes.append(index)
            index = max(int(np.searchsorted(seconds, seconds[index] + rng.uniform(*_KEYFRAME_SECONDS))), index + 1)
        if len(keyframes) == num_keyframes:
            # The last keyframe is often closer to the end than half a clip.
            return scene, seconds[: keyframes[-1] + rng.integers(5, 40)], keyframes


def write_frames(
    path: Path, scene: Scene | Day, rng: np.random.Generator, seconds: np.ndarray, timestamps: np.ndarray
) -> None:
    """Writes what a scene's sensor measures at (K,) seconds as a recording, a few frames at a time.

    Args:
        rng: chooses the readings that are lost.
        timestamps: (K,) milliseconds that the recording tells.
    """
    camera = scene.place.camera
    with new_recording(path, timestamps, camera.height, camera.width) as stored:
        for begin in range(0, len(seconds), CHUNK_FRAMES):
            frames = scene.frames(seconds[begin : begin + CHUNK_FRAMES])
            scene.place.sensor.lose(rng, frames)
            stored[begin : begin + CHUNK_FRAMES] = frames


def annotate(
    scene: Scene | Day, name: str, seconds: np.ndarray, timestamps: np.ndarray, keyframes: Iterable[int]
) -> tuple[list[dict], list[dict]]:
    """Images and annotations of the keyframes."""
    images, annotations = [], []
    height, width = scene.place.camera.height, scene.place.camera.width
    for index in keyframes:
        images.append(image_record(name, int(timestamps[index]), index, height, width))
        boxes = scene.boxes(seconds[index])
        for number, person, box in zip(scene.numbers, scene.people, boxes):
            if box.any():
                label = person.label_at(seconds[index])
                x1, y1, x2, y2 = (box / [width, height, width, height]).tolist()
                bbox = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
                annotations.append(box_record(images[-1]["id"], bbox, CLASSES.index(label), label, number))
    return images, annotations


def _intervals(scene: Scene, name: str, start: int, length: float) -> list[dict]:
    """What everyone does until the recording's end, in milliseconds."""
    return [
        {
            "sensor_id": name,
            "object_id": number,
            "category_id": CLASSES.index(label),
            "category_name": label,
            "start": start + round(1000 * begin),
            "end": start + round(1000 * min(end, length)),
        }
        for number, person in enumerate(scene.people)
        for begin, end, label in person.script.intervals
        if begin < length
    ]
