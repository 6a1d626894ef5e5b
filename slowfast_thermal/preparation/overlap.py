"""How far validation clips lie from training clips in time.

A clip is what is looked at around a keyframe. Recordings of one session come from one sensor and may overlap in time,
where they hold the same frames; so clips of a session share frames if the times they span overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.clip_frames import ClipFrames
from slowfast_thermal.preparation.splits import session_of
from slowfast_thermal.trees.features import REACH

CLIP_FRAMES = 64
"""DATA.NUM_FRAMES * DATA.SAMPLING_RATE of the configurations."""


@dataclass(frozen=True)
class ClipLength:
    """So many frames, and so many milliseconds, before and after a keyframe: whichever of them reaches further."""

    frames: tuple[int, int]
    milliseconds: tuple[int, int]

    @classmethod
    def of(cls, cfg) -> "ClipLength":
        """Of what a configuration trains: the network's clip, and what trees look at."""
        clip, trees = ClipFrames.from_config(cfg), cfg.MODEL.TREES_WEIGHT
        frames, of_network, of_trees = (0, 0), (0, 0), (0, 0)
        if trees < 1 and clip.seconds:
            of_network = tuple(round(1000 * clip.seconds * part) for part in (clip.position, 1 - clip.position))
        elif trees < 1:
            frames = clip.before, clip.after
        if trees:
            of_trees = REACH, round(2 * REACH * min(1 - clip.position, 0.5))
        return cls(frames, tuple(map(max, of_network, of_trees)))


@dataclass(frozen=True)
class KeyframeDistance:
    """How far one validation keyframe lies from training.

    Attributes:
        image_id: of the keyframe.
        recording: of the keyframe.
        milliseconds: from the keyframe to the nearest time that a training clip of its session spans; 0 inside one,
            None if the session has none.
        shares_frames: whether its clip and a training clip of its session do.
    """

    image_id: str | int
    recording: str
    milliseconds: int | None
    shares_frames: bool


def clip_span(keyframe: Keyframe, timestamps: np.ndarray, length: ClipLength) -> tuple[int, int]:
    """First and last time of the clip around a keyframe, milliseconds, as `timestamps` of its recording."""
    time = int(timestamps[keyframe.frame_index])
    (frames_before, frames_after), (before, after) = length.frames, length.milliseconds
    times = timestamps[max(keyframe.frame_index - frames_before, 0) : keyframe.frame_index + frames_after + 1]
    return min(int(times.min()), time - before), max(int(times.max()), time + after)


def measure_overlap(
    train: Sequence[Keyframe],
    val: Sequence[Keyframe],
    timestamps: Mapping[str, np.ndarray],
    session_pattern: str,
    length: ClipLength,
) -> list[KeyframeDistance]:
    """The distance of each validation keyframe.

    Args:
        train, val: keyframes with people, which lie inside their recordings.
        timestamps: (N,) milliseconds of the frames of their recordings, by name.
        session_pattern: tells the session from a recording's name; a recording without one is a session of its own.
        length: of the clips.
    """

    def session(keyframe: Keyframe) -> str:
        return session_of(keyframe.recording, session_pattern) or keyframe.recording

    spans: dict[str, list[tuple[int, int]]] = {}
    for keyframe in train:
        spans.setdefault(session(keyframe), []).append(clip_span(keyframe, timestamps[keyframe.recording], length))

    distances = []
    for keyframe in val:
        starts, ends = np.array(spans.get(session(keyframe), []), np.int64).reshape(-1, 2).T
        start, end = clip_span(keyframe, timestamps[keyframe.recording], length)
        time = int(timestamps[keyframe.recording][keyframe.frame_index])
        gaps = np.maximum(np.maximum(starts - time, time - ends), 0)
        nearest = int(gaps.min()) if len(gaps) else None
        shares = bool(((starts <= end) & (start <= ends)).any())
        distances.append(KeyframeDistance(keyframe.image_id, keyframe.recording, nearest, shares))
    return distances


def overlap_warning(distances: Sequence[KeyframeDistance]) -> str | None:
    """One sentence on validation clips that share frames with training clips, None if there are none."""
    sharing = sum(distance.shares_frames for distance in distances)
    inside = sum(distance.milliseconds == 0 for distance in distances)
    if not sharing:
        return None
    return (
        f"{sharing} of {len(distances)} validation clips share frames with training clips ({inside} keyframes lie inside "
        "one); scores on this split are optimistic: split by session."
    )
