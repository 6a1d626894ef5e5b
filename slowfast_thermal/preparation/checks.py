"""Checks of a data set as a whole: everything that is wrong with it, not only what a run would stop on first.

A problem stops the training or makes labels wrong, so it must be mended:
    annotations   a file that is missing or no JSON; a record that lacks a field or has one of the wrong type; ids of
                  images or categories that are unknown or stand there twice; boxes without size or not finite; class
                  lists that differ between train and val; nobody to train or test on
    recordings    a file that is missing, cannot be read or is no recording; frames of different sizes in one data set
    times         timestamps that do not increase or are no milliseconds; a keyframe outside its recording, or whose time is
                  not that of its frame
    temperatures  readings nearly all of which lie outside THERMAL.TEMPERATURE_RANGE, as in another unit; readings that are
                  all the same; failed reads that were written as a number
    sizes         images of another width and height than the frames of their recording
    overlap       keyframes that train and val both have
Of the last four, THERMAL.ACCEPT_PROBLEMS makes warnings.
A warning lets the training go on, but scores or labels suffer:
    annotations   there are none yet, so only recordings are checked
    times         irregular intervals between frames, and gaps
    dead pixels   a pixel that never or rarely reads; more than a tenth of a recording's readings missing
    lost packets  frames of which it is not clear where the packets belong, so that all of them is filled; more than a tenth
                  of a recording's readings lost
    torn, frozen  frames that hold a part of the one before, or all of it (`damage` says when)
    flashing      frames whose level jumps and comes back
    boxes         a box that reaches over the image's edge, where it is cut, or lies wholly outside and is dropped; an
                  image without a person
    classes       a class without a training box, with validation boxes or without
    unused        a recording without a keyframe
    overlap       validation clips that share frames with training clips
A note tells what is as it may be:
    dead pixels   readings that are missing, and filled
    lost packets  frames that are put right as they are read
    boxes         a box that is taken for another action of a person annotated before
    overlap       how far validation clips lie from training clips that share no frame with them

A record's parts are checked one by one, but of one part, and of a recording, the first fault only. What a fault is bound
to entail is not listed besides: classes and overlap are looked at where the annotation files are without problems.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slowfast_thermal.datasets.annotations import Annotations, Keyframe, count_boxes, load_annotations, of_recordings
from slowfast_thermal.datasets.recordings import Recording, frame_faults, size_faults
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.damage import find_damage
from slowfast_thermal.preparation.damage_checks import check_damage
from slowfast_thermal.preparation.findings import Finding, Findings
from slowfast_thermal.preparation.overlap import KeyframeDistance, measure_overlap, overlap_warning
from slowfast_thermal.preparation.recording_checks import (
    check_keyframe_times,
    check_sizes,
    check_times,
    inside,
)
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.splits import keyframes_in_both, session_of
from slowfast_thermal.preparation.statistics import measure_times, recording_paths
from slowfast_thermal.preparation.temperatures import TemperatureTally

# Parts of recordings by which a run's temperatures are judged before it starts, in all, and of one recording at most.
SAMPLED_PARTS, MAX_SAMPLED = 256, 4


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


def _check_splits(findings: Findings, train: Annotations, val: Annotations, paths: Mapping[str, list[Path]]) -> None:
    """What the annotation files, each of them without a fault, may not have in common, and what they must."""
    if train.classes != val.classes:
        findings.problem(
            "annotations",
            f"{paths['val'][0]} has other categories than {paths['train'][0]}: give all files the same list.",
        )
    _check_both(findings, train.keyframes, val.keyframes)
    for split, annotations in (("train", train), ("val", val)):
        if not any(len(keyframe.boxes) for keyframe in annotations.keyframes):
            names = ", ".join(map(str, paths[split]))
            purpose = "train" if split == "train" else "test"
            findings.problem(
                "annotations",
                f"{names}: no keyframe has a person's box, so there is nothing to {purpose} on: annotate some.",
            )


def _check_boxes(findings: Findings, annotations: Annotations) -> None:
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


def _check_images(findings: Findings, annotations: Annotations) -> None:
    for keyframe in annotations.keyframes:
        if not len(keyframe.boxes):
            findings.warning(
                "boxes",
                f"{keyframe.where}: image {keyframe.image_id!r} has no person's box and gives no clip: annotate or remove it.",
            )


def _check_classes(findings: Findings, train: Annotations, val: Annotations, train_path: Path) -> None:
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


def _check_recordings(findings: Findings, paths: Iterable[Path], settings: DataSettings) -> dict[str, Recording]:
    """The recordings that can be read, by name."""
    recordings = {}
    for path in paths:
        with findings.guard("recordings")():
            recording = settings.open(path)
            tally = TemperatureTally(settings.temperature_range)
            damage = find_damage(recording, tally.add)
            recordings[recording.name] = recording
            check_times(findings, recording, measure_times(recording.timestamps))
            if fault := tally.fault(recording):
                findings.problem("temperatures", fault)
            else:
                check_damage(findings, recording, damage)
    for fault in size_faults(recordings.values()):
        findings.problem("recordings", fault)
    return recordings


def _check_both(findings: Findings, train: Sequence[Keyframe], val: Sequence[Keyframe]) -> None:
    for keyframe in keyframes_in_both(train, val):
        message = f"{keyframe.where}: {keyframe.recording} at {keyframe.timestamp} ms is in the training set too"
        findings.problem("overlap", f"{message}: remove it from one of them.")


def refuse_problems(
    train: Sequence[Keyframe], val: Sequence[Keyframe], recordings: Sequence[Recording], settings: DataSettings
) -> None:
    """Stops a run whose data, though all of them could be opened, have what `validate` calls a problem.

    Temperatures are judged by some parts of some recordings, SAMPLED_PARTS in all, which takes about a second however
    large the data set is; what is wrong elsewhere only `validate` finds, which reads everything.

    Args:
        train, val: keyframes of the run; none where there is no training.
        recordings: of these keyframes.
        settings: of the run.

    Raises:
        InputError: frames of different sizes; or the first problem of a kind that the settings do not accept, and how many
            there are.
    """
    for fault in size_faults(recordings):
        raise fault
    findings = Findings(None, settings.accepted)
    by_name = {recording.name: recording for recording in recordings}
    _check_both(findings, train, val)
    for keyframes in (train, val):
        check_sizes(findings, keyframes, by_name)
        check_keyframe_times(findings, inside(keyframes, by_name), by_name)
    step = -(-len(recordings) // SAMPLED_PARTS)
    num_parts = max(min(SAMPLED_PARTS // len(recordings), MAX_SAMPLED), 1)
    for recording in recordings:
        check_times(findings, recording, measure_times(recording.timestamps))
    for recording in recordings[::step]:
        tally = TemperatureTally(settings.temperature_range)
        for frames in recording.parts(num_parts, repaired=False):
            tally.add(frames)
        if fault := tally.fault(recording):
            findings.problem("temperatures", fault)
        recording.close()
    problems = findings.of("problem")
    if problems:
        more = f" (one of {len(problems)} problems, all of which tools/thermal_data.py validate lists)"
        remedy = f"; to go on all the same, set THERMAL.ACCEPT_PROBLEMS \"['{problems[0].kind}']\""
        raise InputError(f"{problems[0].message.rstrip('.')}{remedy}{more if len(problems) > 1 else ''}.")


def _check_overlap(findings: Findings, distances: list[KeyframeDistance]) -> None:
    nearest = min((d.milliseconds for d in distances if d.milliseconds is not None), default=None)
    if warning := overlap_warning(distances):
        findings.warning("overlap", warning)
    elif distances:
        away = "no session is in both" if nearest is None else f"the nearest is {nearest / 1000:.1f} s away"
        message = f"none of {len(distances)} validation clips shares a frame with a training clip; {away}."
        findings.note("overlap", message)


def _check_sessions(findings: Findings, recordings: Iterable[str], session_pattern: str) -> None:
    unknown = [name for name in recordings if session_of(name, session_pattern) is None]
    if unknown:
        findings.note(
            "overlap",
            f"THERMAL.SESSION_PATTERN '{session_pattern}' does not fit {', '.join(unknown)}, whose clips are compared with "
            "those of the same recording only: give one that does.",
        )


def validate(
    root: str | Path,
    train: Sequence[str],
    val: Sequence[str],
    *,
    settings: DataSettings | None = None,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Report:
    """Checks annotation files, recordings, and how they fit together.

    Args:
        root: folder of the data set.
        train, val: annotation files, by their paths from there; without any, the recordings alone are checked.
        settings: of a run; None for the defaults.
        progress: wraps the loop over the recordings, for example `tqdm.tqdm`.

    Raises:
        InputError: there is no such folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"Data folder '{root}' does not exist: correct its name.")
    settings = settings or DataSettings.default()
    findings = Findings(root, settings.accepted)
    paths = {"train": [root / name for name in train], "val": [root / name for name in val]}
    splits = {split: load_annotations(files, findings.guard("annotations")) for split, files in paths.items()}
    for split, part in splits.items():
        splits[split] = replace(part, keyframes=of_recordings(part.keyframes, settings.recordings[split]))
    are_alone = not (train or val)
    are_whole = not (findings.all or are_alone)
    if are_alone:
        findings.warning(
            "annotations", "no annotation file is there, so the recordings alone were checked: add some to train."
        )
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
        files = recording_paths(root / settings.frames_dir, keyframes)
        recordings = _check_recordings(findings, progress(files), settings)
    if are_whole:
        for path in files:
            if path.stem not in {keyframe.recording for keyframe in keyframes}:
                findings.warning("unused", f"{path}: no keyframe is from this recording: annotate or remove it.")

    for fault in frame_faults(keyframes, recordings):
        findings.problem("times", fault)
    check_sizes(findings, keyframes, recordings)
    check_keyframe_times(findings, inside(keyframes, recordings), recordings)
    distances = measure_overlap(
        *(inside((k for k in part.keyframes if len(k.boxes)), recordings) for part in splits.values()),
        {name: recording.timestamps for name, recording in recordings.items()},
        settings.session_pattern,
        settings.clip,
    )
    _check_overlap(findings, distances)
    if not are_alone:
        _check_sessions(findings, recordings, settings.session_pattern)
    num_keyframes = {split: len(annotations.keyframes) for split, annotations in splits.items()}
    return Report(num_keyframes, len(files), findings.all, distances)
