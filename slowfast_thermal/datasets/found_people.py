"""People found in a recording and followed through it, where nobody drew their boxes.

Letters: N frames of a recording, R people of a frame.
"""

from collections.abc import Callable, Iterator

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.clips import background, check_order
from slowfast_thermal.datasets.detections import Detections
from slowfast_thermal.datasets.recording_cache import RecordingCache
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.finder import PersonFinder
from slowfast_thermal.people.tracks import TrackedPerson, relative_boxes, track_recording

# Frames read at a time.
_PART = 64

Follow = Callable[[Recording], list[list[TrackedPerson]]]
"""Gives the people of each frame of a recording."""


def people_source(cfg) -> str:
    """Where the boxes of validation and test come from: "annotated", "file", "blobs" or "detector"."""
    return cfg.THERMAL.PEOPLE or ("file" if cfg.THERMAL.TEST_DETECTIONS else "annotated")


def people_at(keyframes: list[Keyframe], recordings: RecordingCache, follow: Follow) -> Detections:
    """All people who are followed through the recordings at each keyframe, seen in it or between two sightings.

    Raises:
        InputError: as `follow`.
    """
    followed = {}
    for name in sorted({keyframe.recording for keyframe in keyframes}):
        followed[name] = follow(recordings[name])
        recordings[name].close()  # open HDF5 files do not survive the start of a loader's workers
    boxes = []
    for keyframe in keyframes:
        recording = recordings[keyframe.recording]
        people = followed[keyframe.recording][keyframe.frame_index]
        boxes.append(relative_boxes(people, recording.height, recording.width))
    return Detections(boxes, f"Found {sum(map(len, boxes))} people in {len(keyframes)} keyframes")


def follow_people(
    recording: Recording, finder: Callable[[np.ndarray], PersonFinder] = BlobFinder
) -> list[list[TrackedPerson]]:
    """The people of each of the N frames, found before the recording's background.

    Args:
        recording: is looked at from its first to its last frame.
        finder: takes the background, (H, W) degrees Celsius.

    Raises:
        InputError: the recording cannot be read, or its timestamps decrease.
    """
    check_order(recording)
    started = finder(background(recording).cpu().numpy())
    found = [people for _, frames, times in read_parts(recording) for people in started.find(frames, times)]
    return track_recording(found, recording.timestamps)


def read_parts(recording: Recording) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The frames of a recording, some at a time: their places, (K, H, W) degrees Celsius and times in milliseconds."""
    for start in range(0, recording.num_frames, _PART):
        places = np.arange(start, min(start + _PART, recording.num_frames))
        yield places, recording.read(places).cpu().numpy(), recording.timestamps[places]
