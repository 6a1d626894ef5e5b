"""Motions: what people do, as postures that follow each other, with a label for each span of time.

An activity is a function of a `Script` that goes on from the script's last pose; `ACTIVITIES` says in which posture it
starts and ends, and how often it is wanted. Labels are those of `labels`.

Angles as in `bodies.Pose`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.simulation import postures
from slowfast_thermal.simulation.bodies import JOINT_ANGLES, Pose
from slowfast_thermal.simulation.parameters import MotionPrior, Range, draw
from slowfast_thermal.simulation.rooms import Room, Spot

_PI = math.pi
_BACK, _FLAT = postures.BACK, postures.FLAT


class Interval(NamedTuple):
    """Seconds in which a person does something."""

    start: float
    end: float
    label: str


class Script:
    """What one person does, from its first second on.

    Args:
        rng: of all choices.
        prior: of the motions.
        room: where.
        begin: "upright", "seated", "bed" or "floor".
    """

    def __init__(self, rng: Generator, prior: MotionPrior, room: Room, begin: str = "upright"):
        self.rng, self.prior, self.room = rng, prior, room
        self.tempo = draw(rng, prior.tempo)
        self._spread = math.radians(draw(rng, prior.spread))
        self.spot: Spot | None = None
        self.seconds = 0.0
        self.pose = Pose(*self.anywhere(), yaw=self.turned())
        self.times: list[float] = []
        self.poses: list[Pose] = []
        self.intervals: list[Interval] = []
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None
        self._enter(begin)

    def _enter(self, posture: str) -> None:
        """The first pose, without a way to get there."""
        if posture == "seated":
            self.spot = self.any_seat()
            self.pose = self.pose._replace(x=self.spot.x, y=self.spot.y, yaw=self.spot.yaw, **postures.SEATED)
        elif posture == "bed":
            self.spot = self.any_bed()
            self.pose = self._lying_at(self.spot)
        elif posture == "floor":
            self.pose = self.pose._replace(**{**postures.SUPINE, **self.any_lying()})
        self.to(0.0)

    def enter_at(self, place: np.ndarray) -> None:
        """Begins at (2,) x and y; before anything else."""
        assert len(self.poses) == 1
        self.shift(place - self.poses[0][:2])
        self.pose = self.poses[0]

    # What activities are made of.

    def to(self, seconds: float, **fields: float) -> None:
        """Moves on to a posture; joint angles that are given, and only those, get the person's own spread."""
        for name in fields:
            if name in JOINT_ANGLES:
                fields[name] += self.rng.normal(0, self._spread)
        self.pose = self.pose._replace(**fields)
        self.seconds += max(seconds / self.tempo, 0.02)
        self.times.append(self.seconds)
        self.poses.append(self.pose)

    def keep(self, bounds: Range, liveliness: float, limbs: tuple[str, ...] = ()) -> None:
        """Keeps a posture for a time drawn from `bounds`; now and then some of the limbs move a little."""
        left = draw(self.rng, bounds)
        while left > 0:
            pause = min(self.rng.exponential(3.0) + 0.5, left)
            self.to(pause)
            left -= pause
            if liveliness and left > 0.5 and limbs:
                moved = [name for name in limbs if self.rng.random() < 0.5]
                step = self.rng.uniform(0.3, 1.0)
                self.to(step, **{name: getattr(self.pose, name) + self.rng.normal(0, liveliness) for name in moved})
                left -= step

    def label(self, start: float, label: str) -> None:
        """Says that from `start` until now the person did something."""
        if self.seconds > start:
            self.intervals.append(Interval(start, self.seconds, label))

    def change(self) -> float:
        return draw(self.rng, self.prior.change)

    def turned(self) -> float:
        return self.rng.uniform(-_PI, _PI)

    def anywhere(self) -> np.ndarray:
        return self.rng.uniform(-0.42, 0.42, 2) * self.room.size

    def any_seat(self) -> Spot:
        seats = self.room.seats
        return seats[self.rng.integers(len(seats))] if seats else Spot(*self.anywhere(), 0.45, self.turned())

    def any_bed(self) -> Spot:
        beds = self.room.beds
        return beds[self.rng.integers(len(beds))] if beds else Spot(*self.anywhere(), 0.45, self.turned())

    def any_lying(self) -> dict[str, float]:
        """How someone lies: on the back, a side or the belly, limbs more or less bent and spread."""
        rng = self.rng
        roll = rng.choice([0.0, 0.5 * _PI, -0.5 * _PI, _PI], p=[0.45, 0.2, 0.2, 0.15]) + rng.normal(0, 0.15)
        on_side = abs(abs(roll) - 0.5 * _PI) < 0.5
        bend = rng.uniform(0, 1.2 if on_side else 0.5, 2) * (rng.random(2) < 0.6)
        arms = rng.uniform(-0.3, 1.2 if on_side else 0.4, 2)
        fields = {"roll": roll, "left_thigh": _FLAT + bend[0], "left_shin": _FLAT - 1.2 * bend[0]}
        fields |= {"right_thigh": _FLAT + bend[1], "right_shin": _FLAT - 1.2 * bend[1]}
        fields |= {"left_arm": _FLAT + arms[0], "right_arm": _FLAT + arms[1], "left_forearm": _FLAT + 1.5 * arms[0]}
        fields |= {"right_forearm": _FLAT + 1.5 * arms[1], "arms_apart": rng.uniform(0, 1.0) ** 2 * 1.4}
        fields["feet"] = 0.1 if abs(roll) > 2 else 1.0
        return fields | {"legs_apart": rng.uniform(0.02, 0.4), "torso": _BACK + on_side * rng.normal(0, 0.25)}

    def _lying_at(self, bed: Spot) -> Pose:
        place = {"x": bed.x, "y": bed.y, "support": bed.height, "yaw": bed.yaw, "cover": float(self.rng.random() < 0.4)}
        return self.pose._replace(**{**postures.SUPINE, **self.any_lying(), **place})

    def towards(self, place: np.ndarray) -> float:
        """The direction of a place, as the nearest turn from the present one."""
        direction = math.atan2(place[1] - self.pose.y, place[0] - self.pose.x)
        return self.pose.yaw + math.remainder(direction - self.pose.yaw, 2 * _PI)

    def face(self, yaw: float) -> float:
        return self.pose.yaw + math.remainder(yaw - self.pose.yaw, 2 * _PI)

    def walk_to(self, place: np.ndarray, **fields: float) -> None:
        """Turns and walks, without a label."""
        distance = math.hypot(place[0] - self.pose.x, place[1] - self.pose.y)
        yaw = self.towards(place)
        self.to(0.2 + 0.4 * abs(yaw - self.pose.yaw), yaw=yaw, **{**postures.UPRIGHT, "gait": 1.0, **fields})
        self.to(distance / draw(self.rng, self.prior.speed) + 0.2, x=place[0], y=place[1])

    def shift(self, way: np.ndarray) -> None:
        """Moves all of it by (2,) metres."""
        self.poses = [pose._replace(x=pose.x + way[0], y=pose.y + way[1]) for pose in self.poses]
        self._arrays = None

    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and poses as arrays, made anew when there are more."""
        if self._arrays is None or len(self._arrays[0]) != len(self.times):
            self._arrays = np.array(self.times), np.array(self.poses)
        return self._arrays

    def poses_at(self, seconds: np.ndarray, sway: float) -> np.ndarray:
        """(N, fields of Pose) at (N,) seconds: smooth from each posture to the next, with the legs' and the hand's swing."""
        times, knots = self._knots()
        after = np.clip(np.searchsorted(times, seconds), 1, len(times) - 1)
        part = np.clip((seconds - times[after - 1]) / (times[after] - times[after - 1]), 0, 1)
        smooth = (part * part * (3 - 2 * part))[:, None]
        poses = (1 - smooth) * knots[after - 1] + smooth * knots[after]
        # Who walks does so evenly.
        walking = (knots[after, _GAIT] * knots[after - 1, _GAIT])[:, None] * part[:, None]
        walked = (1 - part[:, None]) * knots[after - 1, :2] + part[:, None] * knots[after, :2]
        poses[:, :2] = np.where(walking > 0, walked, poses[:, :2])

        way = np.concatenate([[0.0], np.hypot(*np.diff(knots[:, :2], axis=0).T).cumsum()])
        gone, earlier, later = (np.interp(seconds + shift, times, way) for shift in (0.0, -0.2, 0.2))
        swing = poses[:, _GAIT] * np.minimum((later - earlier) / 0.4, 1.0) * 0.5
        phase = 2 * _PI * gone / 1.2
        lift = np.cos(phase)
        for side, sign in (("left", 1), ("right", -1)):
            leg = sign * swing * np.sin(phase)
            poses[:, _INDEX[f"{side}_thigh"]] += leg
            poses[:, _INDEX[f"{side}_shin"]] += leg - swing * np.maximum(sign * lift, 0)
            poses[:, _INDEX[f"{side}_arm"]] -= leg
            poses[:, _INDEX[f"{side}_forearm"]] -= leg
        beat = 2 * _PI * (0.5 + 0.5 * self.tempo) * seconds
        poses[:, _INDEX["right_arm"]] += 0.35 * poses[:, _WAVE] * np.sin(beat)
        poses[:, _INDEX["right_forearm"]] += 0.8 * poses[:, _WAVE] * np.sin(beat)
        poses[:, _INDEX["torso"]] += math.radians(sway) * np.sin(1.3 * seconds + way[-1])
        return poses


_INDEX = {name: index for index, name in enumerate(Pose._fields)}
_GAIT, _WAVE = _INDEX["gait"], _INDEX["wave"]


class Activity(NamedTuple):
    """A motion, the label it is wanted for, its weight among all, and the postures before and after."""

    perform: Callable[[Script], None]
    label: str
    weight: float
    start: str = "upright"
    end: str = "upright"
