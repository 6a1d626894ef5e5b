"""Who finds people in a run: warm blobs, or a trained detector; and how well a detector does."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from joblib import Parallel, cpu_count, delayed

from slowfast_thermal.checkpoint.detector import load_detector
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.found_people import Follow, follow_people, people_source
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.engine.device import current_device
from slowfast_thermal.engine.exported import ExportedDetector
from slowfast_thermal.evaluation.finding import evaluate_finder
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.detector import DetectorFinder
from slowfast_thermal.people.finder import PersonFinder
from slowfast_thermal.people.tracks import TrackedPerson

logger = logging.getLogger(__name__)

# The people of recordings that this process has followed, by the file, what it was when it was read, and who found them.
_followed: dict[tuple, list[list[TrackedPerson]]] = {}
# A further process takes some seconds to start: it has to look at this many frames at least.
_FRAMES_PER_PROCESS = 20_000
# Sizes of frames, other than the training's, that this process has warned of.
_warned: set[tuple[int, int]] = set()


def finder(network: PersonDetector | ExportedDetector | None) -> Callable[[np.ndarray | None], PersonFinder]:
    """Starts a finder, of a detector or of warm blobs, with the background of a sensor."""
    return partial(DetectorFinder, network.find_people) if network else BlobFinder


def follower(network: PersonDetector | ExportedDetector | None, path: str | Path) -> Follow:
    """Finds and follows the people of a recording, once in a process.

    Args:
        network: None: people are found as warm blobs.
        path: the network's file.
    """
    return partial(_follow, network, Path(path).resolve() if network else None)


def follow_all(follow: Follow, recordings: Sequence[Recording]) -> Iterator[list[list[TrackedPerson]]]:
    """The people of each frame of each recording in turn; many frames are looked at by a process for each core.

    Raises:
        InputError: as `follow`.
    """
    num_frames = sum(recording.num_frames for recording in recordings)
    processes = min(cpu_count(), len(recordings), num_frames // _FRAMES_PER_PROCESS)
    if processes < 2:
        yield from map(follow, recordings)
    else:
        yield from Parallel(processes, return_as="generator")(delayed(follow)(recording) for recording in recordings)


def detector_of(cfg) -> PersonDetector | None:
    """The detector of THERMAL.PEOPLE_CHECKPOINT, if THERMAL.PEOPLE asks for it. Raises InputError if it is none."""
    if people_source(cfg) != "detector":
        return None
    return load_detector(Path(cfg.THERMAL.PEOPLE_CHECKPOINT), current_device(cfg))


def _follow(
    network: PersonDetector | ExportedDetector | None, path: Path | None, recording: Recording
) -> list[list[TrackedPerson]]:
    """The people of each frame, found by the network of a file, or without one as warm blobs."""
    files = [file for file in (recording.path, path) if file is not None and file.is_file()]
    key = tuple((file.resolve(), file.stat().st_mtime_ns) for file in files), recording.settings
    if key in _followed and recording.path in files:  # else its frames are an array
        return _followed[key]
    followed = follow_detected(recording, network) if network else follow_people(recording)
    if recording.path in files:
        _followed[key] = followed
    return followed


def follow_detected(recording: Recording, network: PersonDetector | ExportedDetector) -> list[list[TrackedPerson]]:
    """The people of each frame of a recording as a detector finds them.

    Frames of another size than the training's are warned of, once.
    """
    trained = tuple(network.frame_size.tolist())
    size = recording.height, recording.width
    if size not in (trained, *_warned):
        _warned.add(size)
        logger.warning(
            "%s has frames of %dx%d pixels, but the detector was trained on %dx%d: it may find fewer people.",
            recording.path, *size, *trained,
        )  # fmt: skip
    return follow_people(recording, partial(DetectorFinder, network.find_people))


def evaluate_network(
    network: PersonDetector, dataset: Thermal, after_part: Callable[[], None] = lambda: None
) -> Evaluation:
    """How well a detector finds the people of annotated keyframes, see `evaluate_finder`."""
    return evaluate_finder(partial(DetectorFinder, network.find_people), dataset, after_part)
