"""Logs of one frame a line: time and pixels, as loggers of MLX90640, AMG8833, HTPA and other sensors write them.

Numbers are parted by commas, semicolons, tabs or spaces, and brackets do not matter. Lines before the first frame are a heading.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import (
    Block,
    ForeignRecording,
    Hints,
    is_time_name,
    most_pixels,
    size_of_pixels,
)
from slowfast_thermal.preparation.recordings.sniffing import encoding_of, expect
from slowfast_thermal.preparation.recordings.times import parse_times
from slowfast_thermal.preparation.writing import chunk_frames

_BRACKETS = re.compile(r"[,;\s]*[\[\](){}]+[,;\s]*")
_DATE, _CLOCK = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
# Lines that tell the layout, columns besides the pixels at most, and columns of a frame at least.
_SAMPLE, _MOST_BESIDES, _FEWEST = 16, 6, 16


class _Layout(NamedTuple):
    """Where a line of so many columns has its time, None if nowhere, and its pixels."""

    num_columns: int
    time: int | None
    pixels: slice
    size: tuple[int, int]


def read_text(path: Path, hints: Hints) -> ForeignRecording:
    """The frames of a log.

    Raises:
        InputError: it is no text, or its lines are no frames of a size that is known or given.
    """
    expect(path, "text", "log of numbers")
    notes: list[str] = []
    layout = _layout(path, hints, notes)
    found = ForeignRecording(iter(()), notes=notes)
    found.blocks = _blocks(path, layout, found)
    return found


def _columns(line: str) -> list[str]:
    """The columns of a line; decimal commas become points where semicolons or tabs part the numbers."""
    line = line.strip().replace('"', "").replace("'", "")
    mark = next((mark for mark in ";\t," if mark in line), None)
    if _BRACKETS.search(line):
        line = _BRACKETS.sub(mark or " ", line).strip(f"{mark or ''} ")
    if mark is None:
        columns = line.split()
    else:
        columns = (line if mark == "," else line.replace(",", ".")).removesuffix(mark).split(mark)
    if len(columns) > 1 and _DATE.fullmatch(columns[0].strip()) and _CLOCK.fullmatch(columns[1].strip()):
        columns[:2] = [f"{columns[0].strip()}T{columns[1].strip()}"]
    return columns


def _number(text: str) -> float:
    """NaN for an empty column; raises ValueError if it holds anything else than a number."""
    return float(text) if text.strip() else math.nan


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def _is_frame(columns: list[str]) -> bool:
    """Whether a line may be a frame: numbers, but for two columns, and no mere numbering of columns."""
    if len(columns) < _FEWEST or sum(map(_is_number, columns)) < len(columns) - 2:
        return False
    return not _counts([_number(column) for column in columns[-_FEWEST:] if _is_number(column)])


def _counts(numbers: list[float]) -> bool:
    return all(after - before == 1 for before, after in zip(numbers, numbers[1:]))


def _sample(path: Path) -> tuple[list[str], list[list[str]]]:
    """The columns of the heading's last line and of the first frames."""
    heading, rows = [], []
    with path.open(encoding=encoding_of(path), errors="replace") as file:
        for line in file:
            columns = _columns(line)
            if _is_frame(columns):
                rows.append(columns)
                if len(rows) == _SAMPLE:
                    break
            elif not rows and any(columns):
                heading = columns
    return heading, rows


def _layout(path: Path, hints: Hints, notes: list[str]) -> _Layout:
    heading, rows = _sample(path)
    if not rows:
        raise InputError(
            f"{path} has no line of {_FEWEST} numbers or more: write a frame a line, its time and all its pixels."
        )
    number = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == number]
    pixels = most_pixels(number, _MOST_BESIDES) if hints.shape is None else hints.shape[0] * hints.shape[1]
    if pixels is None or not 0 <= number - pixels <= _MOST_BESIDES:
        raise InputError(
            f"{path} has lines of {number} columns, but a line must hold all pixels of a frame and at most {_MOST_BESIDES} "
            "columns more: give --shape HEIGHTxWIDTH, or write a frame a line."
        )
    height, width = hints.shape or size_of_pixels(pixels)
    time = _time_column(heading if len(heading) == number else [""] * number, rows, number - pixels)
    last = number - 1 if time == number - 1 else number
    notes.append(
        f"{number} columns: {'no time' if time is None else f'time in column {time + 1}'}, "
        f"pixels of {height}x{width} in columns {last - pixels + 1} to {last}"
    )
    return _Layout(number, time, slice(last - pixels, last), (height, width))


def _time_column(heading: list[str], rows: list[list[str]], num_besides: int) -> int | None:
    """The column of the times: by its name, as a date, or since it increases and is no mere count."""
    places = [*range(num_besides), len(heading) - 1] if num_besides else []
    named = [place for place in places if is_time_name(heading[place])]
    dates = [place for place in places if _DATE.match(rows[0][place].strip())]
    if named or dates:
        return (named or dates)[0]
    for place in places:
        if all(_is_number(row[place]) for row in rows):
            numbers = [_number(row[place]) for row in rows]
            increase = all(before < after for before, after in zip(numbers, numbers[1:]))
            if len(numbers) > 1 and increase and not (_counts(numbers) and numbers[0] < 2):
                return place
    return None


def _blocks(path: Path, layout: _Layout, found: ForeignRecording) -> Iterator[Block]:
    frames, times, num_frames, is_begun = [], [], 0, False
    with path.open(encoding=encoding_of(path), errors="replace") as file:
        for line in file:
            columns = _columns(line)
            is_begun = is_begun or _is_frame(columns)
            if not is_begun or not any(columns):
                continue
            if len(columns) != layout.num_columns:
                found.left_out[f"lines without {layout.num_columns} columns"] += 1
                continue
            try:
                frames.append([float(column) if column else math.nan for column in columns[layout.pixels]])
            except ValueError:
                found.left_out["lines in which a pixel is no number"] += 1
                continue
            if layout.time is not None:
                times.append(columns[layout.time])
            if len(frames) == chunk_frames(*layout.size):
                yield _block(path, frames, times, layout, found)
                num_frames += len(frames)
                frames, times = [], []
    if frames:
        yield _block(path, frames, times, layout, found)
    if (num_out := found.left_out.total()) > num_frames + len(frames):
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
        raise InputError(
            f"{path}: {num_out} lines would be left out ({reasons}), more than stay: write a frame a line."
        )


def _block(path: Path, frames: list[list[float]], times: list[str], layout: _Layout, found: ForeignRecording) -> Block:
    readings = np.array(frames).reshape(-1, *layout.size)
    if layout.time is None:
        return readings, None
    values, unit = parse_times(times, str(path))
    found.time_unit = unit
    return readings, values
