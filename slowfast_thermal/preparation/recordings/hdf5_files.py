"""HDF5 files of other layouts: other names, other axes, times in other units or as text."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from slowfast_thermal.datasets.hdf5 import open_dataset, open_file
from slowfast_thermal.datasets.units import said_unit
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

_RATES = ("fps", "frame_rate", "framerate", "frames_per_second")


def read_hdf5(path: Path, hints: Hints) -> ForeignRecording:
    """The frames of an HDF5 file.

    Raises:
        InputError: it is none, does not tell its frames, or cannot be read.
    """
    expect(path, "hdf5", "HDF5 file")
    with open_file(path) as file:
        frames_key, times_key = choose_arrays(_arrays(file, hints), hints, str(path))
        frames, where = open_dataset(file, frames_key, path), f"{path}: '{frames_key}'"
        size = frame_size(frames.shape, hints.shape, where)
        found = ForeignRecording(_blocks(path, frames_key, size), len(frames), said_unit(frames, str(path)))
        found.notes.append(f"frames are the data set '{frames_key}'")
        found.rate = _rate(frames)
        if times_key:
            found.times_note = f"times are the data set '{times_key}'"
            times = open_dataset(file, times_key, path)
            found.times, found.time_unit = times_of_array(_read(times, path, slice(None)), f"{path}: '{times_key}'")
    return found


def _arrays(file: h5py.File, hints: Hints) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    found = {}

    def note(name: str, thing: h5py.Dataset | h5py.Group) -> None:
        if isinstance(thing, h5py.Dataset) and thing.shape:
            found[name] = thing.shape, thing.dtype

    file.visititems(note)
    for key in (hints.frames_key, hints.times_key):  # links are not visited
        if key and isinstance(thing := file.get(key), h5py.Dataset) and thing.shape:
            found[key] = thing.shape, thing.dtype
    return found


def _rate(frames: h5py.Dataset) -> float | None:
    for attributes in (frames.attrs, frames.file.attrs):
        for name in _RATES:
            if (
                name in attributes
                and np.size(attributes[name]) == 1
                and np.asarray(attributes[name]).dtype.kind in "fiu"
            ):
                return float(np.asarray(attributes[name]).item())
    return None


def _read(dataset: h5py.Dataset, path: Path, part: slice) -> np.ndarray:
    try:
        return dataset[part]
    except OSError as error:
        raise InputError(
            f"{path}: '{dataset.name}' cannot be read ({error}): the file is damaged, copy it again."
        ) from None


class _Readable:
    """A data set whose parts are read with a sentence for what is damaged."""

    def __init__(self, dataset: h5py.Dataset, path: Path):
        self._dataset, self._path, self.dtype = dataset, path, dataset.dtype

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, part: slice) -> np.ndarray:
        return _read(self._dataset, self._path, part)


def _blocks(path: Path, key: str, size: tuple[int, int]) -> Iterator[Block]:
    with open_file(path) as file:
        yield from array_blocks(_Readable(open_dataset(file, key, path), path), size, f"{path}: '{key}'")
