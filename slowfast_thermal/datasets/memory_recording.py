"""Frames in memory, read as those of a file are: packets in their place, dead pixels filled."""

from pathlib import Path

import h5py
import numpy as np

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError


class MemoryRecording(Recording):
    """A recording whose frames are an array.

    Args:
        frames: (N, H, W) temperatures in the unit.
        timestamps: (N,) milliseconds.
        valid_range, fill_temperature, unit, packet_length: as for `Recording`.

    Raises:
        InputError: the arrays are not of these shapes, or hold no numbers.
    """

    def __init__(
        self,
        frames: np.ndarray,
        timestamps: np.ndarray,
        valid_range: tuple[float, float],
        fill_temperature: float,
        unit: str = "",
        packet_length: int | None = None,
    ):
        frames, timestamps = np.asarray(frames), np.asarray(timestamps)
        are_numbers = frames.dtype.kind in "fiu" and timestamps.dtype.kind in "iu"
        if not are_numbers or frames.ndim != 3 or 0 in frames.shape or timestamps.shape != frames.shape[:1]:
            raise InputError(
                f"Frames of shape {frames.shape} and type {frames.dtype} with timestamps of shape {timestamps.shape} and type "
                f"{timestamps.dtype} are no recording: give (frames, height, width) temperatures and whole milliseconds."
            )
        self._arrays = {"frames": frames, "timestamps": timestamps}
        super().__init__(Path("frames"), valid_range, fill_temperature, unit, packet_length)

    def _open(self) -> None:
        self._file = h5py.File(f"{self.name}-{id(self)}", "w", driver="core", backing_store=False)
        for name, array in self._arrays.items():
            self._file[name] = array
        self._frames = self._file["frames"]
