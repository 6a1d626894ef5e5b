"""NumPy: an array in a .npy file, which is mapped into memory, or arrays in a .npz archive, which are read as a stream."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import (
    Block,
    ForeignRecording,
    Hints,
    array_blocks,
    choose_arrays,
    frame_size,
)
from slowfast_thermal.preparation.recordings.sniffing import expect
from slowfast_thermal.preparation.recordings.times import times_of_array
from slowfast_thermal.preparation.writing import chunk_frames

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_numpy(path: Path, hints: Hints) -> ForeignRecording:
    """The frames of a .npy or .npz file.

    Raises:
        InputError: it is none, or does not tell its frames.
    """
    expect(path, "numpy", "NumPy file")
    if zipfile.is_zipfile(path):
        return _read_archive(path, hints)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as NumPy ({error}): save an array of numbers, all of it.") from None
    size = frame_size(array.shape, hints.shape, str(path))
    return ForeignRecording(array_blocks(array, size, str(path)), len(array))


def _read_archive(path: Path, hints: Hints) -> ForeignRecording:
    try:
        with zipfile.ZipFile(path) as archive:
            headers = {}
            for name in archive.namelist():
                with archive.open(name) as member:
                    shape, _, dtype = _header(member)
                    headers[name.removesuffix(".npy")] = shape, dtype
        frames, times = choose_arrays(headers, hints, str(path))
        read = _stream(path, frames, frame_size(headers[frames][0], hints.shape, f"{path}: '{frames}'"))
        found = ForeignRecording(read, headers[frames][0][0], notes=[f"frames are the array '{frames}'"])
        if times:
            found.times_note = f"times are the array '{times}'"
            with np.load(path, allow_pickle=False) as arrays:
                found.times, found.time_unit = times_of_array(arrays[times], f"{path}: '{times}'")
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as NumPy ({error}): save arrays of numbers, all of them.") from None
    return found


def _header(member: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape of an array, whether its first axis varies fastest, and its type; what follows are its values."""
    version = np.lib.format.read_magic(member)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of the format is unknown")
    return _HEADERS[version](member)


def _stream(path: Path, name: str, size: tuple[int, int]) -> Iterator[Block]:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        shape, is_fortran, dtype = _header(member)
        if is_fortran or dtype.kind not in "fiu":
            with np.load(path, allow_pickle=False) as arrays:
                yield from array_blocks(arrays[name], size, f"{path}: '{name}'")
            return
        at_once = chunk_frames(*size)
        for start in range(0, shape[0], at_once):
            number = min(at_once, shape[0] - start)
            values = member.read(number * size[0] * size[1] * dtype.itemsize)
            if len(values) < number * size[0] * size[1] * dtype.itemsize:
                raise InputError(f"{path}: '{name}' ends within frame {start}: save it again.")
            yield np.frombuffer(values, dtype).reshape(number, *size), None
