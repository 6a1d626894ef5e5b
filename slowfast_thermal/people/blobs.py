"""People as warm blobs before a background: nothing is trained.

Sizes are given for the 40x60 pixels at which they were found and grow with the resolution.
Letters: K frames, H, W pixels.
"""

import numpy as np
from scipy import ndimage

from slowfast_thermal.people.background import Background
from slowfast_thermal.people.finder import FoundPeople

_HEIGHT, _PIXELS = 40, 40 * 60
# Standard deviation in pixels of the Gaussian that a frame's difference from the background is smoothed with.
_SMOOTHING = 0.7
# Degrees by which a person is warmer than the background.
_THRESHOLD = 1.5
# Pixels of the smallest person.
_MIN_PIXELS = 6
# Degrees times pixels at which a blob is as likely a person as not: where recall and precision are best together in
# simulated rooms.
_EVEN_HEAT = 50.0


class BlobFinder:
    """The PersonFinder that needs no training.

    Args:
        background: of the sensor before the first frame; None: that frame is, so that who stands in it shows on moving.
        threshold: degrees Celsius by which people are warmer than the background.
    """

    def __init__(self, background: np.ndarray | None = None, threshold: float = _THRESHOLD):
        self._background = Background(background)
        self._threshold = threshold

    @property
    def background(self) -> np.ndarray:
        """See `PersonFinder.background`."""
        return self._background.temperatures

    def find(self, frames: np.ndarray, times: np.ndarray, wanted: np.ndarray | None = None) -> list[FoundPeople]:
        """See `PersonFinder.find`."""
        differences = (self._background.difference(frame, int(time)) for frame, time in zip(frames, times))
        asked = np.ones(len(frames), bool) if wanted is None else wanted
        return [
            self._people(difference) if ask else FoundPeople.nobody() for difference, ask in zip(differences, asked)
        ]

    def _people(self, difference: np.ndarray) -> FoundPeople:
        scale = difference.size / _PIXELS
        smooth = ndimage.gaussian_filter(difference, _SMOOTHING * difference.shape[0] / _HEIGHT)
        labels, number = ndimage.label(smooth > self._threshold, structure=np.ones((3, 3)))
        numbers = np.arange(1, number + 1)
        heat = ndimage.sum_labels(smooth, labels, numbers) / scale
        pixels = ndimage.sum_labels(labels > 0, labels, numbers) / scale
        boxes = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]
        kept = pixels >= _MIN_PIXELS
        return FoundPeople(
            np.array(boxes, np.float32).reshape(-1, 4)[kept], (heat / (heat + _EVEN_HEAT)).astype(np.float32)[kept]
        )
