"""The comparison of two data sets finds what differs, and finds nothing where nothing does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.likeness import describe, likeness
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.simulated import simulate_rooms


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
    same, noisy = (likeness(rooms[0], other, DataSettings.default()) for other in rooms[1:])
    assert same.counts == noisy.counts == (42, 42)
    assert same.auc < 0.8 and noisy.auc > 0.95
    assert noisy.features[0][0] in ("fine detail", "change from frame to frame")
    assert noisy.features[0][3] > noisy.features[0][2]


def test_a_single_session_is_refused(rooms):
    with pytest.raises(InputError, match="needs two or more"):
        likeness(rooms[0], rooms[1], replace(DataSettings.default(), session_pattern="(SIM).*"))


def test_a_keyframe_beyond_its_recording_is_named(rooms, tmp_path):
    shutil.copytree(rooms[0], tmp_path / "rooms")
    train = tmp_path / "rooms" / "annotations" / "train.json"
    document = json.loads(train.read_text())
    document["images"][0]["frame_idx"] = 10**6
    train.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"has frame_idx 1000000, but .* holds frames 0 to"):
        likeness(tmp_path / "rooms", rooms[1], DataSettings.default())


def test_a_sliver_at_the_edge_is_a_box():
    sliver = Keyframe(
        "A_1", "train.json", "A", 0, 1, np.array([[0.998, 0.4, 1.0, 0.6]]), np.ones((1, 1)), np.zeros((0, 4))
    )
    numbers = describe(sliver, np.random.default_rng(0).normal(20, 1, (3, 8, 12)))
    assert numbers["people"] == 1 and all(map(np.isfinite, numbers.values()))
