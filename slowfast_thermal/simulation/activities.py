"""Activities: the motions themselves. A new one is a function of a script and a line in `ACTIVITIES`."""

import math

import numpy as np

from slowfast_thermal.simulation import labels, postures
from slowfast_thermal.simulation.motions import Activity, Script
from slowfast_thermal.simulation.parameters import draw

_ARMS = ("left_arm", "left_forearm", "right_arm", "right_forearm")
_LEGS = ("left_thigh", "left_shin", "right_thigh", "right_shin")


def stand(script: Script) -> None:
    start = script.seconds
    for _ in range(script.rng.integers(1, 4)):
        script.to(script.rng.uniform(0.4, 1.0), **postures.UPRIGHT, yaw=script.pose.yaw + script.rng.normal(0, 0.5))
        script.keep(script.prior.upright, 0.3, (*_ARMS, "head"))
    script.label(start, labels.STANDING)


def walk(script: Script) -> None:
    start = script.seconds
    for _ in range(script.rng.integers(1, 4)):
        script.walk_to(script.anywhere())
    script.label(start, labels.WALKING)
    script.to(0.3, gait=0.0)


def walk_near(script: Script, place: np.ndarray) -> None:
    """Walks up to a place, unless the person is there."""
    if math.hypot(place[0] - script.pose.x, place[1] - script.pose.y) > 0.3:
        start = script.seconds
        script.walk_to(place)
        script.label(start, labels.WALKING)


def carry(script: Script) -> None:
    start = script.seconds
    arms = {"left_arm": 0.2, "right_arm": 0.2, "left_forearm": 1.5, "right_forearm": 1.5}
    script.to(0.8, **arms)
    for _ in range(script.rng.integers(1, 3)):
        script.walk_to(script.anywhere(), **arms)
    script.label(start, labels.OTHER)
    script.to(0.5, **postures.UPRIGHT)


def push_a_walker(script: Script) -> None:
    start = script.seconds
    arms = {"left_arm": 0.7, "right_arm": 0.7, "left_forearm": 0.9, "right_forearm": 0.9, "torso": 2.85}
    speed = script.tempo
    script.tempo = 0.5 * speed
    script.to(0.5, **arms)
    script.walk_to(script.anywhere(), **arms)
    script.tempo = speed
    script.label(start, labels.OTHER)
    script.to(0.5, **postures.UPRIGHT)


def wave(script: Script) -> None:
    start = script.seconds
    script.to(0.8, right_arm=2.4, right_forearm=2.9, wave=1.0)
    script.keep(script.prior.low, 0.0)
    script.label(start, labels.OTHER)
    script.to(0.8, **postures.UPRIGHT)


def lean(script: Script) -> None:
    side = script.rng.choice([-1, 1])
    script.to(0.8, roll=side * script.rng.uniform(0.2, 0.45), torso=script.rng.uniform(2.7, 3.3))
    start = script.seconds
    script.keep(script.prior.upright, 0.2, _ARMS)
    script.label(start, labels.LEANING)
    script.to(0.8, **postures.UPRIGHT)


def _lower(script: Script, posture: dict[str, float], label: str, limbs: tuple[str, ...], liveliness: float) -> None:
    """Goes down to a posture, stays there, gets up."""
    start = script.seconds
    script.to(script.change(), **{**postures.UPRIGHT, **posture})
    script.label(start, labels.CHANGING)
    start = script.seconds
    script.keep(script.prior.low, liveliness, limbs)
    script.label(start, label)
    start = script.seconds
    script.to(script.change(), **postures.UPRIGHT)
    script.label(start, labels.CHANGING)


def bend(script: Script) -> None:
    start = script.seconds
    script.to(0.7 * script.change(), **{**postures.BENT, "torso": script.rng.uniform(1.3, 2.4)})
    script.keep((1.0, 5.0), 0.4, (*_ARMS, "torso"))
    script.to(0.4 * script.change(), torso=2.6)
    script.label(start, labels.BENDING)
    script.to(0.4 * script.change(), **postures.UPRIGHT)


def crouch(script: Script) -> None:
    _lower(script, postures.CROUCHED, labels.CROUCHING, (*_ARMS, "torso"), 0.3)


def kneel(script: Script) -> None:
    posture = [postures.KNEELING_UP, postures.ON_HEELS, {**postures.KNEELING_UP, "left_thigh": 1.5, "left_shin": 0.0}][
        script.rng.integers(3)
    ]
    torso = {"torso": script.rng.uniform(2.0, 3.1)}
    _lower(script, {**posture, **torso}, labels.KNEELING, (*_ARMS, "torso", "head"), 0.35)


def sit_on_floor(script: Script) -> None:
    _lower(script, postures.ON_FLOOR, labels.LOW, (*_ARMS, *_LEGS), 0.2)


def crawl(script: Script) -> None:
    start = script.seconds
    script.to(script.change(), **{**postures.UPRIGHT, **postures.ON_ALL_FOURS})
    script.label(start, labels.CHANGING)
    start = script.seconds
    for _ in range(script.rng.integers(1, 3)):
        script.keep((0.5, 3.0), 0.2, _ARMS)
        way = script.rng.uniform(0.2, 1.2)
        yaw = script.pose.yaw + script.rng.normal(0, 0.6)
        place = {"x": script.pose.x + way * math.cos(yaw), "y": script.pose.y + way * math.sin(yaw)}
        script.to(1.0, yaw=yaw, gait=0.7)
        script.to(way / 0.4, **place)
        script.to(0.2, gait=0.0)
    script.label(start, labels.LOW)
    start = script.seconds
    script.to(script.change(), **postures.UPRIGHT)
    script.label(start, labels.CHANGING)


def sit_down(script: Script) -> None:
    script.spot = spot = script.any_seat()
    front = np.array([spot.x + 0.35 * math.cos(spot.yaw), spot.y + 0.35 * math.sin(spot.yaw)])
    walk_near(script, front)
    start = script.seconds
    script.to(0.6 + 0.3 * abs(script.face(spot.yaw) - script.pose.yaw), yaw=script.face(spot.yaw), **postures.UPRIGHT)
    script.to(
        0.6 * script.change(),
        **{**postures.SEATED, "torso": 2.4, "left_thigh": 1.0, "right_thigh": 1.0, "left_shin": -0.2},
    )
    script.to(0.6 * script.change(), **postures.SEATED, x=spot.x, y=spot.y)
    script.label(start, labels.CHANGING)


def sit(script: Script) -> None:
    start = script.seconds
    script.keep(script.prior.seated, 0.25, (*_ARMS, "torso", "head", "left_shin", "right_shin"))
    script.label(start, labels.SITTING)


def stand_up(script: Script) -> None:
    start = script.seconds
    script.to(0.5 * script.change(), torso=2.3, head=2.5)
    ahead = 0.3 * np.array([math.cos(script.pose.yaw), math.sin(script.pose.yaw)])
    script.to(0.8 * script.change(), **postures.UPRIGHT, x=script.pose.x + ahead[0], y=script.pose.y + ahead[1])
    script.label(start, labels.CHANGING)


def _shift(script: Script, forward: float, sideways: float = 0.0) -> dict[str, float]:
    """The place this far in front and to the left."""
    cosine, sine = math.cos(script.pose.yaw), math.sin(script.pose.yaw)
    x, y = forward * cosine - sideways * sine, forward * sine + sideways * cosine
    return {"x": script.pose.x + x, "y": script.pose.y + y}


def _onto_back_angles(script: Script) -> None:
    """The same pose, described as one of someone on the back who turned onto the belly."""
    pose = script.pose
    angles = ("torso", "head", *_ARMS, *_LEGS)
    turned = {name: getattr(pose, name) + math.pi for name in angles}
    script.pose = pose._replace(yaw=pose.yaw + math.pi, roll=pose.roll + math.pi, **turned)
    script.seconds += 1e-3
    script.times.append(script.seconds)
    script.poses.append(script.pose)


def fall(script: Script) -> None:
    start = script.seconds
    seconds = draw(script.rng, script.prior.fall) * script.tempo
    arms = {name: script.rng.uniform(0.3, 1.8) for name in _ARMS}
    if script.rng.random() < 0.4:
        flat = {
            "torso": 0.5 * math.pi,
            "head": 0.5 * math.pi,
            "left_thigh": -0.4 * math.pi,
            "right_thigh": -0.5 * math.pi,
        }
        flat |= {"left_shin": -0.5 * math.pi, "right_shin": -0.5 * math.pi, "gait": 0.0}
        script.to(seconds, **flat, **arms, **_shift(script, script.rng.uniform(0.4, 0.9)))
        _onto_back_angles(script)
        script.to(seconds, left_thigh=0.5 * math.pi)
    else:
        lying = script.any_lying()
        if abs(lying["roll"]) > 2:
            lying["roll"] *= 0.5
        half = {"torso": 3.9, "left_thigh": 1.2, "right_thigh": 1.0, "roll": 0.5 * lying["roll"], "gait": 0.0}
        script.to(0.5 * seconds, **half, **arms, **_shift(script, -0.25))
        script.to(0.5 * seconds, **{**postures.SUPINE, **lying}, **_shift(script, -script.rng.uniform(0.1, 0.5)))
    script.label(start, labels.FALLING)


def get_down(script: Script) -> None:
    """Onto the floor step by step, not by accident, but there."""
    start = script.seconds
    first = [postures.KNEELING_UP, postures.CROUCHED, postures.ON_ALL_FOURS][script.rng.integers(3)]
    script.to(script.change(), **{**postures.UPRIGHT, **first})
    script.to(script.change(), **{**postures.UPRIGHT, **postures.ON_FLOOR, "left_arm": -0.6, "left_forearm": -0.4})
    script.to(script.change(), **{**postures.SUPINE, **script.any_lying()}, **_shift(script, -0.2))
    script.label(start, labels.FALLING)


def lie(script: Script) -> None:
    start = script.seconds
    restless = script.rng.random() < script.prior.restless
    script.keep(script.prior.lying, 0.35 if restless else 0.0, (*_ARMS, *_LEGS, "arms_apart", "legs_apart"))
    script.label(start, labels.LYING if script.pose.support == 0 else labels.ON_BED)


def turn_over(script: Script) -> None:
    start = script.seconds
    script.to(script.rng.uniform(0.8, 2.5), **script.any_lying(), yaw=script.pose.yaw + script.rng.normal(0, 0.2))
    script.keep((1.0, 5.0), 0.0)
    script.label(start, labels.LYING if script.pose.support == 0 else labels.ON_BED)


def get_up(script: Script) -> None:
    start = script.seconds
    script.to(script.change(), **{**postures.UPRIGHT, **postures.ON_FLOOR, "left_arm": -0.4})
    middle = [postures.KNEELING_UP, postures.ON_ALL_FOURS, postures.CROUCHED][script.rng.integers(3)]
    script.to(1.3 * script.change(), **{**postures.UPRIGHT, **middle})
    script.to(script.change(), **postures.UPRIGHT)
    script.label(start, labels.CHANGING)


def _edge(script: Script) -> dict[str, float]:
    """Sitting on the edge of the bed."""
    bed, side = script.spot, script.rng.choice([-1, 1])
    yaw = bed.yaw + side * 0.5 * math.pi
    place = {"x": bed.x + 0.35 * math.cos(yaw), "y": bed.y + 0.35 * math.sin(yaw)}
    return {**postures.UPRIGHT, **postures.SEATED, **place, "yaw": script.face(yaw)}


def go_to_bed(script: Script) -> None:
    script.spot = script.any_bed()
    edge = _edge(script)
    out = np.array([edge["x"], edge["y"]]) - [script.spot.x, script.spot.y]
    walk_near(script, [script.spot.x, script.spot.y] + 2.2 * out)
    start = script.seconds
    script.to(0.8, yaw=script.face(edge["yaw"]), **postures.UPRIGHT)
    script.to(script.change(), **edge)
    if script.rng.random() < 0.5:
        script.label(start, labels.CHANGING)
        start = script.seconds
        script.keep((1.0, 6.0), 0.2, _ARMS)
        script.label(start, labels.SITTING)
        start = script.seconds
    bed = script.spot
    flat = {"x": bed.x, "y": bed.y, "yaw": script.face(bed.yaw), "support": bed.height}
    script.to(1.5 * script.change(), **{**postures.SUPINE, **script.any_lying(), **flat})
    script.label(start, labels.TO_BED)
    if script.rng.random() < 0.4:
        script.to(1.5, cover=1.0)


def leave_bed(script: Script) -> None:
    start = script.seconds
    last = labels.TO_BED
    script.to(0.7, cover=0.0)
    script.to(1.5 * script.change(), **_edge(script))
    if script.rng.random() < 0.5:
        script.label(start, labels.TO_BED)
        start, last = script.seconds, labels.CHANGING
        script.keep((1.0, 6.0), 0.2, _ARMS)
        script.label(start, labels.SITTING)
        start = script.seconds
    script.to(script.change(), **postures.UPRIGHT, **_shift(script, 0.4))
    script.label(start, last)


ACTIVITIES = {
    "stand": Activity(stand, labels.STANDING, 1.5),
    "walk": Activity(walk, labels.WALKING, 1.5),
    "carry": Activity(carry, labels.OTHER, 0.4),
    "push a walker": Activity(push_a_walker, labels.OTHER, 0.3),
    "wave": Activity(wave, labels.OTHER, 0.3),
    "lean": Activity(lean, labels.LEANING, 0.4),
    "bend": Activity(bend, labels.BENDING, 1.0),
    "crouch": Activity(crouch, labels.CROUCHING, 0.7),
    "kneel": Activity(kneel, labels.KNEELING, 1.0),
    "sit on the floor": Activity(sit_on_floor, labels.LOW, 0.4),
    "crawl": Activity(crawl, labels.LOW, 0.4),
    "sit down": Activity(sit_down, labels.CHANGING, 0.6, "upright", "seated"),
    "sit": Activity(sit, labels.SITTING, 1.5, "seated", "seated"),
    "stand up": Activity(stand_up, labels.CHANGING, 0.6, "seated", "upright"),
    "fall": Activity(fall, labels.FALLING, 0.8, "upright", "floor"),
    "get down": Activity(get_down, labels.FALLING, 0.6, "upright", "floor"),
    "lie on the floor": Activity(lie, labels.LYING, 2.0, "floor", "floor"),
    "turn over on the floor": Activity(turn_over, labels.LYING, 0.5, "floor", "floor"),
    "get up": Activity(get_up, labels.CHANGING, 0.5, "floor", "upright"),
    "go to bed": Activity(go_to_bed, labels.TO_BED, 0.6, "upright", "bed"),
    "lie in bed": Activity(lie, labels.ON_BED, 1.0, "bed", "bed"),
    "turn over in bed": Activity(turn_over, labels.ON_BED, 0.3, "bed", "bed"),
    "leave the bed": Activity(leave_bed, labels.TO_BED, 0.6, "bed", "upright"),
}
