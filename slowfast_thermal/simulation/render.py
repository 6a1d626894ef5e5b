"""Rendering: warm spheres in front of a room.

A sphere is drawn as a round Gaussian, already blurred by the sensor, so that an image is a product of two thin matrices:
one of the spheres' profiles down the rows, one along the columns. Where spheres overlap, the nearer ones count
exponentially more, which stands for covering.

Letters: N frames, K spheres of all bodies, H, W pixels.
"""

from typing import NamedTuple

import numpy as np

from slowfast_thermal.simulation.cameras import Camera

# Standard deviation of a sphere's picture as part of its radius, and its density.
_WIDTH, _DENSITY = 0.62, 2.2
# Metres by which a nearer sphere outweighs another by e.
_COVERING = 0.2
# A sphere this far behind a surface is hidden by it, metres.
_BEHIND = 0.25


class Spheres(NamedTuple):
    """Warm things.

    Attributes:
        centres: (N, K, 3) metres.
        radii: (K,) metres.
        celsius: (N, K) degrees.
    """

    centres: np.ndarray
    radii: np.ndarray
    celsius: np.ndarray

    @classmethod
    def joined(cls, parts: list["Spheres"]) -> "Spheres":
        return cls(
            *(np.concatenate([getattr(p, name) for p in parts], axis) for name, axis in zip(cls._fields, (1, 0, 1)))
        )


class Splats(NamedTuple):
    """Spheres on the part of the image that they reach.

    Attributes:
        kept: which spheres they are, as indices; the others are out of sight.
        part: rows and columns of the image.
        rows, columns: profiles (N, rows, K) and (N, K, columns).
        weights, nearness, celsius: (N, K).
    """

    kept: np.ndarray
    part: tuple[slice, slice]
    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    nearness: np.ndarray
    celsius: np.ndarray

    @classmethod
    def of(cls, camera: Camera, spheres: Spheres, distances: np.ndarray, blur: float) -> "Splats":
        """The picture of spheres in front of surfaces at (H, W) distances, blurred by so many pixels."""
        places, distance, scale = camera.project(spheres.centres)
        own = (_WIDTH * spheres.radii * scale) ** 2
        far = 3 * np.sqrt(own + blur**2)
        size = np.array([camera.width, camera.height])
        near = ((places > -far[..., None]) & (places < size + far[..., None])).all(2) & (scale > 0)
        kept = np.flatnonzero(near.any(0))
        if not len(kept):
            kept = np.arange(1)
        places, distance, own, far = places[:, kept], distance[:, kept], own[:, kept], far[:, kept]
        columns, rows = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
        surface = distances[
            np.clip(rows, 0, camera.height - 1).astype(np.intp), np.clip(columns, 0, camera.width - 1).astype(np.intp)
        ]
        hidden = np.clip((distance - spheres.radii[kept] - surface) / _BEHIND, 0, 1)
        variance = (own + blur**2).astype(np.float32)
        # Blurring spreads a sphere's warmth over more pixels.
        weights = (_DENSITY * (1 - hidden) * own / variance).astype(np.float32)
        nearness = np.exp((distance.min() - distance) / _COVERING).astype(np.float32)
        reach = far.max()
        part = _reached(rows, reach, camera.height), _reached(columns, reach, camera.width)
        spread = (-0.5 / variance)[..., None]
        row_offsets = np.arange(part[0].start, part[0].stop, dtype=np.float32) + 0.5 - rows[..., None]
        column_offsets = np.arange(part[1].start, part[1].stop, dtype=np.float32) + 0.5 - columns[..., None]
        row_profiles = _bell(spread * row_offsets**2).transpose(0, 2, 1)
        return cls(
            kept,
            part,
            np.ascontiguousarray(row_profiles),
            _bell(spread * column_offsets**2),
            weights,
            nearness,
            spheres.celsius[:, kept].astype(np.float32),
        )

    def sums(self, *weights: np.ndarray) -> np.ndarray:
        """(M, N, rows, columns), the spheres' pictures added up with each of M weights (N, K)."""
        rows = np.concatenate([self.rows * each[:, None] for each in weights], 1)
        sums = rows @ self.columns
        return sums.reshape(len(rows), len(weights), -1, sums.shape[2]).swapaxes(0, 1)

    def draw(self, frames: np.ndarray) -> None:
        """Draws the spheres over (N, H, W) frames, in place."""
        near = self.weights * self.nearness
        density, nearest, warmth = self.sums(self.weights, near, near * self.celsius)
        frames = frames[:, *self.part]
        frames -= np.expm1(-density) * (warmth / (nearest + 1e-20) - frames)

    def warmth(self, background: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """What is seen of each of P bodies of one frame.

        Args:
            background: (H, W) degrees Celsius of the surfaces.
            owners: (K,) number of the body to which each sphere belongs, those out of sight too.

        Returns:
            (P, H, W) degrees Celsius by which what is seen of a body stands out.
        """
        count = owners.max() + 1
        near = self.weights * self.nearness
        belongs = (owners[self.kept] == np.arange(count)[:, None]).astype(np.float32)
        density, nearest, *sums = self.sums(
            self.weights, near, *(near * own for own in belongs), *(near * self.celsius * own for own in belongs)
        )
        result = np.zeros((count, *background.shape), np.float32)
        cover = -np.expm1(-density[0]) / (nearest[0] + 1e-20)
        for index, (seen, warm) in enumerate(zip(sums[:count], sums[count:])):
            result[index][self.part] = cover * (warm[0] - seen[0] * background[self.part])
        return result


def _bell(exponents: np.ndarray) -> np.ndarray:
    """Powers of e, none so small that the processor would be slow with their products."""
    return np.exp(np.maximum(exponents, -20, out=exponents), out=exponents)


def _reached(places: np.ndarray, reach: float, length: int) -> slice:
    """The pixels near any of the places."""
    start = int(np.clip(np.floor(places.min() - reach), 0, length - 1))
    return slice(start, int(np.clip(np.ceil(places.max() + reach), start + 1, length)))
