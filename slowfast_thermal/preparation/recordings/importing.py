"""Makes recordings of those of others, block by block: numbers become degrees Celsius, times milliseconds."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from slowfast_thermal.datasets.units import UNITS, Unit, find_unit, linear_unit
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.folders import new_files
from slowfast_thermal.preparation.recordings.foreign import Block, ForeignRecording, Hints
from slowfast_thermal.preparation.recordings.hdf5_files import read_hdf5
from slowfast_thermal.preparation.recordings.numpy_files import read_numpy
from slowfast_thermal.preparation.recordings.pictures import (
    FLIR_SUFFIXES,
    PNG_SUFFIXES,
    TIFF_SUFFIXES,
    picture_files,
    read_flir,
    read_png,
    read_tiff,
)
from slowfast_thermal.preparation.recordings.raw_files import read_raw
from slowfast_thermal.preparation.recordings.text_logs import read_text
from slowfast_thermal.preparation.recordings.times import read_times, times_of_rate, to_milliseconds
from slowfast_thermal.preparation.recordings.video_files import read_video
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.temperatures import rank_units
from slowfast_thermal.preparation.writing import create_frames, write_times
from slowfast_thermal.user_input import RECORDING_NAME, is_recording_name, recording_name

# Units in which recordings are stored so often that numbers without a unit may be in them.
_COMMON = ("celsius", "kelvin", "fahrenheit", "decikelvin", "centikelvin", "centicelsius")

# Wraps the blocks of a recording, of which the name and the number of frames are told, if that is known.
Watch = Callable[[str, Iterable[Block], int | None], Iterable[Block]]


class Format(NamedTuple):
    """How a format is read, the names of its files, and whether a folder of them is one recording."""

    read: Callable[[Path, Hints], ForeignRecording]
    suffixes: tuple[str, ...]
    are_pictures: bool = False


FORMATS = {
    "numpy": Format(read_numpy, (".npy", ".npz")),
    "tiff": Format(read_tiff, TIFF_SUFFIXES, are_pictures=True),
    "png": Format(read_png, PNG_SUFFIXES, are_pictures=True),
    "video": Format(read_video, (".mkv", ".avi", ".mov", ".mp4", ".nut")),
    "text": Format(read_text, (".csv", ".txt", ".tsv", ".log")),
    "raw": Format(read_raw, (".raw", ".bin", ".dat")),
    "hdf5": Format(read_hdf5, (".h5", ".hdf5", ".hdf", ".mat")),
    "flir": Format(read_flir, FLIR_SUFFIXES, are_pictures=True),
}


@dataclass(frozen=True)
class Readings:
    """What the user says of the stored numbers.

    Attributes:
        unit: a name as `find_unit` knows it; empty if the file says it, or to guess.
        scale, offset: degrees Celsius = stored * scale + offset; None if a unit says it.
        dead: stored numbers that are no readings.

    Raises:
        InputError: these contradict each other, or are none.
    """

    unit: str = ""
    scale: float | None = None
    offset: float | None = None
    dead: tuple[float, ...] = ()

    def __post_init__(self):
        if self.unit and find_unit(self.unit) is None:
            raise InputError(f"--unit '{self.unit}' is unknown: give one of {', '.join(UNITS)}.")
        is_linear = self.scale is not None or self.offset is not None
        if self.unit and is_linear:
            raise InputError("--unit and --scale or --offset both say how to get degrees Celsius: give one of them.")
        numbers = [number for number in (self.scale, self.offset) if number is not None]
        if self.scale == 0 or not all(map(math.isfinite, numbers)):
            raise InputError(
                "--scale and --offset are degrees Celsius of one count and of 0: give finite numbers, not 0."
            )

    @property
    def given_unit(self) -> Unit | None:
        """The unit that the user gives, if any."""
        if self.unit:
            return find_unit(self.unit)
        if self.scale is None and self.offset is None:
            return None
        return linear_unit(1.0 if self.scale is None else self.scale, self.offset or 0.0)


@dataclass(frozen=True)
class Timing:
    """What the user says of times, in place of those of the file.

    Attributes:
        rate: frames a second.
        times: a file with a time a line.
        unit: a name of `times.TIME_UNITS`; empty to guess.

    Raises:
        InputError: these contradict each other, or are none.
    """

    rate: float | None = None
    times: Path | None = None
    unit: str = ""

    def __post_init__(self):
        if self.rate is not None and self.times is not None:
            raise InputError("--rate and --times both say when frames are: give one of them.")
        if self.rate is not None and not 0 < self.rate <= 1000:
            raise InputError(f"--rate {self.rate:g} is no number of frames a second: give one of up to 1000.")


@dataclass(frozen=True)
class Imported:
    """A recording that was written.

    Attributes:
        path: of the file.
        num_frames, height, width: of its frames.
        duration: seconds from the first frame to the last.
        span: lowest and highest temperature, degrees Celsius; NaN without any.
        num_missing: readings that are none: dead values, NaN and infinities.
        notes: what was guessed or said by the file.
        left_out: how often what was left out for which reason.
    """

    path: Path
    num_frames: int
    height: int
    width: int
    duration: float
    span: tuple[float, float]
    num_missing: int
    notes: list[str]
    left_out: Counter


def import_recordings(
    format: str,
    source: Path,
    output_dir: Path,
    *,
    hints: Hints = Hints(),
    readings: Readings = Readings(),
    timing: Timing = Timing(),
    watch: Watch = lambda name, blocks, number: blocks,
) -> list[Imported]:
    """Writes recordings into a folder, all of them or none; those that are there stay.

    Args:
        format: a name of FORMATS.
        source: a file, a folder of files, or, of pictures, a folder of them or of such folders.
        output_dir: for `NAME.h5`, with the name of the file or of the folder of pictures.
        hints, readings, timing: what the user says of all recordings.
        watch: see `Watch`.

    Raises:
        InputError: a file is of another format, cannot be read, or does not tell its frames, unit or times; or a recording of
            its name is there already.
    """
    paths = _sources(source, format)
    sources = {_name(path): path for path in paths}
    if len(sources) < len(paths):
        raise InputError(f"{source} has files that differ in their suffix alone: import them into different folders.")
    if timing.times and len(sources) > 1:
        raise InputError(
            f"--times {timing.times} are those of one recording, but {source} has {len(sources)}: import one."
        )
    for name in sources:
        if (output_dir / f"{name}.h5").exists():
            raise InputError(f"{output_dir / f'{name}.h5'} exists already: remove it, or choose another folder.")
    written = []
    with new_files(output_dir) as folder:
        for name, path in sources.items():
            found = FORMATS[format].read(path, hints)
            found.blocks = iter(watch(name, found.blocks, found.num_frames))
            written.append(_write(found, path, name, folder, output_dir, readings, timing))
    return written


def _sources(source: Path, format: str) -> list[Path]:
    """The files, or folders of pictures, that hold a recording each."""
    kind = FORMATS[format]
    if not source.exists():
        raise InputError(f"'{source}' does not exist: correct its name.")
    if not source.is_dir():
        return [source]
    if kind.are_pictures and picture_files(source, kind.suffixes):
        return [source]
    if kind.are_pictures:
        found = [path for path in source.iterdir() if path.is_dir() and picture_files(path, kind.suffixes)]
    else:
        found = [path for path in source.iterdir() if path.suffix.lower() in kind.suffixes and path.is_file()]
    if not found:
        raise InputError(f"{source} holds no file *{', *'.join(kind.suffixes)}: name another folder, or a file.")
    return sorted(found)


def _name(path: Path) -> str:
    """A recording's name: the file's, or the folder's, with _ for what no recording may have in it."""
    path = path.resolve()
    name = recording_name(path.name if path.is_dir() else path.stem)
    if not is_recording_name(name):
        raise InputError(f"'{path}' names a recording, so it must have {RECORDING_NAME}: rename it.")
    return name


def _write(
    found: ForeignRecording, source: Path, name: str, folder: Path, output_dir: Path, readings: Readings, timing: Timing
) -> Imported:
    unit, notes, frames, times = None, found.notes, None, []
    low, high, num_missing = math.inf, -math.inf, 0
    with h5py.File(folder / f"{name}.h5", "w") as file:
        for stored, block_times in found.blocks:
            values = stored.astype(np.float64)
            for number in readings.dead:
                values[stored == (stored.dtype.type(number) if stored.dtype.kind == "f" else number)] = np.nan
            if frames is None:
                frames = create_frames(file, None, *stored.shape[1:])
                unit = _unit(found.unit, readings, values, stored.dtype, source, notes)
            unit.to_celsius(values)
            frames.resize(len(frames) + len(values), 0)
            frames[-len(values) :] = values
            times.append(block_times)
            valid = values[np.isfinite(values)]
            num_missing += values.size - valid.size
            if valid.size:
                low, high = min(low, float(valid.min())), max(high, float(valid.max()))
        if frames is None:
            raise InputError(f"{source} holds no frame: give another file.")
        if found.num_frames is not None and len(frames) < found.num_frames:
            raise InputError(
                f"{source} announces {found.num_frames} frames and holds {len(frames)}, so its end is missing: copy it again."
            )
        if times[0] is not None:
            found.times = np.concatenate(times)
        timestamps = _timestamps(found, len(frames), source, timing, notes)
        write_times(file, name, timestamps, *frames.shape[1:], source=source.name)
        span = (low, high) if low <= high else (math.nan, math.nan)
        duration = int(timestamps[-1] - timestamps[0]) / 1000
        path = output_dir / f"{name}.h5"
        return Imported(path, *frames.shape, duration, span, num_missing, notes, found.left_out)


def _unit(
    said: Unit | None, readings: Readings, values: np.ndarray, dtype: np.dtype, source: Path, notes: list[str]
) -> Unit:
    """The unit of stored numbers: what the user gives, else what the file says, else the only likely one of some values."""
    if unit := readings.given_unit or said:
        if not readings.given_unit:
            notes.append(f"unit {unit.name}, as the file says")
        return unit
    if dtype.itemsize == 1:
        raise InputError(
            f"{source} has numbers of 8 bits, which may mean anything: give --scale and --offset to degrees Celsius."
        )
    low, high = DataSettings.default().temperature_range
    ranked = [(unit, share) for unit, share in rank_units(values, (low, high)) if unit.name in _COMMON]
    likely = [unit.name for unit, share in ranked if share >= ranked[0][1]]
    if len(likely) != 1:
        valid = values[np.isfinite(values)]
        span = f"{valid.min():g} to {valid.max():g}" if valid.size else "no readings"
        fits = (
            f"{' and '.join(likely)} fit"
            if likely
            else f"no unit makes temperatures of {low:g} to {high:g} degrees of them"
        )
        raise InputError(
            f"{source} does not say the unit of its numbers ({span}), and {fits}: give --unit, or --scale and --offset to degrees "
            "Celsius."
        )
    notes.append(f"unit {likely[0]}, guessed from the first numbers")
    return UNITS[likely[0]]


def _timestamps(found: ForeignRecording, num_frames: int, source: Path, timing: Timing, notes: list[str]) -> np.ndarray:
    """(N,) int64 milliseconds: of the user, else of the file."""
    times, unit, where = found.times, found.time_unit, str(source)
    if timing.times:
        (times, unit), where = read_times(timing.times), str(timing.times)
    rate = timing.rate or (found.rate if times is None else None)
    if rate:
        if not timing.rate:
            notes.append(f"{rate:g} frames a second, as the file says")
        return times_of_rate(num_frames, rate)
    if times is None:
        raise InputError(f"{source} does not say when its frames were taken: give --rate or --times.")
    if len(times) != num_frames:
        raise InputError(f"{where} has {len(times)} times for {num_frames} frames: give as many.")
    if found.times_note and not timing.times:
        notes.append(found.times_note)
    milliseconds, unit_taken = to_milliseconds(times, timing.unit or unit, where)
    if not (timing.unit or unit):
        notes.append(f"times are in {unit_taken}, guessed from the steps")
    return milliseconds
