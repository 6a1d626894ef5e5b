"""A small room, and what an import makes of it."""

import h5py
import numpy as np
import pytest

from slowfast_thermal.preparation.checks import validate
from slowfast_thermal.preparation.recordings.importing import import_recordings


class Room:
    """Twelve frames of 24x32 pixels with somebody warm who walks.

    Attributes:
        counts: (12, 24, 32) uint16 hundredths of Kelvin.
        celsius: the same in float32 degrees Celsius.
        times: (12,) int64 milliseconds.
    """

    def __init__(self):
        rng = np.random.default_rng(0)
        celsius = 21 + rng.normal(0, 0.2, (12, 24, 32))
        for k, frame in enumerate(celsius):
            frame[8:16, 2 * k : 2 * k + 5] += 8
        self.counts = np.round((celsius + 273.15) * 100).astype(np.uint16)
        self.celsius = ((self.counts - 27315.0) / 100).astype(np.float32)
        self.times = 1_700_000_000_000 + 125 * np.arange(12) + rng.integers(0, 20, 12)


@pytest.fixture(scope="session")
def room() -> Room:
    return Room()


@pytest.fixture
def imported(tmp_path):
    """Imports one recording, which must pass `validate`: gives its frames, its times, and what was said about it."""

    def run(format, source, **options):
        folder = tmp_path / "data"
        (result,) = import_recordings(format, source, folder / "frames", **options)
        report = validate(folder, (), ())
        assert not report.of("problem")
        with h5py.File(result.path) as file:
            frames, times = file["frames"][:], file["timestamps"][:]
        result.path.unlink()
        return frames, times, result

    return run
