"""Who is who from frame to frame, with the true times between frames.

A Kalman filter follows each person; boxes are assigned in two rounds, as in ByteTrack (Zhang et al., arXiv:2110.06864):
those with a high score first, and those with a low one to the people who are left, so that a person who is hard to see
for a moment keeps the track and noise starts none.

Letters: R boxes of a frame, P people who are followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from slowfast_thermal.people.finder import FoundPeople

# Lengths are in sizes of a person, the square root of the box's area.
# Standard deviation of a person's speed, sizes a second, and for how long a speed lasts, seconds.
_SPEED, _SPEED_SECONDS = 1.0, 1.0
# How far a side of the box wanders in a second, and standard deviation of a found centre and side.
_SIDE_DRIFT, _FOUND = 0.2, 0.05
# A box may be a person's whose centre is expected this near, sizes, and this many standard deviations besides.
_NEAR, _NUM_DEVIATIONS = 0.5, 2.0
# The score of a box that is as likely a person as not.
EVEN_SCORE = 0.5


@dataclass(frozen=True)
class TrackedPerson:
    """A person at one moment.

    Attributes:
        track: number of the person, from 1.
        box: (4,) float32 x1, y1, x2, y2 in pixels.
        score: of the box, as found; of one that was not found the last one's.
        seen: whether the box was found; else it is where the person is expected, or between where they were seen.
    """

    track: int
    box: np.ndarray
    score: float
    seen: bool


class _Person:
    """The Kalman filter of one person: centre, speed and sides of the box, x and y alike and independent.

    The speed forgets itself (an Ornstein-Uhlenbeck process), so that a person who is not seen for seconds is expected
    near where they were last seen, with an uncertainty that grows.
    """

    def __init__(self, track: int, box: np.ndarray, score: float, time: int):
        self.track, self.score, self.time, self.seen_time = track, score, time, time
        centre, sides = _centre_and_sides(box)
        size = self._size(sides)
        self._state = np.stack([centre, np.zeros(2)])  # of x and y: centre and speed
        self._covariance = np.diag([(_FOUND * size) ** 2, (_SPEED * size) ** 2])
        self._sides, self._sides_variance = sides, (_FOUND * size) ** 2
        self.box = box

    @staticmethod
    def _size(sides: np.ndarray) -> float:
        return float(np.sqrt(sides.prod()))

    @property
    def size(self) -> float:
        return self._size(self._sides)

    @property
    def deviation(self) -> float:
        """Standard deviation of the expected centre, pixels."""
        return float(np.sqrt(self._covariance[0, 0]))

    def predict(self, time: int) -> None:
        """Moves to `time`, milliseconds."""
        seconds = max(time - self.time, 0) / 1000
        self.time = time
        decay = np.exp(-seconds / _SPEED_SECONDS)
        ratio = seconds / _SPEED_SECONDS
        step = np.array([[1, _SPEED_SECONDS * (1 - decay)], [0, decay]])
        noise = (
            np.array(
                [
                    [_SPEED_SECONDS**2 * (2 * ratio - 3 + 4 * decay - decay**2), _SPEED_SECONDS * (1 - decay) ** 2],
                    [_SPEED_SECONDS * (1 - decay) ** 2, 1 - decay**2],
                ]
            )
            * (_SPEED * self.size) ** 2
        )
        self._state = step @ self._state
        self._covariance = step @ self._covariance @ step.T + noise
        self._sides_variance += seconds * (_SIDE_DRIFT * self.size) ** 2
        self.box = np.concatenate([self._state[0] - self._sides / 2, self._state[0] + self._sides / 2]).astype(
            np.float32
        )

    def update(self, box: np.ndarray, score: float) -> None:
        """Learns where the person was found at the time of the last prediction."""
        centre, sides = _centre_and_sides(box)
        found = (_FOUND * self.size) ** 2
        gain = self._covariance[:, 0] / (self._covariance[0, 0] + found)
        self._state = self._state + gain[:, None] * (centre - self._state[0])
        self._covariance = self._covariance - np.outer(gain, self._covariance[0])
        gain = self._sides_variance / (self._sides_variance + found)
        self._sides = self._sides + gain * (sides - self._sides)
        self._sides_variance *= 1 - gain
        self.box, self.score, self.seen_time = box, score, self.time


class Tracker:
    """Follows the people of one sensor.

    Args:
        patience: seconds for which a person who is not seen is remembered.
        high_score: from which on a box starts a track and takes part in the first round.
        low_score: from which on a box takes part at all.
    """

    def __init__(self, patience: float = 5.0, high_score: float = EVEN_SCORE, low_score: float = 0.1):
        self._patience = patience
        self._high_score, self._low_score = high_score, low_score
        self._people: list[_Person] = []
        self._next_track = 1

    def update(self, found: FoundPeople, time: int) -> list[TrackedPerson]:
        """The people at `time`, seen or remembered.

        Args:
            found: in the frame of this time.
            time: milliseconds, not before the last one.
        """
        self._people = [person for person in self._people if time - person.seen_time <= 1000 * self._patience]
        for person in self._people:
            person.predict(time)
        is_high = found.scores >= self._high_score
        is_low = ~is_high & (found.scores >= self._low_score)
        left = list(self._people)
        for chosen in (is_high, is_low):
            places = np.flatnonzero(chosen)
            matches = _assign(left, found.boxes[places])
            for person, place in matches:
                left[person].update(found.boxes[places[place]], float(found.scores[places[place]]))
            matched = {person for person, _ in matches}
            left = [person for number, person in enumerate(left) if number not in matched]
            if chosen is is_high:
                taken = {place for _, place in matches}
                new = [places[place] for place in range(len(places)) if place not in taken]
        for place in new:
            self._people.append(_Person(self._next_track, found.boxes[place], float(found.scores[place]), time))
            self._next_track += 1
        return [TrackedPerson(p.track, p.box, p.score, p.seen_time == time) for p in self._people]


def track_recording(found: list[FoundPeople], times: np.ndarray, patience: float = 5.0) -> list[list[TrackedPerson]]:
    """The people of each frame of a whole recording: between two frames that show a person their box is interpolated.

    A track of which half the boxes score below 0.5 is something warm, not a person.

    Args:
        found: the people of each frame.
        times: (K,) int64 milliseconds of the frames, rising.
        patience: see `Tracker`.

    Returns:
        The people of each frame, by track.
    """
    tracker = Tracker(patience)
    seen: dict[int, list[tuple[int, TrackedPerson]]] = {}
    for frame, (people, time) in enumerate(zip(found, times)):
        for person in tracker.update(people, int(time)):
            if person.seen:
                seen.setdefault(person.track, []).append((frame, person))
    frames: list[list[TrackedPerson]] = [[] for _ in found]
    people = [track for track in seen.values() if np.median([person.score for _, person in track]) >= EVEN_SCORE]
    for number, track in enumerate(people, start=1):
        track = [(frame, replace(person, track=number)) for frame, person in track]
        frames[track[0][0]].append(track[0][1])
        for (first, before), (last, after) in zip(track, track[1:]):
            for frame in range(first + 1, last):
                share = (times[frame] - times[first]) / (times[last] - times[first])
                box = (before.box + (after.box - before.box) * share).astype(np.float32)
                frames[frame].append(TrackedPerson(before.track, box, before.score, seen=False))
            frames[last].append(after)
    return [sorted(people, key=lambda person: person.track) for people in frames]


def _centre_and_sides(box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2,) centre x, y and (2,) width, height of a box x1, y1, x2, y2."""
    low, high = box[:2].astype(float), box[2:].astype(float)
    return (low + high) / 2, high - low


def _assign(people: list[_Person], boxes: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of a person's and a box's place: the assignment of least cost among those that may be."""
    if not people or not len(boxes):
        return []
    expected = np.array([person.box for person in people], float)
    reach = np.array([_NEAR * person.size + _NUM_DEVIATIONS * person.deviation for person in people])
    distance = np.linalg.norm((expected[:, None, :2] + expected[:, None, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2, axis=2)
    overlap = box_overlap(expected, boxes)
    cost = 1 - overlap + distance / reach[:, None]
    may_be = (overlap > 0) | (distance < reach[:, None])
    # A pair that may not be costs more than all that may together.
    rows, columns = linear_sum_assignment(np.where(may_be, cost, 1e6))
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist()) if may_be[row, column]]


def relative_boxes(people: Sequence[TrackedPerson], height: int, width: int) -> np.ndarray:
    """(R, 4) float32 x1, y1, x2, y2 divided by the image size, inside the image, of people with boxes in pixels."""
    boxes = np.array([person.box for person in people], np.float32).reshape(-1, 4)
    return np.clip(boxes / np.array([width, height] * 2, np.float32), 0, 1)


def box_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(P, R) intersection over union of boxes (P, 4) and (R, 4), x1, y1, x2, y2."""
    sides = np.minimum(first[:, None, 2:], second[:, 2:]) - np.maximum(first[:, None, :2], second[:, :2])
    shared = sides.clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return shared / np.maximum(areas[0][:, None] + areas[1] - shared, 1e-9)
