"""Hours of simulated rooms on disk: valid recordings, their truth, and the same files from any number of processes."""

import h5py
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation import continuous
from slowfast_thermal.preparation.checks import validate
from slowfast_thermal.preparation.continuous import simulate_hours
from slowfast_thermal.preparation.truth import Truth
from slowfast_thermal.simulation.labels import CLASSES

SMALL = {"hours": 0.2, "num_rooms": 2, "height": 16, "width": 24, "seed": 2}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("hours") / "data"
    simulate_hours(root, **SMALL)
    return root


def test_the_checks_find_no_problem(small):
    assert validate(small, ["annotations/train.json"], ["annotations/val.json"]).of("problem") == []


def test_the_truth_lies_within_the_recordings(small):
    truth = Truth.read(small / "truth.json")
    for span in truth.recordings:
        with h5py.File(small / "frames" / f"{span.sensor}.h5") as file:
            assert (span.start, span.end) == (file["timestamps"][0], file["timestamps"][-1])
            assert span.end - span.start > 0.99 * 3_600_000 * SMALL["hours"]
        inside = [i for i in truth.intervals if i.sensor == span.sensor]
        assert inside and all(span.start <= i.start < i.end <= span.end for i in inside)
    assert {interval.label for interval in truth.intervals} <= set(CLASSES)


def test_the_same_seed_gives_the_same_files_in_one_process(small, tmp_path, monkeypatch):
    monkeypatch.setattr(continuous, "cpu_count", lambda: 1)
    simulate_hours(tmp_path / "same", **SMALL)
    for path in small.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "same" / path.relative_to(small)).read_bytes()


def test_endless_recordings_are_refused(tmp_path):
    with pytest.raises(InputError, match="between 0.1 and 24"):
        simulate_hours(tmp_path / "data", hours=1000.0)
