"""Thermal recordings: HDF5 files of temperature frames, read with their dead pixels filled.

A recording holds `frames` (N, H, W) in degrees Celsius and `timestamps` (N,) in milliseconds. A
pixel without a reading (absolute zero, NaN) takes the last valid reading of the same pixel, else
the next, else a given temperature.

Letters: N frames of a recording, H, W pixels.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
import torch

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.errors import InputError

# Frames read at a time when looking outside a window for a valid reading.
_CHUNK = 64
# Files that a cache keeps open: HDF5 takes half a megabyte for each, and a process may not open a thousand.
_MAX_OPEN = 32


class Recording:
    """One recording, opened when it is first read and again in every process.

    Args:
        path: the HDF5 file.
        valid_range: lowest and highest temperature that is a reading, degrees Celsius.
        fill_temperature: stands for a pixel that has no reading in the whole recording.

    Raises:
        InputError: the file is missing, truncated or no recording.
    """

    def __init__(self, path: Path, valid_range: tuple[float, float], fill_temperature: float):
        self.path = path
        self.name = path.stem
        self.valid_range = valid_range
        self.fill_temperature = fill_temperature
        self._file = None
        self._filled = None
        frames, self.timestamps = self._open()
        self.num_frames, self.height, self.width = frames.shape
        self.close()

    @property
    def nbytes(self) -> int:
        """Bytes that the decoded recording takes in memory."""
        return 4 * self.num_frames * self.height * self.width

    def _open(self) -> tuple[h5py.Dataset, np.ndarray]:
        if not self.path.is_file():
            raise InputError(f"Recording '{self.path}' does not exist: add the file or remove its annotations.")
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be read as HDF5 ({error}): it may be truncated or of another "
                "format, so copy it again."
            ) from None
        for key in ("frames", "timestamps"):
            if not isinstance(self._file.get(key), h5py.Dataset):
                raise InputError(f"{self.path} has no data set '{key}': it is no thermal recording.")
        frames, timestamps = self._file["frames"], self._file["timestamps"]
        if frames.ndim != 3 or 0 in frames.shape or not np.issubdtype(frames.dtype, np.floating):
            raise InputError(
                f"{self.path}: 'frames' has shape {frames.shape} and type {frames.dtype}, but must be "
                "floating point degrees Celsius of shape (frames, height, width)."
            )
        if timestamps.shape != frames.shape[:1] or not np.issubdtype(timestamps.dtype, np.integer):
            raise InputError(
                f"{self.path}: 'timestamps' has shape {timestamps.shape} and type {timestamps.dtype}, but must "
                f"be integer milliseconds of shape ({frames.shape[0]},), one a frame."
            )
        try:
            return frames, timestamps[:]
        except OSError as error:
            raise InputError(
                f"{self.path}: timestamps cannot be read ({error}): the file is damaged, copy it again."
            ) from None

    def close(self) -> None:
        """Closes the file; the next read opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict:
        # HDF5 handles do not cross processes, and each process fills a cache of its own.
        return {**self.__dict__, "_file": None, "_filled": None}

    def cache(self, device: torch.device) -> None:
        """Decodes the whole recording into the device's memory; from then on a read is a slice."""
        self._filled = torch.from_numpy(self._read_window(0, self.num_frames)).to(device)
        self.close()

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """The frames at `indices` (K,), in any order.

        Indices outside the recording repeat its first or last frame.

        Returns:
            (K, H, W) float32 degrees Celsius without dead pixels, where the recording is cached, else on the CPU; a
            copy, which the caller may change.
        """
        indices = np.clip(indices, 0, self.num_frames - 1)
        if self._filled is not None:
            places = torch.from_numpy(indices).to(self._filled.device, non_blocking=True)
            return self._filled.index_select(0, places)
        start = indices.min()
        return torch.from_numpy(self._read_window(start, indices.max() + 1)[indices - start])

    def _read_raw(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames [start, stop) as stored, and which pixels have a reading."""
        if self._file is None:
            self._open()
        try:
            frames = self._file["frames"][start:stop].astype(np.float32)
        except OSError as error:
            raise InputError(
                f"{self.path}: frames {start} to {stop - 1} cannot be read ({error}): the file is damaged, copy it again."
            ) from None
        low, high = self.valid_range
        return frames, (frames >= low) & (frames <= high)

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The whole recording, a part of it at a time: (K, H, W) float32 frames as stored and bool, where a reading is."""
        for start in range(0, self.num_frames, _CHUNK):
            yield self._read_raw(start, min(start + _CHUNK, self.num_frames))

    def _read_window(self, start: int, stop: int) -> np.ndarray:
        """Frames [start, stop) with dead pixels filled as if the whole recording were at hand."""
        frames, valid = self._read_raw(start, stop)
        if valid.all():
            return frames
        last_valid = np.where(valid, np.arange(len(frames))[:, None, None], -1)
        np.maximum.accumulate(last_valid, axis=0, out=last_valid)
        filled = np.take_along_axis(frames, np.maximum(last_valid, 0), axis=0)
        without_past = last_valid < 0
        if without_past.any():
            outside = self._nearest_outside(start, stop, frames, valid, without_past[0])
            filled = np.where(without_past, outside, filled)
        return filled

    def _nearest_outside(
        self, start: int, stop: int, frames: np.ndarray, valid: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """(H, W) readings for the pixels `wanted`, dead at `start`: the last one before `start`, else the next."""
        found = np.full(wanted.shape, self.fill_temperature, np.float32)
        wanted = wanted.copy()

        def take(chunk: np.ndarray, chunk_valid: np.ndarray) -> None:
            """Takes the first valid reading along the chunk for every pixel still wanted."""
            new = wanted & chunk_valid.any(axis=0)
            first = chunk_valid.argmax(axis=0)
            found[new] = np.take_along_axis(chunk, first[None], axis=0)[0][new]
            wanted[new] = False

        for chunk_stop in range(start, 0, -_CHUNK):
            if not wanted.any():
                return found
            chunk, chunk_valid = self._read_raw(max(chunk_stop - _CHUNK, 0), chunk_stop)
            take(chunk[::-1], chunk_valid[::-1])
        take(frames, valid)
        for chunk_start in range(stop, self.num_frames, _CHUNK):
            if not wanted.any():
                break
            take(*self._read_raw(chunk_start, min(chunk_start + _CHUNK, self.num_frames)))
        return found


class RecordingCache:
    """Recordings by name, of which as many stay decoded in memory as fit.

    A recording is decoded when it is first used and then kept; when the memory is spent, further
    recordings are read from their files clip by clip.

    Args:
        recordings: the recordings.
        max_bytes: memory for decoded recordings.
        device: whose memory it is.
    """

    def __init__(self, recordings: list[Recording], max_bytes: int, device: torch.device = torch.device("cpu")):
        self._recordings = {recording.name: recording for recording in recordings}
        self._max_bytes = max_bytes
        self._device = device
        self._cached: set[str] = set()
        self._open: dict[str, Recording] = {}
        self.nbytes = 0

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_cached": set(), "_open": {}, "nbytes": 0}

    def __getitem__(self, name: str) -> Recording:
        recording = self._recordings[name]
        if name not in self._cached and self.nbytes + recording.nbytes <= self._max_bytes:
            recording.cache(self._device)
            self._cached.add(name)
            self.nbytes += recording.nbytes
        if name not in self._cached:
            self._open.pop(name, None)
            self._open[name] = recording
            if len(self._open) > _MAX_OPEN:
                self._open.pop(next(iter(self._open))).close()
        return recording

    def __iter__(self):
        return iter(self._recordings.values())


def check_folder(folder: Path) -> None:
    """Raises InputError if there is no folder of recordings."""
    if not folder.is_dir():
        raise InputError(f"Folder of recordings '{folder}' does not exist: check THERMAL.FRAMES_DIR.")


def size_faults(recordings: Iterable[Recording]) -> Iterator[InputError]:
    """Recordings whose frames are not as large as those of the first one."""
    first = None
    for recording in recordings:
        first = first or recording
        if (recording.height, recording.width) != (first.height, first.width):
            yield InputError(
                f"{recording.path} has frames of {recording.height}x{recording.width} pixels, but {first.path} "
                f"of {first.height}x{first.width}: put recordings of different sensors into different data sets."
            )


def frame_faults(keyframes: Iterable[Keyframe], recordings: Mapping[str, Recording]) -> Iterator[InputError]:
    """Keyframes that are no frame of their recording; of a recording that is not given none is a fault."""
    for keyframe in keyframes:
        recording = recordings.get(keyframe.recording)
        if recording and not 0 <= keyframe.frame_index < recording.num_frames:
            yield InputError(
                f"Image '{keyframe.image_id}' has frame_idx {keyframe.frame_index}, but {recording.path} holds "
                f"frames 0 to {recording.num_frames - 1}: correct the annotation."
            )
