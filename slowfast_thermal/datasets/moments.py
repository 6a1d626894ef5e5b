"""Moments of recordings with the people found there, as `Thermal` gives annotated keyframes."""

from collections.abc import Sequence

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.clip_frames import nearest_frames
from slowfast_thermal.datasets.recording_cache import RecordingCache
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.thermal import Thermal
from slowfast_thermal.people.tracks import TrackedPerson, relative_boxes


class Moments(Thermal):
    """Clips around moments of recordings that nobody annotated; no label is set.

    Args:
        cfg: PySlowFast's configuration with node THERMAL.
        classes: names of the C classes.
        recordings: of different names.
        followed: for each recording the people of each of its frames.
        every: seconds from one moment to the next; the first and the last frame of a recording are moments too.

    Attributes:
        people: for each sample its people.
    """

    def __init__(
        self,
        cfg,
        classes: Sequence[str],
        recordings: Sequence[Recording],
        followed: Sequence[list[list[TrackedPerson]]],
        every: float,
    ):
        self.classes = list(classes)
        self.recordings = [recording.name for recording in recordings]
        self._place = {name: place for place, name in enumerate(self.recordings)}
        self._cache = RecordingCache(list(recordings), int(cfg.THERMAL.CACHE_GIB * 2**30))
        self.class_counts = np.zeros(len(classes), np.int64)
        self.keyframes, self.people = [], []
        for recording, people in zip(recordings, followed):
            for frame in moments(recording.timestamps, every).tolist():
                if people[frame]:
                    self.keyframes.append(_keyframe(recording, frame, people[frame], len(classes)))
                    self.people.append(people[frame])
        self._samples = [(keyframe, keyframe.boxes, keyframe.labels) for keyframe in self.keyframes]
        self._configure(cfg, "test")


def moments(timestamps: np.ndarray, every: float) -> np.ndarray:
    """The frames (K,) nearest to times that are `every` seconds apart, from the first frame to the last one.

    Args:
        timestamps: (N,) milliseconds, not decreasing.
        every: seconds.
    """
    step = 1000 * every
    # Times that have a frame within half a step: a gap has none.
    times = timestamps[0] + step * np.unique(np.round((timestamps - timestamps[0]) / step))
    frames = np.unique(np.append(nearest_frames(timestamps, times), len(timestamps) - 1))
    # Of frames with the same time one stands for all.
    return frames[np.unique(timestamps[frames], return_index=True)[1]]


def _keyframe(recording: Recording, frame: int, people: list[TrackedPerson], num_classes: int) -> Keyframe:
    time = int(recording.timestamps[frame])
    return Keyframe(
        image_id=f"{recording.name}_{time}",
        where=str(recording.path),
        recording=recording.name,
        timestamp=time,
        frame_index=frame,
        boxes=relative_boxes(people, recording.height, recording.width),
        labels=np.zeros((len(people), num_classes), np.float32),
        objects=np.zeros((0, 4), np.float32),
        size=(recording.width, recording.height),
    )
