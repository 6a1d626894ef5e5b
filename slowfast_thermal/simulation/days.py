"""Hours of a room: nobody there for long, everyday life, and now and then someone on the floor.

Letters: N frames, H, W pixels, P people.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.simulation import labels
from slowfast_thermal.simulation.activities import ACTIVITIES
from slowfast_thermal.simulation.motions import Activity, Interval
from slowfast_thermal.simulation.parameters import MotionPrior, Range, draw
from slowfast_thermal.simulation.render import Spheres
from slowfast_thermal.simulation.scenes import Person, Place, Scene, choose, in_sight

# Postures are kept for as long as people keep them at home, seconds at a tempo of 1.
_LONG = {"upright": (2.0, 30.0), "seated": (60.0, 600.0), "low": (2.0, 20.0), "lying": (30.0, 300.0)}
# Who enters comes from so far behind a wall, metres, where no sensor sees them.
_OUTSIDE = 1.2
# Times that a visit is drawn anew until its fall happens where it is seen.
_TRIES = 30


@dataclass(frozen=True)
class DayPrior:
    """What happens in a room in the course of hours. Ranges in seconds."""

    # Nobody is there, from one visit to the next.
    empty: Range = (120.0, 2400.0)
    # A visit, without what a fall adds to it.
    visit: Range = (60.0, 1500.0)
    # Probability that someone comes along.
    company: float = 0.25
    # People on the floor an hour, on average.
    falls: float = 1.0


class Visitor(NamedTuple):
    """Someone who enters at the second `start` and has left at `end`."""

    person: Person
    start: float
    end: float

    @property
    def intervals(self) -> list[Interval]:
        """What they do, in seconds of the day."""
        return [Interval(self.start + i.start, self.start + i.end, i.label) for i in self.person.script.intervals]

    def spheres(self, seconds: np.ndarray, celsius: float) -> Spheres:
        return self.person.spheres(seconds - self.start, celsius)

    def label_at(self, second: float) -> str:
        return self.person.label_at(second - self.start)


class Day(Scene):
    """A place over so many seconds.

    Args:
        rng: of all choices.
        place: where.
        seconds: how long.
        prior: of what happens.

    Attributes:
        visitors: everyone who comes, by the time at which they enter.
    """

    def __init__(self, rng: Generator, place: Place, seconds: float, prior: DayPrior = DayPrior()):
        super().__init__(rng, place)
        self.visitors: list[Visitor] = []
        # A visit and the pause before it take so long on average.
        falls = prior.falls / 3600 * (sum(prior.empty) + sum(prior.visit)) / 2
        time = rng.random() * draw(rng, prior.empty)
        while time < seconds:
            falling = rng.random() < falls
            first = self._visitor(time, draw(rng, prior.visit), falling)
            self.visitors.append(first)
            if rng.random() < prior.company:
                begin = rng.uniform(time, first.end)
                self.visitors.append(self._visitor(begin, draw(rng, prior.visit), False))
            time = max(visitor.end for visitor in self.visitors) + draw(rng, prior.empty)

    @property
    def numbers(self) -> list[int]:
        """See `Scene.numbers`; places in `visitors`."""
        return [self.visitors.index(visitor) for visitor in self.people]

    def present(self, start: float, end: float) -> list[Visitor]:
        """Who is there at any time from `start` to `end`."""
        return [visitor for visitor in self.visitors if visitor.start <= end and visitor.end >= start]

    def frames(self, seconds: np.ndarray) -> np.ndarray:
        """See `Scene.frames`; the times rise, and should span minutes at most."""
        self.people = self.present(seconds[0], seconds[-1])
        return super().frames(seconds)

    def boxes(self, second: float) -> np.ndarray:
        """See `Scene.boxes`; of those who are `present`."""
        self.people = self.present(second, second)
        return super().boxes(second)

    def _visitor(self, start: float, length: float, falling: bool) -> Visitor:
        for _ in range(_TRIES):
            person, lying = self._visit(length, falling)
            visitor = Visitor(person, start, start + person.script.seconds)
            self.people = [visitor]
            if not falling or super().boxes(start + lying)[0].any():
                break
        return visitor

    def _visit(self, length: float, falling: bool) -> tuple[Person, float]:
        """Someone who enters, lives, may fall, and leaves; and a moment at which they lie on the floor."""
        rng, place = self.rng, self.place
        prior = replace(place.prior, motion=_at_home(place.prior.motion))
        person = Person(rng, prior, place.room)
        script = person.script
        door = _outside(rng, place.room.size)
        script.enter_at(door)
        start = script.seconds
        script.walk_to(script.anywhere())
        script.label(start, labels.WALKING)
        fall_at, lying = rng.uniform(0, length) if falling else math.inf, 0.0
        posture = "upright"
        while script.seconds < length or fall_at < math.inf or posture != "upright":
            if posture == "upright" and script.seconds >= fall_at:
                lying, fall_at = _on_the_floor(rng, person, place), math.inf
            else:
                activity = _next(rng, posture, leaving=script.seconds >= min(length, fall_at))
                activity.perform(script)
                posture = activity.end
        start = script.seconds
        script.walk_to(door)
        script.label(start, labels.WALKING)
        return person, lying


def _at_home(prior: MotionPrior) -> MotionPrior:
    return replace(prior, **_LONG)


def _outside(rng: Generator, size: np.ndarray) -> np.ndarray:
    """(2,) x and y behind a wall of a room of (2,) metres."""
    place = rng.uniform(-0.4, 0.4, 2) * size
    axis, side = rng.integers(2), rng.choice([-1, 1])
    place[axis] = side * (size[axis] / 2 + _OUTSIDE)
    return place


def _next(rng: Generator, posture: str, leaving: bool) -> Activity:
    """What fits a posture and does not lead onto the floor; who wants to leave gets up."""
    fitting = {name: each for name, each in ACTIVITIES.items() if each.start == posture and each.end != "floor"}
    if leaving and posture != "upright":
        fitting = {name: each for name, each in fitting.items() if each.end == "upright"}
    return ACTIVITIES[choose(rng, list(fitting))]


def _on_the_floor(rng: Generator, person: Person, place: Place) -> float:
    """Falls or gets down where the sensor looks, lies there, and gets up; returns a moment of lying."""
    script = person.script
    start = script.seconds
    script.walk_to(np.clip(in_sight(rng, place), -0.42 * place.room.size, 0.42 * place.room.size))
    script.label(start, labels.WALKING)
    ACTIVITIES[choose(rng, ["fall", "get down"])].perform(script)
    start = script.seconds
    ACTIVITIES["lie on the floor"].perform(script)
    lying = (start + script.seconds) / 2
    if rng.random() < 0.3:
        ACTIVITIES["turn over on the floor"].perform(script)
    ACTIVITIES["get up"].perform(script)
    return lying
