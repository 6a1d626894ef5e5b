"""People as a trained network finds them.

Letters: K frames, H, W pixels.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from slowfast_thermal.people.background import Background
from slowfast_thermal.people.channels import SECONDS_BEFORE, frame_channels
from slowfast_thermal.people.finder import FoundPeople
from slowfast_thermal.people.tracks import box_overlap

FindPeople = Callable[[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]
"""Gives for each of (K, 3, H, W) `channels` (R, 4) boxes in pixels and (R,) scores."""

# Frames that the network looks at in one go.
_BATCH = 16
# People who score less than this are not given; of two boxes that overlap more than this, the better one is.
LOWEST_SCORE, SAME_PERSON = 0.05, 0.5
# People of a frame, and those that are looked at before overlapping ones are left out.
MAX_PEOPLE, MAX_CANDIDATES = 20, 200


class DetectorFinder:
    """The PersonFinder that was trained. It needs no frame but those that it has seen.

    Args:
        find_people: the network, or its exported graph.
        background: of the sensor before the first frame; None: that frame is.
    """

    def __init__(self, find_people: FindPeople, background: np.ndarray | None = None):
        self._find_people = find_people
        self._background = Background(background)
        # Seen frames with their times, from the last one that is half a second old on.
        self._seen: deque[tuple[int, np.ndarray]] = deque()

    @property
    def background(self) -> np.ndarray:
        """See `PersonFinder.background`."""
        return self._background.temperatures

    def find(self, frames: np.ndarray, times: np.ndarray, wanted: np.ndarray | None = None) -> list[FoundPeople]:
        """See `PersonFinder.find`."""
        channels = [self._channels(frame, int(time)) for frame, time in zip(frames, times)]
        asked = np.arange(len(frames)) if wanted is None else np.flatnonzero(wanted)
        found = [FoundPeople.nobody()] * len(frames)
        for start in range(0, len(asked), _BATCH):
            places = asked[start : start + _BATCH]
            for place, people in zip(places, self._find_people(np.stack([channels[place] for place in places]))):
                found[place] = FoundPeople(*people)
        return found

    def _channels(self, frame: np.ndarray, time: int) -> np.ndarray:
        wanted = time - 1000 * SECONDS_BEFORE
        self._seen.append((time, frame.copy()))
        while len(self._seen) > 1 and self._seen[1][0] <= wanted:
            self._seen.popleft()
        _, earlier = min(list(self._seen)[:2], key=lambda seen: abs(seen[0] - wanted))
        return frame_channels(frame, self._background.difference(frame, time), earlier)


def most_likely(boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The people among the boxes of all places of a frame: those that score high and overlap no better one.

    Args:
        boxes: (P, 4) x1, y1, x2, y2.
        scores: (P,).

    Returns:
        (R, 4) and (R,), the best first.
    """
    places = np.flatnonzero(scores > LOWEST_SCORE)
    places = places[np.argsort(-scores[places], kind="stable")][:MAX_CANDIDATES]
    boxes, scores = boxes[places], scores[places]
    overlap, is_left, kept = box_overlap(boxes, boxes), np.ones(len(boxes), bool), []
    for place in range(len(boxes)):
        if is_left[place] and len(kept) < MAX_PEOPLE:
            kept.append(place)
            is_left &= ~(overlap[place] > SAME_PERSON)
    return boxes[kept], scores[kept]
