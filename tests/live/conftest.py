from pathlib import Path

import h5py
import numpy as np
import pytest

from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.live.events import EventSettings, EventTracker
from slowfast_thermal.live.frames import Frame
from slowfast_thermal.live.sources import open_source
from slowfast_thermal.people.predicted import PredictedPerson
from slowfast_thermal.preparation.simulated import simulate_rooms
from tests.live import watching

CONFIGURATION = str(Path(__file__).parents[2] / "configs" / "Thermal" / "SIMULATED.yaml")

LEFT, RIGHT = (0.1, 0.1, 0.3, 0.2), (0.7, 0.7, 0.9, 0.8)


def person(seconds, track, score, box=LEFT, sensor="hall"):
    """Someone who lies on the floor with a score, and else stands."""
    scores = {"standing": 1 - score, "falling": 0.25 * score, "lying": 0.75 * score}
    return PredictedPerson(sensor, round(1000 * seconds), track, np.array(box, np.float32), 0.9, True, scores)


class Watch:
    """An event tracker of one kind, and all that it told."""

    def __init__(self, **settings):
        defaults = {"threshold": 0.5, "duration": 3.0, "hold": 5.0, "cool_down": 20.0, "smoothing": 0.0}
        self.tracker = EventTracker([EventSettings("fall", ("falling", "lying"), **(defaults | settings))])
        self.changes = []

    def see(self, seconds, *people, sensor="hall"):
        """People as (track, score) or (track, score, box) at a second."""
        there = [person(seconds, *each, sensor=sensor) for each in people]
        found = self.tracker.update(sensor, round(1000 * seconds), there)
        self.changes += found
        return found

    def story(self):
        """Type, state and second of all changes."""
        return [(change.type, change.state, change.decided / 1000) for change in self.changes]


@pytest.fixture
def watch():
    return Watch


@pytest.fixture(scope="package")
def predictor():
    return Predictor.from_checkpoint(CONFIGURATION, "SIMULATED", ["EVENTS.DURATION", "1", "EVENTS.THRESHOLD", "0.05"])


@pytest.fixture(scope="package")
def room(tmp_path_factory):
    root = tmp_path_factory.mktemp("room") / "data"
    simulate_rooms(root, num_rooms=2, num_keyframes=10, seed=3)
    return root / "frames" / "SIM001_R1.h5"


@pytest.fixture(scope="package")
def frames(room):
    """The frames of the recording, as a sensor sends them."""
    with h5py.File(room) as file:
        pairs = zip(file["frames"][:], file["timestamps"][:].tolist())
        return [Frame("SIM001_R1", timestamp, readings.astype(np.float32)) for readings, timestamp in pairs]


@pytest.fixture(scope="package")
def expected(predictor, room):
    watch = watching.Watch(predictor).run(open_source(f"replay:{room}", 0))
    assert len(watch.people) > 10 and watch.changes
    return watch


@pytest.fixture
def broker(tmp_path):
    made = watching.Broker(tmp_path)
    yield made
    made.stop()
