"""People found in a recording and followed through it, where nobody drew their boxes.

Letters: N frames of a recording, R people of a frame.
"""

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.clips import background, check_order
from slowfast_thermal.datasets.detections import Detections
from slowfast_thermal.datasets.recording_cache import RecordingCache
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.finder import FoundPeople
from slowfast_thermal.people.tracks import TrackedPerson, track_recording

# Frames read at a time.
_PART = 64


def people_source(cfg) -> str:
    """Where the boxes of validation and test come from: "annotated", "file" or "blobs"."""
    return cfg.THERMAL.PEOPLE or ("file" if cfg.THERMAL.TEST_DETECTIONS else "annotated")


def people_at(keyframes: list[Keyframe], recordings: RecordingCache) -> Detections:
    """All people who are followed through the recordings at each keyframe, seen in it or between two sightings.

    Raises:
        InputError: as `follow_people`.
    """
    followed = {}
    for name in sorted({keyframe.recording for keyframe in keyframes}):
        followed[name] = follow_people(recordings[name])
        recordings[name].close()  # open HDF5 files do not survive the start of a loader's workers
    boxes = [
        relative_boxes(followed[keyframe.recording][keyframe.frame_index], recordings[keyframe.recording])
        for keyframe in keyframes
    ]
    return Detections(boxes, f"Found {sum(map(len, boxes))} people as warm blobs in {len(keyframes)} keyframes")


def follow_people(recording: Recording) -> list[list[TrackedPerson]]:
    """The people of each of the N frames, found as warm blobs before the recording's background.

    Raises:
        InputError: the recording cannot be read, or its timestamps decrease.
    """
    check_order(recording)
    finder = BlobFinder(background(recording).cpu().numpy())
    found: list[FoundPeople] = []
    for start in range(0, recording.num_frames, _PART):
        places = np.arange(start, min(start + _PART, recording.num_frames))
        found += finder.find(recording.read(places).cpu().numpy(), recording.timestamps[places])
    return track_recording(found, recording.timestamps)


def relative_boxes(people: list[TrackedPerson], recording: Recording) -> np.ndarray:
    """(R, 4) float32 x1, y1, x2, y2 divided by the image size, inside the image, of people with boxes in pixels."""
    boxes = np.array([person.box for person in people], np.float32).reshape(-1, 4)
    size = np.array([recording.width, recording.height] * 2, np.float32)
    return np.clip(boxes / size, 0, 1)
