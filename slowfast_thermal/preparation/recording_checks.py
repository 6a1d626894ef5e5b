"""Checks of recordings: times, and whether keyframes are theirs."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.preparation.findings import Findings
from slowfast_thermal.preparation.statistics import Times

# A keyframe's time may differ from that of its frame by this much, milliseconds.
TIME_TOLERANCE = 50

# Share of a recording's intervals from which on they are worth a warning.
MAX_IRREGULAR = 0.1

# Milliseconds since 1970 lie between these from 2000 to 2100.
_EPOCH = 946_684_800_000, 4_102_444_800_000
# Median intervals of times that do not count from 1970, if these are milliseconds.
_SHORTEST, _LONGEST = 2, 10_000


def time_unit(timestamps: np.ndarray) -> str | None:
    """The unit that (N,) int64 times seem to be in, None if milliseconds are as likely as any."""
    first, last = int(timestamps[0]), int(timestamps[-1])
    if _EPOCH[0] <= first <= _EPOCH[1] or last <= first:
        return None
    interval = np.median(np.diff(timestamps))
    for name, parts in (("nanoseconds", 10**6), ("microseconds", 10**3)):
        if _EPOCH[0] * parts <= first <= _EPOCH[1] * parts or interval >= _LONGEST * parts / 1000:
            return name
    return "seconds" if 0 <= interval < _SHORTEST else None


def check_times(findings: Findings, recording: Recording, times: Times | None) -> None:
    """Whether the times of frames are milliseconds that increase, and how steadily.

    Args:
        times: of the recording as `measure_times` gives them.
    """
    timestamps = recording.timestamps
    if unit := time_unit(timestamps):
        findings.problem(
            "times",
            f"{recording.path}: timestamps run from {timestamps[0]} to {timestamps[-1]} with a median step of "
            f"{np.median(np.diff(timestamps)):g}, which looks like {unit}: write milliseconds, in the annotations too.",
        )
        return
    if times is None:
        steps = np.diff(timestamps)
        if len(steps):
            frame = int((steps <= 0).argmax())
            before, after = timestamps[frame : frame + 2]
            findings.problem(
                "times",
                f"{recording.path}: timestamps do not increase at {int((steps <= 0).sum())} of {len(steps)} steps, first "
                f"from frame {frame} ({before} ms) to {frame + 1} ({after} ms): put frames and timestamps in order.",
            )
        return
    if times.irregular > MAX_IRREGULAR or times.num_gaps:
        findings.warning(
            "times",
            f"{recording.path}: {times.interval.low:.0f} to {times.interval.high:.0f} ms from frame to frame with a median of "
            f"{times.interval.middle:.0f}; {times.irregular:.0%} are less than half or more than twice that, and "
            f"{times.num_gaps} more than ten times: record at a steady rate, or set THERMAL.CLIP_SECONDS so that every clip "
            "spans the same time.",
        )


def check_sizes(findings: Findings, keyframes: Iterable[Keyframe], recordings: Mapping[str, Recording]) -> None:
    """Whether the frames of a recording are as large as its images say; its first image that does not fit is named."""
    named = set()
    for keyframe in keyframes:
        recording = recordings.get(keyframe.recording)
        if recording is None or recording.name in named:
            continue
        size, frame_size = keyframe.size, (recording.width, recording.height)
        if size in (frame_size, (0, 0)):
            continue
        named.add(recording.name)
        remedy = "correct the one that is wrong"
        if size == frame_size[::-1]:
            remedy = "store them as (frames, height, width), not (frames, width, height)"
        findings.problem(
            "sizes",
            f"{keyframe.where}: the image is {size[0]} pixels wide and {size[1]} high, but the frames of {recording.path} are "
            f"{frame_size[0]} wide and {frame_size[1]} high: {remedy}.",
        )


def inside(keyframes: Iterable[Keyframe], recordings: Mapping[str, Recording]) -> list[Keyframe]:
    """The keyframes that are a frame of a recording that is given."""
    return [
        keyframe
        for keyframe in keyframes
        if keyframe.recording in recordings and 0 <= keyframe.frame_index < recordings[keyframe.recording].num_frames
    ]


def check_keyframe_times(
    findings: Findings, keyframes: Sequence[Keyframe], recordings: Mapping[str, Recording]
) -> None:
    """Whether keyframes that are `inside` their recordings have the times of their frames."""
    for keyframe in keyframes:
        times, index = recordings[keyframe.recording].timestamps, keyframe.frame_index
        if times[index] == keyframe.timestamp:
            continue
        distances = np.abs(times - keyframe.timestamp)
        nearest = int(distances.argmin())
        if distances[index] > min(distances[nearest], TIME_TOLERANCE):
            findings.problem(
                "times",
                f"{keyframe.where}: frame_idx {index} is at {times[index]} ms, but the timestamp is {keyframe.timestamp} ms, "
                f"nearest to frame {nearest} at {times[nearest]} ms: correct one of them.",
            )
