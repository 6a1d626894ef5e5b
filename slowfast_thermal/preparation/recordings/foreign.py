"""What every reader of recordings gives, whatever the format, and how arrays become frames.

Letters: N frames of a recording, K of a block, H, W pixels.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from slowfast_thermal.datasets.units import Unit
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.writing import chunk_frames

# Stored numbers (K, H, W) of any type, and their times (K,) if they come with the frames.
Block = tuple[np.ndarray, np.ndarray | None]

# Height and width of sensors that are known by their number of pixels.
_SENSORS = (
    *((8, 8), (12, 16), (16, 16), (24, 32), (32, 32), (40, 60), (60, 80), (60, 84), (62, 80), (64, 64), (84, 120)),
    *((120, 160), (192, 256), (240, 320), (288, 384), (480, 640), (512, 640)),
)
_SIZES = {height * width: (height, width) for height, width in _SENSORS}
_FRAMES_NAMES = ("frames", "temperatures", "temperature", "thermal", "images", "data")
_TIMES_NAME = re.compile(r"(^|[^a-z])(time|timestamps?|times|datetimes?|date|ts|t|epoch)([^a-z0-9]|$)", re.IGNORECASE)


class Hints(NamedTuple):
    """What the user says of how frames are stored; a reader takes what concerns its format.

    Attributes:
        shape: height and width.
        type: NumPy's name of the numbers in a raw file, such as "uint16" or ">i2".
        frames_key, times_key: names of arrays.
    """

    shape: tuple[int, int] | None = None
    type: str = ""
    frames_key: str = ""
    times_key: str = ""


@dataclass
class ForeignRecording:
    """A recording as its file has it.

    Attributes:
        blocks: of frames, read as they are asked for.
        num_frames: None if only reading tells.
        unit: that the file says.
        times: (N,) that do not come with the frames.
        time_unit: of all times, empty if the file does not say it.
        times_note: where these were found; for users who do not give their own.
        rate: frames a second that the file says.
        notes: what was guessed, in sentences; may grow while blocks are read.
        left_out: how often what was left out for which reason; as `notes`.
    """

    blocks: Iterator[Block]
    num_frames: int | None = None
    unit: Unit | None = None
    times: np.ndarray | None = None
    time_unit: str = ""
    times_note: str = ""
    rate: float | None = None
    notes: list[str] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)


def is_time_name(name: str) -> bool:
    """Whether a column or an array of this name seems to hold times."""
    return bool(_TIMES_NAME.search(name))


def size_of_pixels(number: int) -> tuple[int, int] | None:
    """Height and width of a sensor with so many pixels, None if none is known."""
    return _SIZES.get(number)


def most_pixels(number: int, spare: int) -> int | None:
    """The largest number of pixels of a known sensor that is at most `number`, and less by at most `spare`."""
    return max((pixels for pixels in _SIZES if number - spare <= pixels <= number), default=None)


def frame_size(shape: tuple[int, ...], given: tuple[int, int] | None, where: str) -> tuple[int, int]:
    """Height and width of the frames of an array.

    Args:
        shape: (N, H, W), (N, 1, H, W), (N, H, W, 1) or (N, H * W).
        given: by the user.
        where: names the array in messages.

    Raises:
        InputError: the shape is none of these, or is not the given one.
    """
    found = None
    if len(shape) == 3:
        found = shape[1:]
    elif len(shape) == 4 and 1 in (shape[1], shape[3]):
        found = shape[2:] if shape[1] == 1 else shape[1:3]
    elif len(shape) == 2:
        found = size_of_pixels(shape[1]) if given is None or given[0] * given[1] != shape[1] else given
        if found is None:
            raise InputError(
                f"{where} has shape {shape}, and no sensor of {shape[1]} pixels is known: give --shape HEIGHTxWIDTH if they "
                "are its pixels."
            )
    if found is None or 0 in shape:
        colours = ", which are colours and no temperatures" if shape[-1:] in ((3,), (4,)) else ""
        raise InputError(
            f"{where} has shape {shape}{colours}: frames are (frames, height, width), with an axis of 1 before or behind "
            "height and width, or (frames, pixels)."
        )
    if given and tuple(found) != given:
        raise InputError(f"{where} has frames of {found[0]}x{found[1]} pixels: correct --shape {given[0]}x{given[1]}.")
    return tuple(found)


def choose_arrays(arrays: Mapping[str, tuple[tuple[int, ...], np.dtype]], hints: Hints, where: str) -> tuple[str, str]:
    """Which of the arrays in a file are the frames and the times.

    Args:
        arrays: shape and type of each, by name.
        hints: of the user.
        where: names the file in messages.

    Returns:
        Their names; that of the times is empty if there are none.

    Raises:
        InputError: there is no array of a given name, or several may be the frames.
    """
    listed = ", ".join(f"'{name}' {shape} {dtype}" for name, (shape, dtype) in list(arrays.items())[:8]) or "none"
    for key, option in ((hints.frames_key, "--frames-key"), (hints.times_key, "--times-key")):
        if key and key not in arrays:
            raise InputError(f"{where} has no array '{key}' but {listed}: correct {option}.")
    frames = hints.frames_key
    if not frames:
        numbers = {name: shape for name, (shape, dtype) in arrays.items() if dtype.kind in "fiu" and len(shape) > 1}
        likely = [name for name, shape in numbers.items() if len(shape) > 2] or list(numbers)
        named = [name for wanted in _FRAMES_NAMES for name in likely if name.split("/")[-1].lower() == wanted]
        if not likely or (len(likely) > 1 and not named):
            raise InputError(f"{where} does not tell its frames among the arrays {listed}: name them by --frames-key.")
        frames = named[0] if named else likely[0]
    number = arrays[frames][0][:1]
    of_frames = [name for name, (shape, _) in arrays.items() if name != frames and shape in (number, (*number, 1))]
    return frames, hints.times_key or next(filter(is_time_name, of_frames), "")


def array_blocks(array, size: tuple[int, int], where: str) -> Iterator[Block]:
    """The frames of an array (N, ...), of which a slice is read when it is taken.

    Raises:
        InputError: its values are no numbers.
    """
    if array.dtype.kind not in "fiu":
        raise InputError(f"{where} has values of type {array.dtype}: store temperatures as numbers.")
    step = chunk_frames(*size)
    for start in range(0, len(array), step):
        yield np.asarray(array[start : start + step]).reshape(-1, *size), None


def picture_blocks(pictures: Iterable[tuple[str, np.ndarray, float | None]]) -> Iterator[Block]:
    """Blocks of frames that come one by one, each with its place for messages, as (H, W), and with its time or None.

    Raises:
        InputError: a frame is of another size or type than the first.
    """
    frames, times, first = [], [], None
    for where, frame, time in pictures:
        first = frame if first is None else first
        if frame.shape != first.shape or frame.dtype != first.dtype:
            was, now = ("x".join(map(str, each.shape)) + f" of type {each.dtype}" for each in (first, frame))
            raise InputError(f"{where} is {now}, but the frames before are {was}: put them into another recording.")
        frames.append(frame)
        times.append(time)
        if len(frames) == chunk_frames(*frame.shape):
            yield np.stack(frames), _joined(times)
            frames, times = [], []
    if frames:
        yield np.stack(frames), _joined(times)


def _joined(times: list[float | None]) -> np.ndarray | None:
    return None if None in times else np.array(times)
