"""Hours of simulated rooms as recordings, with the truth by which events are judged.

`truth.json` (see `preparation.truth`) tells what everyone does from when to when. `annotations/` has a keyframe a minute, in
which someone is seen, so that the recordings can be checked and drawn like others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, cpu_count, delayed

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.simulated import DAY_MS, annotate, write_frames
from slowfast_thermal.preparation.truth import Interval, Span, Truth
from slowfast_thermal.preparation.writing import (
    FIRST_TIMESTAMP,
    Progress,
    Summary,
    check_sizes,
    no_progress,
    write_data_set,
)
from slowfast_thermal.simulation.days import Day
from slowfast_thermal.simulation.labels import CLASSES
from slowfast_thermal.simulation.parameters import PRIORS
from slowfast_thermal.simulation.scenes import Place

TRUTH_FILE = "truth.json"
# Seconds from one keyframe to the next.
_KEYFRAME_SECONDS = 60.0


@dataclass(frozen=True)
class _Rooms:
    """The arguments of `simulate_hours`, by which each process writes its rooms into `root`."""

    root: Path
    hours: float
    height: int
    width: int
    prior: str
    seed: int

    def write(self, index: int) -> tuple[list[dict], list[dict], int, Truth]:
        """Writes a room's recording; gives its images, annotations, number of frames and truth."""
        # A third number keeps the rooms apart from those of `simulate_rooms` with the same seed.
        rng = np.random.default_rng([self.seed, index, 1])
        name, start = f"DAY{index + 1:03d}_R1", FIRST_TIMESTAMP + DAY_MS * index
        day = Day(rng, Place(rng, PRIORS[self.prior], self.height, self.width), 3600 * self.hours)
        seconds = day.place.sensor.seconds(rng, 3600 * self.hours)
        timestamps = start + np.round(1000 * seconds).astype(np.int64)
        write_frames(self.root / "frames" / f"{name}.h5", day, rng, seconds, timestamps)
        minutes = np.searchsorted(seconds, np.arange(_KEYFRAME_SECONDS, seconds[-1], _KEYFRAME_SECONDS))
        keyframes = [index for index in minutes.tolist() if day.boxes(seconds[index]).any()]
        return *annotate(day, name, seconds, timestamps, keyframes), len(seconds), _truth(day, name, start, timestamps)


def simulate_hours(
    output_dir: str | Path,
    *,
    hours: float,
    num_rooms: int = 8,
    height: int = 40,
    width: int = 60,
    prior: str = "ceiling",
    val_fraction: float = 0.25,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Summary:
    """Writes a recording of some hours of each of some simulated rooms, in parallel and a few frames at a time.

    The same arguments give the same files, whatever the number of cores. Nothing is left behind if the writing fails.

    Args:
        output_dir: a folder that does not exist yet or is empty.
        hours: length of each recording.
        num_rooms, height, width, prior, val_fraction, seed, progress: see `simulate_rooms`.

    Raises:
        InputError: the folder holds something already, or the sizes cannot be met.
    """
    if not 0.1 <= hours <= 24:
        raise InputError(f"Recordings of {hours:g} hours: choose between 0.1 and 24; more rooms give more hours.")
    check_sizes(num_rooms, num_rooms, height, width, val_fraction, seed)

    def write_recordings(root: Path) -> Iterator[tuple[list[dict], list[dict], int]]:
        rooms = _Rooms(root, hours, height, width, prior, seed)
        truths = []
        for *written, truth in Parallel(min(cpu_count(), num_rooms), return_as="generator")(
            delayed(rooms.write)(index) for index in range(num_rooms)
        ):
            truths.append(truth)
            yield tuple(written)
        Truth.joined(truths).write(root / TRUTH_FILE)

    description = f"Simulated hours ({{split}}), {prior}, seed {seed}"
    return write_data_set(output_dir, CLASSES, description, num_rooms, val_fraction, write_recordings, progress)


def _truth(day: Day, name: str, start: int, timestamps: np.ndarray) -> Truth:
    first, last = int(timestamps[0]), int(timestamps[-1])
    intervals = []
    for number, visitor in enumerate(day.visitors):
        for begin, end, label in visitor.intervals:
            begin, end = start + round(1000 * begin), start + round(1000 * end)
            if begin < last and end > first:
                intervals.append(Interval(name, number, label, max(begin, first), min(end, last)))
    return Truth([Span(name, first, last)], intervals)
