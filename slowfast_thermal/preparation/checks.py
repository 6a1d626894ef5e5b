"""Checks of a data set as a whole: everything that is wrong with it, not only what a run would stop on first.

A problem stops the training or makes labels wrong, so it must be mended:
    annotations   a file that is missing or no JSON; a record that lacks a field or has one of the wrong type; ids of
                  images or categories that are unknown or stand there twice; boxes without size or not finite; class
                  lists that differ between train and val; keyframes in both; nobody to train or test on
    recordings    a file that is missing, damaged or no recording; frames of different sizes in one data set
    times         timestamps that do not increase; a keyframe outside its recording, or whose time is not that of its
                  frame
A warning lets the training go on, but scores or labels suffer:
    times         irregular intervals between frames, and gaps
    dead pixels   a pixel without a reading in a whole recording; more than a tenth of a recording's readings missing
    boxes         a box that reaches over the image's edge, where it is cut, or lies wholly outside and is dropped; an
                  image without a person
    classes       a class without a training box, with validation boxes or without
    unused        a recording without a keyframe
    overlap       validation clips that share frames with training clips
A note tells what is as it may be:
    dead pixels   readings that are missing, and filled
    boxes         a box that is taken for another action of a person annotated before
    overlap       how far validation clips lie from training clips that share no frame with them

A record's parts are checked one by one, but of one part, and of a recording, the first fault only. What a fault is bound
to entail is not listed besides: classes and overlap are looked at where the annotation files are without problems.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path

import numpy as np

from slowfast_thermal.datasets.annotations import Annotations, Guard, Keyframe, count_boxes, load_annotations
from slowfast_thermal.datasets.recordings import Recording, frame_faults, size_faults
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.overlap import KeyframeDistance, measure_overlap
from slowfast_thermal.preparation.splits import SESSION_PATTERN, check_session_pattern, keyframes_in_both, session_of
from slowfast_thermal.preparation.statistics import VALID_RANGE, RecordingStatistics, measure, recording_paths

# A keyframe's time may differ from that of its frame by this much, milliseconds.
TIME_TOLERANCE = 50

# Shares of a recording's intervals and of its readings from which on they are worth a warning.
MAX_IRREGULAR = 0.1
MAX_DEAD = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        severity: "problem", "warning" or "note".
        kind: what was checked, in the words of this module's docstring.
        message: one sentence with the file (by its path from the data set's folder), the record and the remedy.
    """

    severity: str
    kind: str
    message: str


@dataclass(frozen=True)
class Report:
    """What a validation found.

    Attributes:
        num_keyframes: for "train" and "val", those that could be read.
        num_recordings: in the folder or named by keyframes.
        findings: in the order of the checks.
        overlap: one entry for each validation keyframe with people, where its recording can be read.
    """

    num_keyframes: dict[str, int]
    num_recordings: int
    findings: list[Finding]
    overlap: list[KeyframeDistance]

    def of(self, severity: str) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]


class _Findings:
    """Collects findings about the data set in a folder."""

    def __init__(self, root: Path):
        # Findings name files by their path from the folder.
        self._prefix = re.compile(rf"(?<![\w./-]){re.escape(str(root))}/")
        self.all: list[Finding] = []

    def _add(self, severity: str, kind: str, message: object) -> None:
        self.all.append(Finding(severity, kind, self._prefix.sub("", str(message))))

    problem = partialmethod(_add, "problem")
    warning = partialmethod(_add, "warning")
    note = partialmethod(_add, "note")

    def guard(self, kind: str) -> Guard:
        """Makes contexts that keep an InputError as a problem."""

        @contextmanager
        def context() -> Iterator[None]:
            try:
                yield
            except InputError as error:
                self.problem(kind, error)

        return context


def _check_splits(findings: _Findings, train: Annotations, val: Annotations, paths: Mapping[str, list[Path]]) -> None:
    """What the annotation files, each of them without a fault, may not have in common, and what they must."""
    if train.classes != val.classes:
        findings.problem(
            "annotations",
            f"{paths['val'][0]} has other categories than {paths['train'][0]}: give all files the same list.",
        )
    for keyframe in keyframes_in_both(train.keyframes, val.keyframes):
        message = f"{keyframe.where}: {keyframe.recording} at {keyframe.timestamp} ms is in the training set too"
        findings.problem("annotations", f"{message}: remove it from one of them.")
    for split, annotations in (("train", train), ("val", val)):
        if not any(len(keyframe.boxes) for keyframe in annotations.keyframes):
            names = ", ".join(map(str, paths[split]))
            purpose = "train" if split == "train" else "test"
            findings.problem(
                "annotations",
                f"{names}: no keyframe has a person's box, so there is nothing to {purpose} on: annotate some.",
            )


def _check_boxes(findings: _Findings, annotations: Annotations) -> None:
    for place in annotations.clipped:
        findings.warning("boxes", f"{place}: the box reaches over the image's edge and is cut there: correct it.")
    for place in annotations.dropped:
        findings.warning(
            "boxes",
            f"{place}: the box lies outside the image and is dropped: give centre x, centre y, width and height, each "
            "divided by the image size.",
        )
    for place in annotations.joined:
        findings.note(
            "boxes",
            f"{place}: the box is taken for another action of the person whose box it nearly is, and that box is kept.",
        )


def _check_images(findings: _Findings, annotations: Annotations) -> None:
    for keyframe in annotations.keyframes:
        if not len(keyframe.boxes):
            findings.warning(
                "boxes",
                f"{keyframe.where}: image {keyframe.image_id!r} has no person's box and gives no clip: annotate or remove it.",
            )


def _check_classes(findings: _Findings, train: Annotations, val: Annotations, train_path: Path) -> None:
    num_train, num_val = (count_boxes(part.keyframes, len(train.classes)) for part in (train, val))
    for name, in_train, in_val in zip(train.classes, num_train, num_val):
        if in_train:
            continue
        message = f"{train_path}: class '{name}' has no training box"
        if in_val:
            message += f", but {in_val} for validation, which cannot be recognised: move some to train."
        else:
            message += " and none for validation: annotate some, or remove the class."
        findings.warning("classes", message)


def _check_times(findings: _Findings, recording: Recording, measured: RecordingStatistics) -> None:
    if measured.times is None:
        steps = np.diff(recording.timestamps.astype(np.int64))
        if len(steps):
            frame = int((steps <= 0).argmax())
            before, after = recording.timestamps[frame : frame + 2]
            findings.problem(
                "times",
                f"{recording.path}: timestamps do not increase at {int((steps <= 0).sum())} of {len(steps)} steps, first "
                f"from frame {frame} ({before} ms) to {frame + 1} ({after} ms): put frames and timestamps in order.",
            )
        return
    interval, num_gaps = measured.times.interval, measured.times.num_gaps
    if measured.times.irregular > MAX_IRREGULAR or num_gaps:
        findings.warning(
            "times",
            f"{recording.path}: {interval.low:.0f} to {interval.high:.0f} ms from frame to frame with a median of "
            f"{interval.middle:.0f}; {measured.times.irregular:.0%} differ from it by more than a factor of two, {num_gaps} "
            "exceed it by more than ten: record or resample at a steady rate.",
        )


def _check_readings(findings: _Findings, recording: Recording, measured: RecordingStatistics) -> None:
    readings = measured.readings
    if not readings.num_dead:
        return
    message = (
        f"{recording.path}: {readings.num_dead} readings ({readings.share_dead:.1%}) are missing, in "
        f"{readings.num_frames_with_dead} of {recording.num_frames} frames"
    )
    if readings.num_never_read:
        num_pixels = recording.height * recording.width
        message += f", and {readings.num_never_read} of {num_pixels} pixels have none at all: check the sensor."
    elif readings.share_dead > MAX_DEAD:
        message += ": check the sensor and its connection."
    else:
        findings.note("dead pixels", f"{message}; earlier readings fill them.")
        return
    findings.warning("dead pixels", message)


def _check_recordings(findings: _Findings, paths: Iterable[Path]) -> dict[str, Recording]:
    """The recordings that can be read, by name."""
    recordings = {}
    for path in paths:
        with findings.guard("recordings")():
            # The temperature for pixels that were never read is not used.
            recording = Recording(path, VALID_RANGE, 0.0)
            measured = measure(recording)
            recordings[recording.name] = recording
            _check_times(findings, recording, measured)
            _check_readings(findings, recording, measured)
    for fault in size_faults(recordings.values()):
        findings.problem("recordings", fault)
    return recordings


def _inside(keyframes: Iterable[Keyframe], recordings: Mapping[str, Recording]) -> list[Keyframe]:
    """The keyframes that are a frame of a recording that can be read."""
    return [
        keyframe
        for keyframe in keyframes
        if keyframe.recording in recordings and 0 <= keyframe.frame_index < recordings[keyframe.recording].num_frames
    ]


def _check_time(findings: _Findings, keyframe: Keyframe, recording: Recording) -> None:
    times = recording.timestamps.astype(np.int64)
    distances = np.abs(times - keyframe.timestamp)
    nearest, index = int(distances.argmin()), keyframe.frame_index
    if distances[index] > min(distances[nearest], TIME_TOLERANCE):
        findings.problem(
            "times",
            f"{keyframe.where}: frame_idx {index} is at {times[index]} ms, but the timestamp is {keyframe.timestamp} ms, "
            f"nearest to frame {nearest} at {times[nearest]} ms: correct one of them.",
        )


def _check_overlap(findings: _Findings, distances: list[KeyframeDistance]) -> None:
    sharing = sum(distance.shares_frames for distance in distances)
    inside = sum(distance.milliseconds == 0 for distance in distances)
    nearest = min((d.milliseconds for d in distances if d.milliseconds is not None), default=None)
    if sharing:
        findings.warning(
            "overlap",
            f"{sharing} of {len(distances)} validation clips share frames with training clips ({inside} keyframes lie "
            "inside one); scores on this split are optimistic: split by session.",
        )
    elif distances:
        away = "no session is in both" if nearest is None else f"the nearest is {nearest / 1000:.1f} s away"
        message = f"none of {len(distances)} validation clips shares a frame with a training clip; {away}."
        findings.note("overlap", message)


def _check_sessions(findings: _Findings, recordings: Iterable[str], session_pattern: str) -> None:
    unknown = [name for name in recordings if session_of(name, session_pattern) is None]
    if unknown:
        findings.note(
            "overlap",
            f"The session pattern '{session_pattern}' does not fit {', '.join(unknown)}, whose clips are compared with "
            "those of the same recording only: give one that does.",
        )


def validate(
    root: str | Path,
    train: Sequence[str],
    val: Sequence[str],
    *,
    session_pattern: str = SESSION_PATTERN,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Report:
    """Checks annotation files, recordings, and how they fit together.

    Args:
        root: folder of the data set, with the recordings in `frames`.
        train, val: annotation files, by their paths from there.
        session_pattern: regular expression for a recording's whole name, whose first group is the session. Clips of one
            session can share frames. A recording that it does not fit is a session of its own.
        progress: wraps the loop over the recordings, for example `tqdm.tqdm`.

    Raises:
        InputError: there is no such folder, or the pattern is no regular expression with a group.
    """
    check_session_pattern(session_pattern)
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"Data folder '{root}' does not exist: correct its name.")
    findings = _Findings(root)
    paths = {"train": [root / name for name in train], "val": [root / name for name in val]}
    splits = {split: load_annotations(files, findings.guard("annotations")) for split, files in paths.items()}
    are_whole = not findings.all
    if are_whole:
        _check_splits(findings, splits["train"], splits["val"], paths)
        if splits["train"].classes == splits["val"].classes:
            _check_classes(findings, splits["train"], splits["val"], paths["train"][0])
    for annotations in splits.values():
        _check_boxes(findings, annotations)
        if are_whole:
            _check_images(findings, annotations)

    keyframes = [keyframe for annotations in splits.values() for keyframe in annotations.keyframes]
    recordings, files = {}, []
    with findings.guard("recordings")():
        files = recording_paths(root / "frames", keyframes)
        recordings = _check_recordings(findings, progress(files))
    if are_whole:
        for path in files:
            if path.stem not in {keyframe.recording for keyframe in keyframes}:
                findings.warning("unused", f"{path}: no keyframe is from this recording: annotate or remove it.")

    for fault in frame_faults(keyframes, recordings):
        findings.problem("times", fault)
    for keyframe in _inside(keyframes, recordings):
        _check_time(findings, keyframe, recordings[keyframe.recording])
    distances = measure_overlap(
        *(_inside((k for k in part.keyframes if len(k.boxes)), recordings) for part in splits.values()),
        recordings,
        session_pattern,
    )
    _check_overlap(findings, distances)
    _check_sessions(findings, recordings, session_pattern)
    num_keyframes = {split: len(annotations.keyframes) for split, annotations in splits.items()}
    return Report(num_keyframes, len(files), findings.all, distances)
