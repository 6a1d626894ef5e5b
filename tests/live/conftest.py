import numpy as np
import pytest

from slowfast_thermal.live.events import EventSettings, EventTracker
from slowfast_thermal.people.predicted import PredictedPerson

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
