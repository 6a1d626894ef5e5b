"""What simple numbers tell about a person: size and shape of the warm spot in the box, temperatures, motion around it.

Frames come at irregular times, so all features are taken at fixed times around the moment, between frames by linear
interpolation. Temperatures count from the frame's median, so that the room's own warmth does not matter, and no feature
tells where in the image the person is.

Letters: T frames, S sampled times, H, W sensor pixels, h, w pixels of a box and its margin, R people, F features.
"""

import numpy as np

from slowfast_thermal.people.background import middle

REACH = 8000
"""Milliseconds before and after a moment that the features look at."""
# Milliseconds from the moment at which frames are sampled.
_STEP = 250
_OFFSETS = np.arange(-REACH, REACH + 1, _STEP)
# Of these the ones compared with the moment itself, seconds; the warm spot's own motion is only followed nearby.
_COMPARED = (-8, -4, -2, -1, -0.5, 0.5, 1, 2, 4, 8)
_FOLLOWED = tuple(seconds for seconds in _COMPARED if abs(seconds) <= 2)
# Motion is averaged between neighbouring ones of these, seconds.
_SPANS = (-8, -4, -2, -1, 0, 1, 2, 4, 8)
# A pixel this much above the background is warm, degrees Celsius.
_WARM = 1.5
# The warm spot may reach beyond the box by this share of the image's height, and by a pixel at least.
_MARGIN = 0.05
# Of a recording's excess over the median this percentile counts as what the room looks like without people.
_EMPTY_PERCENTILE = 20

BOX_FEATURES = ("centre x", "centre y", "width", "height")
FEATURES = (
    *("width", "height", "area", "width by height", "longer by shorter side"),
    *("long axis", "short axis", "long by short axis", "axis along radius", "warm pixels"),
    *("hottest", "mean", "mean above background", "warmth"),
    *(f"{what} {seconds:+g} s" for what in ("change", "above background", "overlap") for seconds in _COMPARED),
    *(f"{what} {seconds:+g} s" for what in ("shift", "long axis grown") for seconds in _FOLLOWED),
    *(f"motion {start:+g} to {end:+g} s" for start, end in zip(_SPANS, _SPANS[1:])),
)


def box_features(boxes: np.ndarray) -> np.ndarray:
    """(R, 4) float32 BOX_FEATURES, each divided by the image size, of (R, 4) boxes x1, y1, x2, y2."""
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1).astype(np.float32)


def empty_room(frames: np.ndarray) -> np.ndarray:
    """(H, W) degrees Celsius above the frame's median that each pixel shows without people, from (T, H, W) frames."""
    return np.percentile(_above_median(frames), _EMPTY_PERCENTILE, axis=0).astype(np.float32)


def known_frames(times: np.ndarray, moment: int, position: float) -> int:
    """How many of (T,) frames at increasing `times` in milliseconds may be looked at for a moment.

    Args:
        position: of the moment in what is looked at, THERMAL.KEYFRAME_POSITION: at 0.5 as much after it as before.
    """
    ahead = 2 * (1 - position) * int(_OFFSETS[-1])
    return len(times) if position <= 0.5 else max(int(np.searchsorted(times, moment + ahead, side="right")), 1)


def sampled_frames(times: np.ndarray, moment: int) -> np.ndarray:
    """The frames that `person_features` looks at: places in (T,) milliseconds `times`, sorted, each once."""
    before, after, _ = _neighbours(times, moment)
    return np.union1d(before, after)


def person_features(
    frames: np.ndarray, times: np.ndarray, moment: int, boxes: np.ndarray, empty: np.ndarray
) -> np.ndarray:
    """The FEATURES of the people of one moment.

    Args:
        frames: (T, H, W) degrees Celsius without dead pixels, at least those of `sampled_frames`; before the first and
            after the last one these are repeated.
        times: (T,) milliseconds of the frames, increasing.
        moment: milliseconds.
        boxes: (R, 4) x1, y1, x2, y2 of the people at the moment, each divided by the image size.
        empty: (H, W) of `empty_room`.

    Returns:
        (R, F) float32; lengths in pixels, temperatures in degrees Celsius.
    """
    before, after, share = _neighbours(times, moment)
    clip = frames[before] + (frames[after] - frames[before]) * share[:, None, None]
    clip = _above_median(clip)
    return np.array([_features(clip, box, empty) for box in boxes], np.float32).reshape(-1, len(FEATURES))


def _above_median(frames: np.ndarray) -> np.ndarray:
    return frames - middle(np.sort(frames.reshape(len(frames), -1), axis=1))[:, None, None]


def _neighbours(times: np.ndarray, moment: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S,) places of the frames before and after each sampled time, and its share of the way from one to the other."""
    at = moment + _OFFSETS
    after = np.clip(np.searchsorted(times, at), 1, max(len(times) - 1, 1))
    before, after = after - 1, np.minimum(after, len(times) - 1)
    share = (at - times[before]) / np.maximum(times[after] - times[before], 1)
    return before, after, np.clip(share, 0, 1).astype(np.float32)


def _place(seconds: float) -> int:
    return round((1000 * seconds - int(_OFFSETS[0])) / _STEP)


def _features(clip: np.ndarray, box: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """(F,) features of a person with `box` in the middle of the (S, H, W) `clip`."""
    height, width = empty.shape
    x1, y1, x2, y2 = (box * np.array([width, height, width, height])).tolist()
    box_width, box_height, center_x, center_y = x2 - x1, y2 - y1, (x1 + x2) / 2, (y1 + y2) / 2
    margin = max(_MARGIN * height, 1)
    left, top = max(int(x1 - margin), 0), max(int(y1 - margin), 0)
    crop = slice(top, int(np.ceil(y2 + margin))), slice(left, int(np.ceil(x2 + margin)))
    y, x = np.mgrid[crop[0].start : min(crop[0].stop, height), crop[1].start : min(crop[1].stop, width)]
    # Pixel centres, seen from the centre of the box.
    y, x = y + 0.5 - center_y, x + 0.5 - center_x
    around = (abs(x) < box_width / 2 + margin) & (abs(y) < box_height / 2 + margin)
    inside = (abs(x) < box_width / 2) & (abs(y) < box_height / 2)
    if not inside.any():
        inside = around

    now = _place(0)
    compared = [_place(seconds) for seconds in _COMPARED]
    followed = [_COMPARED.index(seconds) for seconds in _FOLLOWED]
    clip = clip[(slice(None), *crop)]
    person = clip[:, inside]
    above = clip[[now, *compared]] - empty[crop]
    warm = np.clip(above - _WARM, 0, None) * around
    mid_x, mid_y, long_axis, short_axis, angle = _spots(warm, x, y)
    radius = np.array([center_x + mid_x[0] - width / 2, center_y + mid_y[0] - height / 2])
    along_radius = abs(radius @ [np.cos(angle[0]), np.sin(angle[0])]) / (np.linalg.norm(radius) + 1e-6)
    steps = np.abs(np.diff(person, axis=0)).mean(1)
    sides = sorted((box_width, box_height))
    return np.concatenate(
        [
            [box_width, box_height, box_width * box_height, box_width / box_height, sides[1] / sides[0]],
            [long_axis[0], short_axis[0], long_axis[0] / short_axis[0], along_radius, (warm[0] > 0).sum()],
            [person[now].max(), person[now].mean(), above[0][inside].mean(), warm[0].sum()],
            np.abs(person[compared] - person[now]).mean(1),
            above[1:, inside].mean(1),
            np.minimum(warm[1:], warm[0]).sum((1, 2)) / (np.maximum(warm[1:], warm[0]).sum((1, 2)) + 1e-6),
            np.hypot(mid_x[1:] - mid_x[0], mid_y[1:] - mid_y[0])[followed],
            (long_axis[1:] - long_axis[0])[followed],
            [steps[_place(start) : _place(end)].mean() for start, end in zip(_SPANS, _SPANS[1:])],
        ]
    )


def _spots(warm: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where the warm spot of each of (K, h, w) pictures lies and how it spreads.

    Returns:
        Each (K,): middle x and y, standard deviation in pixels along the long and the short axis, angle of the long axis.
    """
    total = warm.sum((1, 2)) + 1e-6
    mid_x, mid_y = ((warm * place).sum((1, 2)) / total for place in (x, y))
    dx, dy = x - mid_x[:, None, None], y - mid_y[:, None, None]
    # A thousandth of a pixel keeps the axes of a single pixel apart from zero.
    xx, yy = ((warm * d * d).sum((1, 2)) / total + 1e-3 for d in (dx, dy))
    xy = (warm * dx * dy).sum((1, 2)) / total
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return (
        mid_x,
        mid_y,
        np.sqrt(middle + half),
        np.sqrt(np.maximum(middle - half, 1e-3)),
        np.arctan2(2 * xy, xx - yy) / 2,
    )
