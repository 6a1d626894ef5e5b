"""The sensor: what it adds to the scene, when it reads, and what its link loses.

Letters: N frames, H, W pixels.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.simulation.parameters import SensorPrior, draw

NO_READING = -273.2


class Sensor(NamedTuple):
    """One sensor.

    Attributes:
        blur: standard deviation of the point spread, pixels.
        offset: (H, W) degrees Celsius that it adds to every frame: the ring, and each pixel's and column's own.
        deviation: (H, W) of the noise from frame to frame.
        frame_offset: standard deviation of a frame's offset.
        drift, period, phase: amplitude in degrees Celsius, seconds and radians of the slow drift.
        step: readings are multiples of this.
        dead: (K,) places in reading order of pixels that never read.
        lost: part of the frames that lose packets.
        packet: readings of a packet.
        interval: seconds between frames on average.
        jitter: relative deviation of the interval.
        burst: seconds between the frames of a burst, 0 for a sensor without bursts.
    """

    blur: float
    offset: np.ndarray
    deviation: np.ndarray
    frame_offset: float
    drift: float
    period: float
    phase: float
    step: float
    dead: np.ndarray
    lost: float
    packet: int
    interval: float
    jitter: float
    burst: float

    @classmethod
    def draw(cls, rng: Generator, prior: SensorPrior, height: int, width: int) -> "Sensor":
        offset = draw(rng, prior.pixel_offset) * rng.standard_normal((height, width))
        offset += draw(rng, prior.column_offset) * rng.standard_normal(width)
        deviation = np.full((height, width), draw(rng, prior.noise))
        if rng.random() < prior.ring:
            _add_ring(rng, prior, offset, deviation)
        dead = rng.random() < prior.dead_pixels
        count = int(rng.integers(prior.dead_count[0], prior.dead_count[1] + 1)) if dead else 0
        return cls(
            draw(rng, prior.blur),
            offset.astype(np.float32),
            deviation.astype(np.float32),
            draw(rng, prior.frame_offset),
            draw(rng, prior.drift),
            draw(rng, prior.drift_seconds),
            rng.uniform(0, 2 * math.pi),
            prior.step,
            rng.choice(height * width, count, replace=False),
            draw(rng, prior.lost_frames) if rng.random() < prior.lossy else 0.0,
            round(draw(rng, prior.packet) * height * width),
            draw(rng, prior.interval),
            draw(rng, prior.jitter),
            draw(rng, prior.burst_interval) if rng.random() < prior.bursts else 0.0,
        )

    def seconds(self, rng: Generator, length: float) -> np.ndarray:
        """(N,) times of the frames within `length` seconds, at irregular intervals of whole milliseconds."""
        count = math.ceil(1.3 * length / self.interval) + 16
        if self.burst:
            # A few quick frames, then a gap that keeps the average.
            intervals = self.burst * np.maximum(rng.normal(1, 0.25, count), 0.3)
            gaps = rng.random(count) < 0.2
            intervals[gaps] += rng.gamma(2.0, max(self.interval - self.burst, 0.01) / 0.4, gaps.sum())
        else:
            intervals = self.interval * np.maximum(rng.normal(1, self.jitter, count), 0.2)
        times = np.round(np.cumsum(intervals), 3)
        if times[-1] < length:
            return np.concatenate([times, times[-1] + self.seconds(rng, length - times[-1])])
        return times[times < length]

    def read(self, rng: Generator, frames: np.ndarray, seconds: np.ndarray) -> None:
        """Adds offsets, drift and noise to (N, H, W) float32 frames taken at (N,) seconds, in place."""
        frames += self.offset
        shared = self.drift * np.sin(2 * math.pi * seconds / self.period + self.phase)
        shared += self.frame_offset * rng.standard_normal(len(frames))
        frames += shared.astype(np.float32)[:, None, None]
        frames += self.deviation * _noise(rng, frames.shape)
        if self.step:
            np.round(frames * np.float32(1 / self.step), out=frames)
            frames *= np.float32(self.step)

    def lose(self, rng: Generator, frames: np.ndarray) -> None:
        """Dead pixels and lost packets of (N, H, W) frames, in place: what arrives after a lost packet moves up."""
        readings = frames.reshape(len(frames), -1)
        readings[:, self.dead] = NO_READING
        starts = np.arange(0, readings.shape[1], self.packet)
        for index in np.flatnonzero(rng.random(len(frames)) < self.lost):
            arrived = rng.random(len(starts)) > rng.choice([1 / len(starts), 0.5])
            kept = [readings[index, start : start + self.packet] for start, here in zip(starts, arrived) if here]
            whole = np.concatenate([*kept, np.zeros(0, np.float32)])
            readings[index, : len(whole)] = whole
            readings[index, len(whole) :] = NO_READING


@cache
def _much_noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(2**22, np.float32)


def _noise(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Independent standard normal numbers: a random part of many that are drawn once, which is faster."""
    size = math.prod(shape)
    many = _much_noise()
    if size > len(many) // 8:
        return rng.standard_normal(shape, np.float32)
    start = rng.integers(len(many) - size)
    return many[start : start + size].reshape(shape)


def _add_ring(rng: Generator, prior: SensorPrior, offset: np.ndarray, deviation: np.ndarray) -> None:
    """The warm ring where the view ends, and the cool noise behind it."""
    height, width = offset.shape
    rows, columns = np.mgrid[:height, :width] + 0.5
    middle = np.array([height, width]) / 2 + rng.normal(0, 0.02, 2) * width
    half = math.hypot(height, width) / 2
    away = np.hypot(rows - middle[0], columns - middle[1])
    radius, thickness = draw(rng, prior.ring_radius) * half, draw(rng, prior.ring_width) * half / 36
    offset += draw(rng, prior.ring_celsius) * np.exp(-0.5 * ((away - radius) / thickness) ** 2)
    behind = np.clip((away - radius - 1.5 * thickness) / (2 * half / 36), 0, 1)
    offset += behind * draw(rng, prior.behind_celsius)
    deviation += behind * draw(rng, prior.behind_noise)
