"""Boxes as files give them: what their four numbers mean, and what of a box lies inside the image.

Letters: B boxes.
"""

import numpy as np

from slowfast_thermal.errors import InputError

# By how much of the image's size a box that ends at its edge may miss it.
_ROUNDING = 1e-6
# Shares of the boxes that may be cut or dropped: of any boxes, where the numbers fit another convention, and as that one.
_MOST = 0.5
_MANY = 0.1
_FEW = 0.01
# Fewer cut boxes tell nothing about all.
_LEAST = 5

_CENTRE, _LEFT_TOP, _CORNERS = "centre x, centre y, width, height", "left x, top y, width, height", "x1, y1, x2, y2"
_RELATIVE, _PIXELS = ", each divided by the image size", " in pixels"
CENTRE = _CENTRE + _RELATIVE
CORNERS = _CORNERS + _RELATIVE
LEFT_TOP_PIXELS = _LEFT_TOP + _PIXELS
"""The conventions that files are read by: of annotations, of AVA's boxes and of COCO's results."""
_CONVENTIONS = [order + unit for unit in (_RELATIVE, _PIXELS) for order in (_CENTRE, _LEFT_TOP, _CORNERS)]


def to_corners(boxes: np.ndarray, convention: str, sizes: np.ndarray) -> np.ndarray:
    """(B, 4) boxes of a convention as x1, y1, x2, y2 divided by the image size.

    Args:
        boxes: (B, 4).
        convention: what the four numbers mean.
        sizes: (B, 2) width and height of each box's image in pixels.
    """
    first, second = boxes[:, :2], boxes[:, 2:]
    if convention.startswith(_CENTRE):
        first, second = first - second / 2, first + second / 2
    elif convention.startswith(_LEFT_TOP):
        second = first + second
    corners = np.concatenate([first, second], axis=1)
    return corners / np.tile(sizes, 2) if convention.endswith(_PIXELS) else corners


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes (4,) x1, y1, x2, y2."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / (float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - shared)


class BoxCollection:
    """Boxes of one kind and file, cut at the image's edge.

    Args:
        convention: what the boxes' numbers mean.

    Attributes:
        clipped: places of the boxes that reached over the image's edge and were cut there.
        dropped: places of the boxes of which nothing lay inside the image.
    """

    def __init__(self, convention: str):
        self.clipped: list[str] = []
        self.dropped: list[str] = []
        self._convention = convention
        self._boxes: list[list[int | float]] = []
        self._sizes: list[tuple[int, int]] = []

    def cut(self, box: list[int | float], size: tuple[int, int], where: str) -> np.ndarray | None:
        """What of a box lies inside the image.

        Args:
            box: its four numbers.
            size: width and height of its image in pixels; (0, 0), where they are not known, will do for relative boxes.
            where: its place.

        Returns:
            (4,) x1, y1, x2, y2 divided by the image size, None if nothing lies inside.
        """
        self._boxes.append(box)
        self._sizes.append(size)
        whole = to_corners(np.array([box], float), self._convention, np.array([size]))[0]
        inside = np.clip(whole, 0, 1)
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            self.dropped.append(where)
            return None
        if np.abs(inside - whole).max() > _ROUNDING:
            self.clipped.append(where)
        return inside

    def check_convention(self, where: str) -> None:
        """Raises InputError if the boxes cannot be meant so: most are cut or dropped, or another convention fits them.

        What it says stands for all that was cut and dropped, which is forgotten then.
        """
        numbers, sizes = np.array(self._boxes, float).reshape(-1, 4), np.array(self._sizes, float).reshape(-1, 2)
        num, num_outside, num_cut = len(numbers), len(self.dropped), len(self.clipped)
        num_misfits = _count_misfits(numbers, self._convention, sizes)
        are_most = num_outside > _MOST * num or num_misfits > max(_MOST * num, _LEAST)
        if not are_most and num_misfits <= max(_MANY * num, _LEAST):
            return
        misfits = {other: _count_misfits(numbers, other, sizes) for other in _CONVENTIONS if other != self._convention}
        fewest = min(misfits.values())
        if not are_most and fewest > _FEW * num:
            return
        fault = (
            f"{where}: as {self._convention}, {num_misfits} of {num} boxes do not fit their image ({num_outside} lie outside, "
            f"{num_cut} reach over the edge, {num_misfits - num_outside - num_cut} are smaller than a pixel)"
        )
        self.clipped, self.dropped = [], []
        if fewest > _FEW * num:
            raise InputError(f"{fault}: correct them.")
        better = ", or as ".join(other for other, count in misfits.items() if count == fewest)
        remedy = (
            "convert them" if num_outside >= num_cut else "convert them, or if they are right, cut them at the edge"
        )
        raise InputError(f"{fault}, but {num - fewest} fit as {better}: {remedy}.")


def _count_misfits(numbers: np.ndarray, convention: str, sizes: np.ndarray) -> int:
    """How many boxes have a part outside the image, or where they are in pixels a side of less than one."""
    with np.errstate(all="ignore"):
        corners = to_corners(numbers, convention, sizes)
        fits = (np.abs(np.clip(corners, 0, 1) - corners) <= _ROUNDING).all(axis=1)
        sides = (corners[:, 2:] - corners[:, :2]) * (sizes if convention.endswith(_PIXELS) else 1)
        fits &= (sides >= 1 if convention.endswith(_PIXELS) else sides > 0).all(axis=1)
    return int((~fits).sum())
