"""The comparison of two data sets finds what differs, and finds nothing where nothing does."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.likeness import likeness
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.preparation.splits import SESSION_PATTERN


@pytest.fixture(scope="module")
def rooms(tmp_path_factory) -> list[Path]:
    folders = [tmp_path_factory.mktemp("likeness") / name for name in ("first", "second", "noisy")]
    for folder, seed in zip(folders, (0, 1, 2)):
        simulate_rooms(folder, num_rooms=6, num_keyframes=42, seed=seed)
    for path in (folders[2] / "frames").glob("*.h5"):
        with h5py.File(path, "r+") as file:
            frames = file["frames"][:]
            file["frames"][:] = frames + (frames > -200) * np.random.default_rng(0).normal(0, 1.0, frames.shape)
    return folders


def test_rooms_of_the_same_kind_are_told_apart_less_than_noisy_ones(rooms):
    same, noisy = (likeness(rooms[0], other, SESSION_PATTERN) for other in rooms[1:])
    assert same.counts == noisy.counts == (42, 42)
    assert same.auc < 0.8 and noisy.auc > 0.95
    assert noisy.features[0][0] in ("fine detail", "change from frame to frame")
    assert noisy.features[0][3] > noisy.features[0][2]


def test_a_single_session_is_refused(rooms):
    with pytest.raises(InputError, match="needs two or more"):
        likeness(rooms[0], rooms[1], "(SIM).*")
