"""Scenes: a room, its sensor and the people in it, as frames and as what an annotator would say of them.

Letters: N frames, K spheres of a body, H, W pixels, P people.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from slowfast_thermal.simulation.activities import ACTIVITIES
from slowfast_thermal.simulation.bodies import Body
from slowfast_thermal.simulation.cameras import Camera
from slowfast_thermal.simulation.motions import Activity, Script
from slowfast_thermal.simulation.parameters import Parameters, PeoplePrior, draw
from slowfast_thermal.simulation.render import Spheres, Splats
from slowfast_thermal.simulation.rooms import Room
from slowfast_thermal.simulation.sensor import Sensor

# A person is where the frame is warmer by this, degrees Celsius; who shows on fewer pixels has no box.
BOX_CELSIUS = 1.5
_MIN_PIXELS = 5


class Person:
    """A body with a script.

    Attributes:
        body: its size and warmth.
        script: what it does.
    """

    def __init__(self, rng: Generator, prior: Parameters, room: Room, begin: str = "upright"):
        self.body = Body.draw(rng, prior.body)
        self.script = Script(rng, prior.motion, room, begin)
        self._sway = draw(rng, prior.motion.sway)

    def spheres(self, seconds: np.ndarray, celsius: float) -> Spheres:
        """At (N,) seconds in a room of so many degrees Celsius."""
        centres, radii, excess = self.body.spheres(self.script.poses_at(seconds, self._sway))
        return Spheres(centres, radii, celsius + excess)

    def move(self, moment: float, there: np.ndarray) -> None:
        """Moves all that the person does so that it happens at (2,) `there` at a moment."""
        self.script.shift(there - self.script.poses_at(np.array([moment]), 0)[0, :2])

    def label_at(self, second: float) -> str:
        """What the person does at a moment, or did last."""
        begun = [interval for interval in self.script.intervals if interval.start <= second]
        return (begun or self.script.intervals)[-1 if begun else 0].label


class Place:
    """A room without people, and the sensor that looks into it.

    Args:
        rng: of all choices.
        prior: their ranges.
        height, width: of the frames in pixels.

    Attributes:
        celsius, distance: (H, W) float32 of what the sensor looks at, blurred.
    """

    def __init__(self, rng: Generator, prior: Parameters, height: int, width: int):
        self.prior = prior
        self.room = Room.draw(rng, prior.room)
        self.camera = Camera.draw(rng, prior.camera, self.room.size, height, width)
        self.sensor = Sensor.draw(rng, prior.sensor, height, width)
        celsius, self.distance = self.room.look(self.camera)
        self.celsius = gaussian_filter(celsius, self.sensor.blur, mode="nearest")

    @property
    def background(self) -> np.ndarray:
        """(H, W) float32 degrees Celsius of the empty room, as the sensor shows it without noise."""
        return self.celsius + self.sensor.offset


class Scene:
    """A place with people, of whom there may be none.

    Args:
        rng: of all choices.
        place: where.
    """

    def __init__(self, rng: Generator, place: Place):
        self.rng, self.place = rng, place
        self.people: list[Person] = []
        self._pet = _Pet(rng, place.room) if rng.random() < place.prior.people.pet else None

    def add_person(self, begin: str = "upright") -> Person:
        self.people.append(Person(self.rng, self.place.prior, self.place.room, begin))
        return self.people[-1]

    @property
    def numbers(self) -> list[int]:
        """A number for each of the people, by which they are known throughout."""
        return list(range(len(self.people)))

    def frames(self, seconds: np.ndarray) -> np.ndarray:
        """(N, H, W) float32 degrees Celsius at (N,) seconds, all readings there."""
        place, room = self.place, self.place.room
        frames = np.repeat(place.celsius[None], len(seconds), 0)
        parts = [person.spheres(seconds, room.celsius) for person in self.people]
        if self._pet:
            parts.append(self._pet.spheres(seconds, room.celsius))
        if trace := room.trace:
            warmth = room.celsius + trace.celsius * np.exp(-seconds / trace.seconds)
            parts.append(Spheres(np.tile(trace.place, (len(seconds), 1, 1)), np.array([trace.radius]), warmth[:, None]))
        if parts:
            Splats.of(place.camera, Spheres.joined(parts), place.distance, place.sensor.blur).draw(frames)
        place.sensor.read(self.rng, frames, seconds)
        return frames

    def boxes(self, second: float) -> np.ndarray:
        """(P, 4) x1, y1, x2, y2 in pixels around what is seen of each person at a moment; zeros for who is not seen."""
        if not self.people:
            return np.zeros((0, 4), np.float32)
        place = self.place
        parts = [person.spheres(np.array([second]), place.room.celsius) for person in self.people]
        splats = Splats.of(place.camera, Spheres.joined(parts), place.distance, place.sensor.blur)
        owners = np.repeat(np.arange(len(parts)), [len(part.radii) for part in parts])
        return np.stack([_extent(mask) for mask in splats.warmth(place.celsius, owners) > BOX_CELSIUS])


class _Pet:
    """A cat or dog that walks between a few places and rests there: four spheres in a row."""

    def __init__(self, rng: Generator, room: Room):
        self._places = rng.uniform(-0.45, 0.45, (8, 2)) * room.size
        self._pause = rng.uniform(5, 40)
        self._excess = rng.uniform(3, 8)
        self._size = rng.uniform(0.08, 0.14)

    def spheres(self, seconds: np.ndarray, celsius: float) -> Spheres:
        walked = seconds / self._pause
        before = np.floor(walked).astype(int) % len(self._places)
        part = np.clip((walked % 1) * 4, 0, 1)[:, None]
        start, end = self._places[before - 1], self._places[before]
        place = (1 - part) * start + part * end
        way = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True)
        along = self._size * np.arange(4)
        centres = np.concatenate(
            [place[:, None] + along[:, None] * way[:, None], np.full((len(seconds), 4, 1), 1.2 * self._size)], 2
        )
        return Spheres(centres, np.full(4, self._size), np.full((len(seconds), 4), celsius + self._excess))


def _extent(mask: np.ndarray) -> np.ndarray:
    """x1, y1, x2, y2 around what is set, (4,) float32."""
    if mask.sum() < _MIN_PIXELS:
        return np.zeros(4, np.float32)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def choose(rng: Generator, names: Sequence[str]) -> str:
    """One of these activities, by their weights."""
    weights = np.array([ACTIVITIES[name].weight for name in names])
    return names[rng.choice(len(names), p=weights / weights.sum())]


def _draw_count(rng: Generator, prior: PeoplePrior) -> int:
    return 1 + int(rng.choice(len(prior.count), p=prior.count))


def go_on(rng: Generator, script: Script, posture: str) -> str:
    """Lets a person in a posture do something that fits, often something that ends it; returns the posture afterwards."""
    names = [name for name, each in ACTIVITIES.items() if each.start == posture]
    if posture != "upright" and rng.random() < 0.4:
        names = [name for name in names if ACTIVITIES[name].end != posture]
    activity = ACTIVITIES[choose(rng, names)]
    activity.perform(script)
    return activity.end


def act(rng: Generator, person: Person, begin: str, seconds: float) -> None:
    """Fills so many seconds of a person's script with activities, from a posture on."""
    posture = begin
    while person.script.seconds < seconds:
        posture = go_on(rng, person.script, posture)


def long_scene(rng: Generator, place: Place, seconds: float) -> Scene:
    """A scene in which everyone is busy for so many seconds, one activity after another."""
    scene = Scene(rng, place)
    for _ in range(_draw_count(rng, place.prior.people)):
        act(rng, scene.add_person(), "upright", seconds)
    return scene


def clip_scene(rng: Generator, place: Place, span: float, wanted: str = "") -> tuple[Scene, float]:
    """A scene around one moment, in which the first person is seen.

    Args:
        rng: of all choices.
        place: where.
        span: seconds that are wanted before and after the moment.
        wanted: the activity of the first person at the moment; by default drawn by weight.

    Returns:
        The scene and the moment, in seconds.
    """
    name = wanted or choose(rng, list(ACTIVITIES))
    while True:
        scene = Scene(rng, place)
        moment = _direct(rng, scene, ACTIVITIES[name], span)
        if scene.boxes(moment)[0].any():
            return scene, moment
        # Beds and seats may be out of sight; then it happens where it can be seen.
        scene.people[0].move(moment, in_sight(rng, place))
        if scene.boxes(moment)[0].any():
            return scene, moment


def in_sight(rng: Generator, place: Place) -> np.ndarray:
    """(2,) x and y of what a random pixel not far from the middle shows."""
    row, column = (int(rng.uniform(0.15, 0.85) * length) for length in place.distance.shape)
    ray = place.camera.rays()[row, column]
    return (place.camera.place + place.distance[row, column] * ray)[:2]


def _direct(rng: Generator, scene: Scene, activity: Activity, span: float) -> float:
    """Lets a first person do something in a scene, among others; returns the moment to look at."""
    before = [each for each in ACTIVITIES.values() if each.end == activity.start]
    previous = before[rng.integers(len(before))] if rng.random() < 0.6 else None
    first = scene.add_person(previous.start if previous else activity.start)
    script = first.script
    if previous:
        previous.perform(script)
    since = script.seconds
    activity.perform(script)
    spans = [each for each in script.intervals if each.label == activity.label and each.start >= since]
    chosen = spans[rng.integers(len(spans))]
    moment = rng.uniform(chosen.start, chosen.end)
    posture = activity.end
    while script.seconds < moment + span:
        posture = go_on(rng, script, posture)
    for _ in range(_draw_count(rng, scene.place.prior.people) - 1):
        _add_company(rng, scene, first, moment, moment + span)
    return moment


def _add_company(rng: Generator, scene: Scene, first: Person, moment: float, until: float) -> None:
    """Another person, often near the first one at the moment."""
    begin = ("upright", "seated", "floor", "bed")[rng.choice(4, p=[0.7, 0.1, 0.15, 0.05])]
    other = scene.add_person(begin)
    act(rng, other, begin, rng.uniform(0.0, 30.0) + until)
    if rng.random() < scene.place.prior.people.meet:
        here = first.script.poses_at(np.array([moment]), 0)[0, :2]
        direction, distance = rng.uniform(-math.pi, math.pi), draw(rng, scene.place.prior.people.distance)
        other.move(moment, here + distance * np.array([math.cos(direction), math.sin(direction)]))
