"""Times of frames, in whatever unit others write them, as whole milliseconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recording_checks import time_unit
from slowfast_thermal.preparation.recordings.sniffing import encoding_of, expect
from slowfast_thermal.user_input import LARGEST_WHOLE

MILLISECONDS = "milliseconds"
# Units of a second.
TIME_UNITS = {"seconds": 1, MILLISECONDS: 10**3, "microseconds": 10**6, "nanoseconds": 10**9}


def parse_times(texts: Sequence[str], where: str) -> tuple[np.ndarray, str]:
    """Times that stand in text.

    Args:
        texts: (N,) numbers, or dates with times of day as in ISO 8601, in UTC where they do not say their zone.
        where: names them in messages.

    Returns:
        (N,) times, and their unit, which is empty if the text does not tell.

    Raises:
        InputError: one of them is neither.
    """
    try:
        times, unit = np.array([float(text) for text in texts]), ""
        if np.isfinite(times).all():
            return times, unit
        shown = texts[int((~np.isfinite(times)).argmax())]
    except ValueError:
        try:
            dates = pd.to_datetime(pd.Index([text.strip() for text in texts], dtype=object), format="ISO8601", utc=True)
            if not dates.hasnans:
                return dates.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64), MILLISECONDS
        except ValueError:
            pass
        shown = next((text for text in texts if not _is_date(text)), texts[0])
    raise InputError(
        f"{where}: {shown.strip()[:40]!r} is no time: write numbers, or dates such as 2024-05-01T10:00:00.125, or give --rate."
    )


def _is_date(text: str) -> bool:
    try:
        return not pd.isna(pd.to_datetime(text.strip(), format="ISO8601", utc=True))
    except ValueError:
        return False


def times_of_array(values: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """As `parse_times`, of an array (N,) or (N, 1) of numbers, text or dates."""
    values = values.reshape(-1)
    if values.dtype.kind == "M":
        return values.astype("datetime64[ms]").astype(np.int64), MILLISECONDS
    if values.dtype.kind in "fiu" and np.isfinite(values).all():
        return values, ""
    texts = [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values.tolist()]
    return parse_times(texts, where)


def read_times(path: Path) -> tuple[np.ndarray, str]:
    """As `parse_times`, of a file with a time a line; its first line may be a heading."""
    expect(path, "text", "list of times")
    texts = [
        line.strip()
        for line in path.read_text(encoding=encoding_of(path), errors="replace").splitlines()
        if line.strip()
    ]
    if len(texts) > 1:
        try:
            parse_times(texts[:1], str(path))
        except InputError:
            texts = texts[1:]
    return parse_times(texts, str(path))


def to_milliseconds(times: np.ndarray, unit: str, where: str) -> tuple[np.ndarray, str]:
    """Times (N,) of a unit, or of the likeliest one if it is empty, as int64 milliseconds, and the unit.

    Raises:
        InputError: they do not increase.
    """
    unit = unit or (time_unit(times) if len(times) > 1 else None) or MILLISECONDS
    found = np.round(times * (1000 / TIME_UNITS[unit])) if unit != MILLISECONDS or times.dtype.kind == "f" else times
    if np.abs(found).max() > LARGEST_WHOLE:
        raise InputError(f"{where}: times up to {times.max():g} are no {unit}: give --time-unit, or --rate.")
    found = found.astype(np.int64)
    if (late := np.flatnonzero(np.diff(found) <= 0)).size:
        before, after = found[late[0] : late[0] + 2]
        raise InputError(
            f"{where}: times do not increase at {late.size} of {len(found) - 1} steps, first from frame {late[0]} ({before} ms) "
            f"to {late[0] + 1} ({after} ms): put the frames in order, or give --time-unit, --times, or --rate in place of these times."
        )
    return found, unit


def times_of_rate(number: int, rate: float) -> np.ndarray:
    """(N,) int64 milliseconds from 0 on of frames at so many a second."""
    return np.round(np.arange(number) * (1000 / rate)).astype(np.int64)
