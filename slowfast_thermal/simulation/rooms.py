"""Rooms: floor, walls and furniture, and how warm each is.

Letters: H, W pixels. x and y run from the middle of the room, z up from the floor; metres and degrees Celsius.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.simulation.cameras import Camera
from slowfast_thermal.simulation.parameters import Range, RoomPrior, draw

_CEILING = 3.5


class Box(NamedTuple):
    """A thing with a flat top: middle of its base, half its length, width and all of its height, turned by `yaw`."""

    middle: np.ndarray
    half: np.ndarray
    height: float
    yaw: float
    celsius: float


class Spot(NamedTuple):
    """Somewhere to sit or lie: its middle, the height, and the direction to which who sits there looks."""

    x: float
    y: float
    height: float
    yaw: float


class Trace(NamedTuple):
    """A patch that someone warmed, and how fast it cools."""

    place: np.ndarray
    radius: float
    celsius: float
    seconds: float


class Room(NamedTuple):
    """A room without people.

    Attributes:
        size: (2,) metres.
        celsius: of the floor's middle.
        gradient: (2,) change over the room.
        stratification: warmer walls at the ceiling.
        stains: (6, 4) waves: of x, of y, of z, and phase; and their amplitude is `stain`.
        patches: (left, right, near, far, Celsius) of other floors.
        boxes: furniture, things, radiators and windows.
        seats, beds: where people sit and lie.
        trace: what someone left, or None.
    """

    size: np.ndarray
    celsius: float
    gradient: np.ndarray
    stratification: float
    stains: np.ndarray
    stain: float
    patches: np.ndarray
    boxes: list[Box]
    seats: list[Spot]
    beds: list[Spot]
    trace: Trace | None

    @classmethod
    def draw(cls, rng: Generator, prior: RoomPrior) -> "Room":
        size = rng.uniform(*prior.size, 2)
        boxes: list[Box] = []
        beds, seats = [], []
        if rng.random() < prior.bed:
            beds.append(_bed(rng, prior, size, boxes))
        seats = [_seat(rng, prior, size, boxes) for _ in range(_count(rng, prior.seats))]
        for _ in range(_count(rng, prior.furniture)):
            wall = rng.random() < 0.7
            place = _place(rng, size, 0.75 if wall else 0.0, 0.98 if wall else 0.6)
            half = rng.uniform([0.15, 0.15], [0.7, 0.45])
            boxes.append(
                Box(place, half, rng.uniform(0.3, 1.6 if wall else 0.8), _yaw(rng), draw(rng, prior.furniture_celsius))
            )
        for _ in range(_count(rng, prior.things)):
            small = rng.uniform(0.04, 0.15, 2)
            celsius = draw(rng, prior.thing_celsius) * rng.random()
            boxes.append(Box(_place(rng, size, 0.2, 0.95), small, rng.uniform(0.05, 1.1), _yaw(rng), celsius))
        boxes += [_on_wall(rng, prior, size) for _ in range(_count(rng, prior.on_walls))]
        low, high = np.sort(rng.uniform(-0.5, 0.5, (2, _count(rng, prior.patches), 2)), axis=0) * size
        patch_celsius = rng.uniform(*prior.patch_celsius, len(low))
        trace = None
        if rng.random() < prior.trace:
            place = [*_place(rng, size, 0.0, 0.7), 0.02]
            trace = Trace(
                np.array(place), rng.uniform(0.15, 0.35), draw(rng, prior.trace_celsius), draw(rng, prior.trace_seconds)
            )
        return cls(
            size,
            draw(rng, prior.celsius),
            rng.uniform(*prior.gradient, 2),
            draw(rng, prior.stratification),
            np.concatenate([rng.normal(0, 2.0, (6, 3)), rng.uniform(0, 2 * math.pi, (6, 1))], 1),
            draw(rng, prior.stains),
            np.column_stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1], patch_celsius]),
            boxes,
            seats,
            beds,
            trace,
        )

    def look(self, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """What a camera sees of the empty room: temperature and distance, (H, W) float32 each."""
        rays = np.ascontiguousarray(camera.rays().reshape(-1, 3).T)
        distance, (x, y, z) = self._walls(camera.place, rays)
        surface = self.celsius + x * (self.gradient[0] / self.size[0]) + y * (self.gradient[1] / self.size[1])
        surface += z * (self.stratification / _CEILING)
        for along_x, along_y, along_z, phase in self.stains:
            surface += self.stain / math.sqrt(3) * np.cos(along_x * x + along_y * y + along_z * z + phase)
        on_floor = z < 0.01
        for left, right, near, far, celsius in self.patches:
            surface += celsius * (on_floor & (x > left) & (x < right) & (y > near) & (y < far))
        for box in self.boxes:
            reached = _distance_to(box, camera.place, rays)
            nearer = reached < distance
            distance = np.where(nearer, reached, distance)
            surface = np.where(nearer, self.celsius + box.celsius, surface)
        shape = (camera.height, camera.width)
        return surface.reshape(shape).astype(np.float32), distance.reshape(shape).astype(np.float32)

    def _walls(self, place: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance along (3, M) rays to the room's inside, and the points (3, M) reached there."""
        distance = np.full(rays.shape[1], np.inf)
        for ray, start, low, high in zip(
            rays, place, (*-self.size / 2, 0.0), (*self.size / 2, max(_CEILING, place[2] + 0.2))
        ):
            ray = np.where(np.abs(ray) < 1e-6, 1e-6, ray)
            np.minimum(distance, (np.where(ray > 0, high, low) - start) / ray, out=distance)
        return distance, place[:, None] + distance * rays


def _count(rng: Generator, bounds: tuple[int, int]) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1))


def _yaw(rng: Generator) -> float:
    """Mostly along a wall."""
    return rng.integers(4) * math.pi / 2 + (rng.random() < 0.3) * rng.normal(0, 0.4)


def _place(rng: Generator, size: np.ndarray, nearest: float, farthest: float) -> np.ndarray:
    """A place between two parts of the way from the middle to the walls."""
    place = rng.uniform(-1, 1, 2)
    return place / np.abs(place).max() * rng.uniform(nearest, farthest) * size / 2


def _bed(rng: Generator, prior: RoomPrior, size: np.ndarray, boxes: list[Box]) -> Spot:
    height, yaw = draw(rng, prior.bed_height), _yaw(rng)
    place = np.clip(_place(rng, size, 0.3, 0.8), 1.0 - size / 2, size / 2 - 1.0)
    warmth = draw(rng, prior.furniture_celsius)
    boxes.append(Box(place, np.array([1.0, rng.uniform(0.42, 0.7)]), height, yaw, warmth))
    return Spot(*place, height, yaw)


def _seat(rng: Generator, prior: RoomPrior, size: np.ndarray, boxes: list[Box]) -> Spot:
    height, yaw = draw(rng, prior.seat_height), rng.uniform(-math.pi, math.pi)
    place = _place(rng, size, 0.1, 0.8)
    warmth, half = draw(rng, prior.furniture_celsius), rng.uniform(0.18, 0.3)
    boxes.append(Box(place, np.array([half, half]), height - 0.05, yaw, warmth))
    back = place - (half + 0.05) * np.array([math.cos(yaw), math.sin(yaw)])
    boxes.append(Box(back, np.array([0.05, half]), rng.uniform(0.7, 1.0), yaw, warmth))
    return Spot(*place, height, yaw)


def _on_wall(rng: Generator, prior: RoomPrior, size: np.ndarray) -> Box:
    wall, along = rng.integers(4), rng.uniform(-0.4, 0.4)
    middle = np.array([[0.5, along], [along, 0.5], [-0.5, along], [along, -0.5]][wall]) * size
    half = np.array([0.05, rng.uniform(0.2, 0.8)])
    return Box(middle, half, rng.uniform(0.5, 2.0), wall * math.pi / 2, _on_wall_celsius(rng, prior.on_wall_celsius))


def _on_wall_celsius(rng: Generator, bounds: Range) -> float:
    """Mostly small differences."""
    return draw(rng, bounds) * rng.random()


def _distance_to(box: Box, place: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Along (3, M) rays from a place to a box, infinite for those that miss it."""
    cosine, sine = math.cos(box.yaw), math.sin(box.yaw)
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    start = turn @ (place - [*box.middle, 0.0])
    enter, leave = np.zeros(rays.shape[1]), np.full(rays.shape[1], np.inf)
    for ray, begin, low, high in zip(turn @ rays, start, (*-box.half, 0.0), (*box.half, box.height)):
        ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
        first, second = (low - begin) / ray, (high - begin) / ray
        np.maximum(enter, np.minimum(first, second), out=enter)
        np.minimum(leave, np.maximum(first, second), out=leave)
    return np.where((enter < leave) & (enter > 0), enter, np.inf)
