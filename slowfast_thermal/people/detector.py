"""People as a trained network finds them.

Letters: K frames, H, W pixels.
"""

from collections import deque

import numpy as np
import torch

from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.people.background import Background
from slowfast_thermal.people.channels import SECONDS_BEFORE, frame_channels
from slowfast_thermal.people.finder import FoundPeople

# Frames that the network looks at in one go.
_BATCH = 16


class DetectorFinder:
    """The PersonFinder that was trained. It needs no frame but those that it has seen.

    Args:
        network: in evaluation mode.
        background: of the sensor before the first frame; None: that frame is.
    """

    def __init__(self, network: PersonDetector, background: np.ndarray | None = None):
        self._network = network
        self._background = None if background is None else Background(background)
        # Seen frames with their times, from the last one that is half a second old on.
        self._seen: deque[tuple[int, np.ndarray]] = deque()

    @property
    def background(self) -> np.ndarray:
        """See `PersonFinder.background`."""
        return self._background.temperatures

    def find(self, frames: np.ndarray, times: np.ndarray, wanted: np.ndarray | None = None) -> list[FoundPeople]:
        """See `PersonFinder.find`."""
        if self._background is None and len(frames):
            self._background = Background(frames[0])
        channels = [self._channels(frame, int(time)) for frame, time in zip(frames, times)]
        asked = np.arange(len(frames)) if wanted is None else np.flatnonzero(wanted)
        found = [FoundPeople.nobody()] * len(frames)
        for start in range(0, len(asked), _BATCH):
            places = asked[start : start + _BATCH]
            for place, people in zip(places, self._people(np.stack([channels[place] for place in places]))):
                found[place] = people
        return found

    @torch.inference_mode()
    def _people(self, channels: np.ndarray) -> list[FoundPeople]:
        results = self._network(torch.from_numpy(channels).to(self._network.frame_size.device))
        return [FoundPeople(result["boxes"].cpu().numpy(), result["scores"].cpu().numpy()) for result in results]

    def _channels(self, frame: np.ndarray, time: int) -> np.ndarray:
        wanted = time - 1000 * SECONDS_BEFORE
        self._seen.append((time, frame.copy()))
        while len(self._seen) > 1 and self._seen[1][0] <= wanted:
            self._seen.popleft()
        _, earlier = min(list(self._seen)[:2], key=lambda seen: abs(seen[0] - wanted))
        return frame_channels(frame, self._background.difference(frame, time), earlier)
