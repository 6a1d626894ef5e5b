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
        part: rows and columns of the image.
        rows, columns: profiles (N, rows, K) and (N, K, columns).
        weights, nearness, celsius: (N, K).
    """

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
        columns, rows = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
        surface = distances[
            np.clip(rows, 0, camera.height - 1).astype(np.intp), np.clip(columns, 0, camera.width - 1).astype(np.intp)
        ]
        hidden = np.clip((distance - spheres.radii - surface) / _BEHIND, 0, 1)
        own = (_WIDTH * spheres.radii * scale) ** 2
        variance = (own + blur**2).astype(np.float32)
        # Blurring spreads a sphere's warmth over more pixels.
        weights = (_DENSITY * (1 - hidden) * own / variance).astype(np.float32)
        nearness = np.exp((distance.min() - distance) / _COVERING).astype(np.float32)
        reach = 3 * np.sqrt(variance.max())
        part = _reached(rows, reach, camera.height), _reached(columns, reach, camera.width)
        spread = (-0.5 / variance)[..., None]
        row_offsets = np.arange(part[0].start, part[0].stop, dtype=np.float32) + 0.5 - rows[..., None]
        column_offsets = np.arange(part[1].start, part[1].stop, dtype=np.float32) + 0.5 - columns[..., None]
        row_profiles = _bell(spread * row_offsets**2).transpose(0, 2, 1)
        return cls(
            part,
            np.ascontiguousarray(row_profiles),
            _bell(spread * column_offsets**2),
            weights,
            nearness,
            spheres.celsius.astype(np.float32),
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

    def warmth(self, background: np.ndarray, parts: list[slice]) -> np.ndarray:
        """(P, N, H, W) degrees Celsius by which what is seen of each of P parts of the spheres stands out of (H, W) surfaces."""
        near = self.weights * self.nearness
        own = np.zeros((2 * len(parts), *near.shape), np.float32)
        for index, part in enumerate(parts):
            own[2 * index, :, part] = near[:, part]
            own[2 * index + 1, :, part] = (near * self.celsius)[:, part]
        density, nearest, *sums = self.sums(self.weights, near, *own)
        result = np.zeros((len(parts), len(near), *background.shape), np.float32)
        cover = -np.expm1(-density) / (nearest + 1e-20)
        for index in range(len(parts)):
            seen, warm = sums[2 * index : 2 * index + 2]
            result[index][:, *self.part] = cover * (warm - seen * background[self.part])
        return result


def _bell(exponents: np.ndarray) -> np.ndarray:
    """Powers of e, none so small that the processor would be slow with their products."""
    return np.exp(np.maximum(exponents, -20, out=exponents), out=exponents)


def _reached(places: np.ndarray, reach: float, length: int) -> slice:
    """The pixels near any of the places."""
    start = int(np.clip(np.floor(places.min() - reach), 0, length - 1))
    return slice(start, int(np.clip(np.ceil(places.max() + reach), start + 1, length)))
