"""Cameras: from places in the room to pixels, and from pixels to rays.

A point at the angle a from the lens's axis falls on the image radius f tan(lens a) / lens, which is a pinhole for a lens of 1,
stereographic for 0.5 and an equidistant fisheye towards 0.

Letters: H, W pixels of the image.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.simulation.parameters import CameraPrior, draw

# Beyond this angle from the axis nothing is seen.
_WIDEST = math.radians(85)


class Camera(NamedTuple):
    """A sensor's place and lens.

    Attributes:
        place: (3,) metres.
        axes: (3, 3), rows are the image's right, its down, and the view's direction.
        focal: pixels a radian in the middle of the image.
        lens: as above.
        middle: (2,) column and row of the lens's axis, in pixels.
        height, width: of the image in pixels.
    """

    place: np.ndarray
    axes: np.ndarray
    focal: float
    lens: float
    middle: np.ndarray
    height: int
    width: int

    @classmethod
    def draw(cls, rng: Generator, prior: CameraPrior, room_size: np.ndarray, height: int, width: int) -> "Camera":
        """A camera in a room of (2,) metres that looks towards its middle, or straight down."""
        heading, turn = rng.uniform(-math.pi, math.pi, 2)
        away = draw(rng, prior.off_centre)
        tilt = math.radians(draw(rng, prior.tilt))
        towards = np.array([math.cos(heading), math.sin(heading), 0.0])
        reach = 0.5 / np.abs(towards[:2] / room_size).max()
        place = -away * reach * towards + [0.0, 0.0, draw(rng, prior.height)]
        view = math.sin(tilt) * towards - [0.0, 0.0, math.cos(tilt)]
        right = np.array([math.sin(heading), -math.cos(heading), 0.0])
        down = np.cross(view, right)
        if tilt < math.radians(20):
            # Who looks down knows no upper edge.
            right, down = (
                math.cos(turn) * right + math.sin(turn) * down,
                math.cos(turn) * down - math.sin(turn) * right,
            )
        lens = draw(rng, prior.lens)
        half = math.radians(draw(rng, prior.field_of_view)) / 2
        focal = width / 2 * lens / math.tan(lens * half)
        middle = np.array([width, height]) / 2 + [draw(rng, prior.shift), draw(rng, prior.shift)]
        return cls(place, np.stack([right, down, view]), focal, lens, middle, height, width)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where (..., 3) points fall.

        Returns:
            (..., 2) columns and rows in pixels, (...) distances in metres, (...) pixels a metre there; 0 for what is not seen.
        """
        seen = (points - self.place) @ self.axes.T
        across = np.hypot(seen[..., 0], seen[..., 1]) + 1e-9
        distance = np.hypot(across, seen[..., 2])
        angle = np.arctan2(across, seen[..., 2])
        visible = angle < _WIDEST
        angle = np.minimum(angle, _WIDEST)
        tangent = np.tan(self.lens * angle)
        radius = self.focal * tangent / self.lens
        columns_rows = self.middle + seen[..., :2] * (radius / across)[..., None]
        # Geometric mean of the scales along and across the image radius.
        scale = np.sqrt(self.focal * (1 + tangent**2) * radius / np.sin(angle)) / distance
        return columns_rows, distance, scale * visible

    def rays(self) -> np.ndarray:
        """(H, W, 3) directions of length 1 from the middle of each pixel."""
        rows, columns = np.mgrid[: self.height, : self.width] + 0.5
        x, y = columns - self.middle[0], rows - self.middle[1]
        radius = np.hypot(x, y) + 1e-9
        angle = np.minimum(np.arctan(self.lens * radius / self.focal) / self.lens, _WIDEST)
        seen = np.stack([np.sin(angle) * x / radius, np.sin(angle) * y / radius, np.cos(angle)], -1)
        return seen @ self.axes
