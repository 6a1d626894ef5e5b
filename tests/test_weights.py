"""Weights of the package are found by name, small, plain data, and say where they come from."""

import json
from pathlib import Path

import pytest

from slowfast_thermal import weights
from slowfast_thermal.checkpoint.training_state import read_checkpoint
from slowfast_thermal.simulation.labels import CLASSES


def test_other_paths_stay_as_they_are():
    assert weights.resolve("output/checkpoint.pyth") == "output/checkpoint.pyth" and weights.resolve("") == ""


@pytest.mark.parametrize("name", weights.shipped())
def test_weights_of_the_package_are_small_and_described(name):
    path = Path(weights.resolve(name))
    assert path.stat().st_size < 6e6
    assert read_checkpoint(path)["classes"] == list(CLASSES)
    described = json.loads(path.with_suffix(".json").read_text())
    assert {"command", "commit", "seed", "configuration", "figures"} <= described.keys()
