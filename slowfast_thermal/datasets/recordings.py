"""Thermal recordings: HDF5 files of temperature frames, read with their packets in place and their dead pixels filled.

A recording holds `frames` (N, H, W), in degrees Celsius or with their unit, and `timestamps` (N,) in milliseconds. Frames
that lost packets are put right (`packets`). A pixel without a reading (absolute zero, NaN) takes the last valid reading of
the same pixel, else the next, else a given temperature.

Letters: N frames of a recording, K of them, H, W pixels.
"""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.filling import Gaps, fill_forward, fill_from, fill_whole
from slowfast_thermal.datasets.hdf5 import check_frames, check_times, open_dataset, open_file
from slowfast_thermal.datasets.packets import RecordingRepair, Repair
from slowfast_thermal.datasets.units import unit_of
from slowfast_thermal.errors import InputError

logger = logging.getLogger(__name__)

# Recordings whose lost packets the log of this process has told of.
_told: set[Path] = set()

# Frames read at a time, or as many as HDF5 decompresses at once.
_PART = 64
# Parts in which a valid reading is sought before a window; what is missing longer stands in `Gaps`.
_SEARCHED = 4


class Recording:
    """One recording, opened when it is first read and again in every process.

    Args:
        path: the HDF5 file.
        valid_range: lowest and highest temperature that is a reading, degrees Celsius.
        fill_temperature: stands for a pixel that has no reading in the whole recording, degrees Celsius.
        unit: of frames that do not say it (a name of `units.UNITS`); if empty, they are degrees Celsius.
        packet_length: readings of a packet of the sensor's link, with which frames that lost some are put right; 0 learns
            it from the frames, None leaves them as they are stored.

    Attributes:
        timestamps: (N,) int64 milliseconds.
        unit: `units.Unit` of the stored frames.
        settings: all that it was made with but for the path.

    Raises:
        InputError: the file is missing, cannot be read or is no recording.
    """

    def __init__(
        self,
        path: Path,
        valid_range: tuple[float, float],
        fill_temperature: float,
        unit: str = "",
        packet_length: int | None = None,
    ):
        self.path = path
        self.name = path.stem
        self.valid_range = valid_range
        self.fill_temperature = fill_temperature
        self.settings = (tuple(valid_range), fill_temperature, unit, packet_length)
        self._file = self._frames = self._filled = self._gaps = None
        self._repair = None if packet_length is None else RecordingRepair(packet_length)
        self._open()
        self.unit = unit_of(self._frames, str(path), unit)
        self.timestamps = self._read_timestamps()
        self.num_frames, self.height, self.width = self._frames.shape
        chunks = self._frames.chunks
        read_at_once = min(chunks[0], self.num_frames) if chunks else 1
        self._part = read_at_once * max(_PART // read_at_once, 1)
        self.close()

    @property
    def nbytes(self) -> int:
        """Bytes that the decoded recording takes in memory."""
        return 4 * self.num_frames * self.height * self.width

    @property
    def packet_length(self) -> int:
        """Readings of a packet, 0 while it is unknown."""
        return self._repair.packet_length if self._repair else 0

    @property
    def repairs(self) -> Mapping[int, Repair]:
        """What became of the frames that lost packets, as far as they were read, by their index."""
        return self._repair.repairs if self._repair else {}

    def _open(self) -> None:
        self._file = open_file(self.path)
        self._frames = open_dataset(self._file, "frames", self.path)
        check_frames(self._frames, self.path)

    def _read_timestamps(self) -> np.ndarray:
        stored = open_dataset(self._file, "timestamps", self.path)
        check_times(stored, self.path, len(self._frames))
        try:
            timestamps = stored[:]
        except OSError as error:
            raise InputError(
                f"{self.path}: timestamps cannot be read ({error}): the file is damaged, copy it again."
            ) from None
        first, last = int(timestamps.min()), int(timestamps.max())
        if max(-first, last) >= 2**62:
            raise InputError(f"{self.path}: timestamps {first} to {last} are no times in milliseconds: correct them.")
        return timestamps.astype(np.int64)

    def close(self) -> None:
        """Closes the file; the next read opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = self._frames = None

    def __getstate__(self) -> dict:
        # HDF5 handles do not cross processes, and each process fills a cache of its own.
        return {**self.__dict__, "_file": None, "_frames": None, "_filled": None}

    def cache(self, device: torch.device) -> None:
        """Decodes the whole recording into the device's memory; from then on a read is a slice."""
        filled = np.empty((self.num_frames, self.height, self.width), np.float32)
        for start in range(0, self.num_frames, self._part):
            self.decode(start, min(start + self._part, self.num_frames), filled[start : start + self._part])
        moved = sum(repair.num_moved > 0 for repair in self.repairs.values())
        unclear = sum(repair.starts is None for repair in self.repairs.values())
        self._tell_repairs(
            f"in {len(self.repairs)} of {self.num_frames} frames; {moved} were put right, {unclear} are unclear and filled"
        )
        fill_whole(filled, self.fill_temperature)
        self._filled = torch.from_numpy(filled).to(device)
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
        start = int(indices.min())
        return torch.from_numpy(self._read_window(start, int(indices.max()) + 1)[indices - start])

    def read_stored(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """Frames [start, stop) as (K, H, W) float32 numbers of the unit in which they are stored."""
        if self._file is None:
            self._open()
        if out is None:
            out = np.empty((stop - start, self.height, self.width), np.float32)
        try:
            self._frames.read_direct(out, np.s_[start:stop])
        except OSError as error:
            raise InputError(
                f"{self.path}: frames {start} to {stop - 1} cannot be read ({error}): the file is damaged, copy it again."
            ) from None
        return out

    def decode(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """Frames [start, stop) as (K, H, W) float32 degrees Celsius with NaN for missing readings, none of them filled.

        All that reads temperatures goes through here. Frames that lost packets are put right.
        """
        frames = self.decode_stored(start, stop, out)
        self._put_right(frames, start)
        return frames

    def _put_right(self, frames: np.ndarray, start: int) -> None:
        """Repairs frames [start, start + K) of the recording, as they stand, in place."""
        if self._repair:
            sample = partial(self.parts, repaired=False)
            self._repair(frames, start, self.num_frames, self.decode_stored, sample)

    def decode_stored(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """What `decode` gives, with the frames as they stand in the file."""
        frames = self.read_stored(start, stop, out)
        low, high = self.valid_range
        for place in range(0, len(frames), _PART):
            some = frames[place : place + _PART]
            self.unit.to_celsius(some)
            some[~((some >= low) & (some <= high))] = np.nan
        return frames

    def parts(self, max_parts: int | None = None, repaired: bool = True) -> Iterator[np.ndarray]:
        """What `decode` gives of the whole recording, a part of it at a time; or of so many parts, spread over it.

        If not `repaired`, what `decode_stored` gives.
        """
        decode = self.decode if repaired else self.decode_stored
        starts = np.arange(0, self.num_frames, self._part)
        if max_parts and max_parts < len(starts):
            starts = starts[np.linspace(0, len(starts) - 1, max_parts).round().astype(int)]
        for start in starts.tolist():
            yield decode(start, min(start + self._part, self.num_frames))

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The whole recording, a part of it at a time: what `decode_stored` gives, and what `decode` does, by one reading."""
        for start, stored in zip(itertools.count(0, self._part), self.parts(repaired=False)):
            repaired = stored.copy()
            self._put_right(repaired, start)
            yield stored, repaired

    def _tell_repairs(self, what: str) -> None:
        """Tells once a process about lost packets, if there are any; of several workers the first."""
        worker = torch.utils.data.get_worker_info()
        if self.repairs and self.path not in _told and not (worker and worker.id):
            _told.add(self.path)
            logger.info("%s: packets of %d readings were lost %s.", self.name, self.packet_length, what)

    def _read_window(self, start: int, stop: int) -> np.ndarray:
        """Frames [start, stop) with dead pixels filled as if the whole recording were at hand."""
        window = self.decode(start, stop)
        self._tell_repairs("on the way from the sensor; each frame is put right as it is read")
        if np.isnan(window[0]).any():
            window[0] = self._fill_first(start, window)
        fill_forward(window, window[0])
        return window

    def _fill_first(self, start: int, window: np.ndarray) -> np.ndarray:
        """The first frame of a window with, for each missing reading, the last one before, else the next."""
        frame, searched = window[0].copy(), start
        for _ in range(_SEARCHED if self._gaps is None else 0):
            if not searched or not np.isnan(frame).any():
                break
            part = (searched - 1) // self._part * self._part
            fill_from(frame, self.decode(part, searched)[::-1])
            searched = part
        if not searched:
            fill_from(frame, window)
        if np.isnan(frame).any():
            if self._gaps is None:
                self._gaps = Gaps(self.parts(), self.fill_temperature)
            part = start // self._part
            before = self.decode(part * self._part, start + 1)
            fill_forward(before, self._gaps.before_part(part))
            frame = before[-1]
        return frame


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
                f"{keyframe.where}: image {keyframe.image_id!r} has frame_idx {keyframe.frame_index}, but {recording.path} holds "
                f"frames 0 to {recording.num_frames - 1}: correct the annotation."
            )
