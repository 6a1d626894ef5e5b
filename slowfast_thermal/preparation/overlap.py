"""How far validation clips lie from training clips in time.

A clip holds the 64 frames around its keyframe. Recordings of one session come from one sensor and may overlap in time,
where they hold the same frames; so clips of a session share frames if the times they span overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.preparation.splits import session_of

CLIP_FRAMES = 64
"""DATA.NUM_FRAMES * DATA.SAMPLING_RATE of the configurations."""


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


def clip_span(
    keyframe: Keyframe, timestamps: np.ndarray, clip_frames: int = CLIP_FRAMES, clip_ms: int = 0
) -> tuple[int, int]:
    """Times of the first and the last frame of the clip around a keyframe, milliseconds, as `timestamps` of its recording.
    A clip is of `clip_frames` frames, or of `clip_ms` milliseconds if that is given."""
    if clip_ms:
        time = int(timestamps[keyframe.frame_index])
        return time - clip_ms // 2, time + clip_ms // 2
    start = max(keyframe.frame_index - clip_frames // 2, 0)
    times = timestamps[start : keyframe.frame_index + clip_frames // 2]
    return int(times.min()), int(times.max())


def measure_overlap(
    train: Sequence[Keyframe],
    val: Sequence[Keyframe],
    timestamps: Mapping[str, np.ndarray],
    session_pattern: str,
    clip_frames: int = CLIP_FRAMES,
    clip_ms: int = 0,
) -> list[KeyframeDistance]:
    """The distance of each validation keyframe.

    Args:
        train, val: keyframes with people, which lie inside their recordings.
        timestamps: (N,) milliseconds of the frames of their recordings, by name.
        session_pattern: tells the session from a recording's name; a recording without one is a session of its own.
        clip_frames, clip_ms: see `clip_span`.
    """

    def session(keyframe: Keyframe) -> str:
        return session_of(keyframe.recording, session_pattern) or keyframe.recording

    spans: dict[str, list[tuple[int, int]]] = {}
    for keyframe in train:
        spans.setdefault(session(keyframe), []).append(
            clip_span(keyframe, timestamps[keyframe.recording], clip_frames, clip_ms)
        )

    distances = []
    for keyframe in val:
        starts, ends = np.array(spans.get(session(keyframe), []), np.int64).reshape(-1, 2).T
        start, end = clip_span(keyframe, timestamps[keyframe.recording], clip_frames, clip_ms)
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
