"""What a data set holds: frames, times, temperatures and missing readings of its recordings, boxes of its classes.

Letters: N frames of a recording, R people.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast_thermal.datasets.annotations import Annotations, Keyframe, count_boxes, load_annotations, of_recordings
from slowfast_thermal.datasets.recordings import Recording, check_folder
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.box_shift import BoxShift, measure_shifts, median_shift
from slowfast_thermal.preparation.settings import DataSettings

# An interval between two frames is irregular if it is shorter or longer than the recording's median by this factor,
REGULAR_FACTOR = 2
# and a gap if it is longer by this one.
GAP_FACTOR = 10


@dataclass(frozen=True)
class Range:
    """The lowest and the highest of some values, and between them the median or mean."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Times:
    """When a recording's frames were taken.

    Attributes:
        duration: from the first to the last frame, seconds.
        rate: frames a second on average.
        interval: from one frame to the next, milliseconds; with the median.
        irregular: share of the intervals shorter than half the median or longer than twice the median.
        num_gaps: intervals longer than ten times the median.
    """

    duration: float
    rate: float
    interval: Range
    irregular: float
    num_gaps: int


@dataclass(frozen=True)
class Readings:
    """What a recording's pixels gave.

    Attributes:
        celsius: of the readings, with their mean; None if there is none.
        num_missing: readings that are missing, counted over all frames, but for those of lost packets.
        share_missing: of all readings that there should be.
        num_frames_missing: frames that miss some of these.
        share_lost: readings lost in packets, of all that there should be.
        num_frames_lost: frames that lost packets.
        num_never_read: pixels without a reading in the whole recording.
    """

    celsius: Range | None
    num_missing: int
    share_missing: float
    num_frames_missing: int
    share_lost: float
    num_frames_lost: int
    num_never_read: int


@dataclass(frozen=True)
class RecordingStatistics:
    """One recording; `times` is None unless its timestamps increase from frame to frame, which takes two frames."""

    name: str
    num_frames: int
    height: int
    width: int
    times: Times | None
    readings: Readings


@dataclass(frozen=True)
class ClassStatistics:
    """Boxes of one class.

    Attributes:
        name: of the class.
        num_boxes: for "train" and "val".
        width, height: in pixels of the sensor, of both together, with the median; None if there is no box.
    """

    name: str
    num_boxes: dict[str, int]
    width: Range | None
    height: Range | None


@dataclass(frozen=True)
class Statistics:
    """A data set.

    Attributes:
        recordings: all of the folder, annotated or not.
        num_keyframes: for "train" and "val".
        num_people: for "train" and "val".
        classes: in the order of their ids. A person of two actions counts for both classes.
        box_shift: from the boxes of the training recordings to the warm people.
    """

    recordings: list[RecordingStatistics]
    num_keyframes: dict[str, int]
    num_people: dict[str, int]
    classes: list[ClassStatistics]
    box_shift: BoxShift


def _range(values: np.ndarray) -> Range | None:
    return Range(*(float(v) for v in np.quantile(values, (0, 0.5, 1)))) if len(values) else None


def measure_times(timestamps: np.ndarray) -> Times | None:
    """Figures of (N,) integer milliseconds, None unless there are two or more and they increase."""
    intervals = np.diff(timestamps.astype(np.int64))
    if not len(intervals) or intervals.min() <= 0:
        return None
    interval, duration = _range(intervals), float(intervals.sum()) / 1000
    regular = (intervals * REGULAR_FACTOR >= interval.middle) & (intervals <= interval.middle * REGULAR_FACTOR)
    num_gaps = int((intervals > GAP_FACTOR * interval.middle).sum())
    return Times(duration, len(intervals) / duration, interval, float(1 - regular.mean()), num_gaps)


def measure_readings(recording: Recording) -> Readings:
    """Figures of a recording's frames as they are stored; raises InputError if they cannot be read.

    Lost packets count as missing readings if the recording does not repair its frames.
    """
    ever_read = False
    low, high, total = np.inf, -np.inf, 0.0
    num_valid = num_missing = num_frames_missing = num_lost = start = 0
    # What was lost is known of frames that have been repaired.
    for frames, _ in recording.pairs():
        valid = ~np.isnan(frames)
        ever_read |= valid.any(axis=0)
        for index, missing in enumerate((~valid).sum(axis=(1, 2)).tolist(), start):
            lost = recording.repairs[index].num_lost if index in recording.repairs else 0
            num_lost += lost
            num_missing += missing - lost
            num_frames_missing += missing > lost
        readings = frames[valid]
        num_valid += len(readings)
        low, high = readings.min(initial=low), readings.max(initial=high)
        total += readings.sum(dtype=np.float64)
        start += len(frames)
    num_all = num_valid + num_missing + num_lost
    return Readings(
        Range(float(low), float(total / num_valid), float(high)) if num_valid else None,
        num_missing=num_missing,
        share_missing=num_missing / num_all,
        num_frames_missing=num_frames_missing,
        share_lost=num_lost / num_all,
        num_frames_lost=len(recording.repairs),
        num_never_read=int((~ever_read).sum()),
    )


def measure(recording: Recording) -> RecordingStatistics:
    """Raises InputError if the recording's frames cannot be read."""
    return RecordingStatistics(
        recording.name,
        recording.num_frames,
        recording.height,
        recording.width,
        measure_times(recording.timestamps),
        measure_readings(recording),
    )


def recording_paths(folder: Path, keyframes: Iterable[Keyframe]) -> list[Path]:
    """Where the recordings are that lie in the folder or that keyframes name, which may be missing; by name.

    Raises:
        InputError: there is no such folder.
    """
    check_folder(folder)
    named = {folder / f"{keyframe.recording}.h5" for keyframe in keyframes}
    return sorted(named.union(folder.glob("*.h5")))


def _measure_classes(
    splits: Mapping[str, Annotations], recordings: Mapping[str, RecordingStatistics]
) -> list[ClassStatistics]:
    classes = splits["train"].classes
    counts = {split: count_boxes(annotations.keyframes, len(classes)) for split, annotations in splits.items()}
    keyframes = [keyframe for annotations in splits.values() for keyframe in annotations.keyframes]
    sizes = [np.zeros((0, 2))]
    for keyframe in keyframes:
        recording = recordings[keyframe.recording]
        sizes.append((keyframe.boxes[:, 2:] - keyframe.boxes[:, :2]) * (recording.width, recording.height))
    sizes = np.concatenate(sizes)
    labels = np.concatenate([np.zeros((0, len(classes))), *(keyframe.labels for keyframe in keyframes)]) > 0
    return [
        ClassStatistics(
            name,
            {split: int(count[place]) for split, count in counts.items()},
            *map(_range, sizes[labels[:, place]].T),
        )
        for place, name in enumerate(classes)
    ]


def collect_statistics(
    root: str | Path,
    train: Sequence[str],
    val: Sequence[str],
    *,
    settings: DataSettings | None = None,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Statistics:
    """Figures of a data set that training could start on.

    Args:
        root: folder of the data set, with the recordings in `frames`.
        train, val: annotation files, by their paths from there.
        settings: of a run; None for the defaults.
        progress: wraps the loop over the recordings, for example `tqdm.tqdm`.

    Raises:
        InputError: a file is missing or wrong; `checks.validate` lists everything that is.
    """
    root, settings = Path(root), settings or DataSettings.default()
    splits = {
        split: load_annotations([root / name for name in names]) for split, names in (("train", train), ("val", val))
    }
    if splits["train"].classes != splits["val"].classes:
        raise InputError(f"{val[0]} has other categories than {train[0]}: give all files the same list.")
    keyframes = [keyframe for annotations in splits.values() for keyframe in annotations.keyframes]
    in_training = of_recordings(splits["train"].keyframes, settings.recordings["train"])
    recordings, shifts = {}, [np.zeros((0, 4))]
    for path in progress(recording_paths(root / settings.frames_dir, keyframes)):
        recording = settings.open(path)
        statistics = recordings[path.stem] = measure(recording)
        of_recording = [k for k in in_training if k.recording == path.stem and len(k.boxes)]
        if of_recording and statistics.times:
            shifts.append(measure_shifts(recording, of_recording))
    return Statistics(
        list(recordings.values()),
        {split: len(annotations.keyframes) for split, annotations in splits.items()},
        {split: sum(len(k.boxes) for k in annotations.keyframes) for split, annotations in splits.items()},
        _measure_classes(splits, recordings),
        median_shift(np.concatenate(shifts)),
    )
