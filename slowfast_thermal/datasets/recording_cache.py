"""Decoded recordings kept in memory, as many as fit."""

import numpy as np
import torch

from slowfast_thermal.datasets.recordings import Recording

# Files that a cache keeps open: HDF5 takes half a megabyte for each, and a process may not open a thousand.
_MAX_OPEN = 32


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

    def timestamps(self, name: str) -> np.ndarray:
        """(N,) int64 milliseconds of a recording's frames, for which it is not decoded."""
        return self._recordings[name].timestamps

    def __iter__(self):
        return iter(self._recordings.values())
