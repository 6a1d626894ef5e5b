"""Whether annotated boxes lie beside the people: by how much the warm blobs that they overlap are off.

Annotation tools count pixels from their corner or from their middle, and a box drawn on an enlarged picture is easily half a pixel
off, which is much for a person of ten.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.clips import background, check_order
from slowfast_thermal.datasets.found_people import read_parts
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.tracks import box_overlap

# A blob is an annotated person if their boxes overlap by this much (intersection over union),
_SAME_PERSON = 0.3
# and is somebody else's too if it overlaps another's box by this much.
_TOUCHING = 0.1


class BoxShift(NamedTuple):
    """By how much boxes are to be moved to lie on the warm people, see THERMAL.BOX_SHIFT.

    Attributes:
        num_people: of whom it is the median.
        x, y: divided by the image size; NaN without people.
        x_pixels, y_pixels: the same in pixels of the sensor.
    """

    num_people: int
    x: float
    y: float
    x_pixels: float
    y_pixels: float


def measure_shifts(recording: Recording, keyframes: Sequence[Keyframe]) -> np.ndarray:
    """From each person's annotated box to the warm blob.

    Args:
        recording: is looked at from its first to its last frame.
        keyframes: of the recording.

    Returns:
        (R, 4) from centre to centre, x and y divided by the image size and again in pixels, of people before whom nothing
        cuts off a part and whose blob is nobody else's.

    Raises:
        InputError: the recording cannot be read, or its timestamps decrease.
    """
    check_order(recording)
    finder = BlobFinder(background(recording).cpu().numpy())
    size = np.array([recording.width, recording.height])
    by_frame = {keyframe.frame_index: keyframe.boxes * np.tile(size, 2) for keyframe in keyframes}
    shifts = [np.zeros((0, 2))]
    for places, frames, times in read_parts(recording):
        wanted = np.isin(places, list(by_frame))
        for place, found in zip(places[wanted], np.array(finder.find(frames, times, wanted), object)[wanted]):
            shifts.append(_shifts(by_frame[place], found.boxes, size))
    pixels = np.concatenate(shifts)
    return np.concatenate([pixels / size, pixels], axis=1)


def median_shift(shifts: np.ndarray) -> BoxShift:
    """Of (R, 4) shifts, see `measure_shifts`."""
    return BoxShift(len(shifts), *(np.median(shifts, axis=0).tolist() if len(shifts) else 4 * [float("nan")]))


def _shifts(boxes: np.ndarray, blobs: np.ndarray, size: np.ndarray) -> np.ndarray:
    if not len(boxes) or not len(blobs):
        return np.zeros((0, 2))
    overlap = box_overlap(boxes, blobs)
    nearest = overlap.argmax(axis=1)
    is_inside = (boxes[:, :2] > 1).all(axis=1) & (boxes[:, 2:] < size - 1).all(axis=1)
    is_alone = (overlap[:, nearest] > _TOUCHING).sum(axis=0) == 1
    same = is_inside & is_alone & (overlap.max(axis=1) > _SAME_PERSON)
    centres = [(some[:, :2] + some[:, 2:]) / 2 for some in (boxes[same], blobs[nearest[same]])]
    return centres[1] - centres[0]
