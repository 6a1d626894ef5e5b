"""Synthetic thermal recordings: rooms in which warm people act out scripts.

They have the format of real recordings, but a class shows in the movement: a person who sits down and one who stands up
look the same at the keyframe, as do one who waves and one who holds a hand up, and one who walks and one who stands in
mid-stride. Training and validation share no recording, so that a score on them is honest.

`_direct` gives each person one segment, an action at a place, for every keyframe; `_track` joins the segments to a
state for every frame; `_animate` adds what repeats, the legs' swing and the hand's wave; `_heat` draws the body. A new
action is a function from a place to knots and an entry in `ACTIONS`; a label that depends on others or on the past is
a matter of `_direct`, which sees what everyone does and has done.

Letters: N frames, K blobs of a body, H, W pixels. Scripts measure lengths in frame heights (x to the right, y down),
angles in radians and time in seconds.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.preparation.writing import (
    CHUNK_FRAMES,
    FIRST_TIMESTAMP,
    Progress,
    Summary,
    box_record,
    check_sizes,
    image_record,
    new_recording,
    no_progress,
    write_data_set,
)

DEAD_PIXEL = -273.2
ROOM_CELSIUS = 18.0

# Half-open ranges of frames. A segment holds the 32 frames before and the 31 after its keyframe, wherever that is
# shifted from the segment's middle; in the gaps people get ready for the next one.
SEGMENT_FRAMES = (72, 81)
KEYFRAME_SHIFT = (-4, 5)
GAP_FRAMES = (10, 17)


class State(NamedTuple):
    """One person at one moment; in a track every field is an (N,) array. A place is a state of x, floor and facing.

    Angles are measured from straight down towards the front, so that an upright torso is at pi. `facing` runs from -1
    (left) to 1 (right), `stride` is the angle by which a leg swings in walking, `wave` how far the hand waves (0 to 1).
    """

    x: float
    floor: float
    facing: float
    stride: float = 0.0
    wave: float = 0.0
    torso: float = math.pi
    left_thigh: float = 0.0
    left_shin: float = 0.0
    right_thigh: float = 0.0
    right_shin: float = 0.0
    left_arm: float = 0.0
    left_forearm: float = 0.0
    right_arm: float = 0.0
    right_forearm: float = 0.0


# States at fractions between 0 and 1 of a segment. The person moves smoothly from each to the next, and holds the first
# one before and the last one after.
Knots = list[tuple[float, State]]


class Action(NamedTuple):
    """A class: its script, how often it is wanted, and the postures in which it starts and ends."""

    script: Callable[[Generator, State], Knots]
    weight: float
    start: str = "upright"
    end: str = "upright"


class Segment(NamedTuple):
    """What one person does around one keyframe; without a label there is no box."""

    label: str | None
    place: State
    knots: Knots


class Person(NamedTuple):
    """Height in frame heights, surface temperature in Celsius, waving frequency in hertz."""

    size: float
    celsius: float
    hertz: float


def _swing(phase: float | np.ndarray) -> np.ndarray:
    """Angles of a waving upper arm and forearm about their middle, (2,) or (2, N)."""
    return np.stack([0.35 * np.sin(phase), 0.8 * np.sin(phase)])


def _upright(rng: Generator, place: State, hand: str) -> State:
    """Standing with the right hand "down", "up" (held anywhere along a wave) or "waving"."""
    left, right = rng.normal([[0.0, 0.2], [0.1, 0.3]], 0.1)
    if hand != "down":
        right = np.array([2.2, 2.6]) + (hand == "up") * _swing(rng.uniform(0, 2 * math.pi))
    state = place._replace(stride=rng.uniform(0.3, 0.45), wave=float(hand == "waving"), torso=rng.normal(math.pi, 0.04))
    return State(*state[:-4], *left, *right)


def _seated(rng: Generator, place: State) -> State:
    torso, thigh, shin, arm = rng.normal([2.9, 1.5, 0.0, 0.5], [0.15, 0.1, 0.1, 0.2])
    return State(*place[:5], torso, thigh, shin, thigh, shin, arm, arm + 0.6, arm, arm + 0.6)


def _standing(rng: Generator, place: State) -> Knots:
    """Keeps still but for one moment, in which a hand may go up or down, or the person turn round."""
    moment, turn = rng.uniform(0.1, 0.8), rng.choice([1, 1, -1])
    before, after = (_upright(rng, place, rng.choice(["down", "up"])) for _ in range(2))
    return [(moment, before), (moment + 0.12, after._replace(facing=turn * place.facing))]


def _waving(rng: Generator, place: State) -> Knots:
    return [(0.5, _upright(rng, place, "waving"))]


def _walking(rng: Generator, place: State) -> Knots:
    state = _upright(rng, place, rng.choice(["down", "up"]))
    way = math.copysign(rng.uniform(0.25, 0.7), place.facing)
    return [(0.01, state._replace(x=place.x - way)), (0.99, state._replace(x=place.x + way))]


def _sitting(rng: Generator, place: State) -> Knots:
    """Keeps still but for one moment, in which the person leans over or back."""
    moment = rng.uniform(0.1, 0.8)
    return [(moment, _seated(rng, place)), (moment + 0.12, _seated(rng, place))]


def _sitting_down(rng: Generator, place: State) -> Knots:
    half = rng.uniform(0.14, 0.24)
    return [(0.5 - half, _upright(rng, place, "down")), (0.5 + half, _seated(rng, place))]


def _standing_up(rng: Generator, place: State) -> Knots:
    return [(1 - moment, state) for moment, state in reversed(_sitting_down(rng, place))]


def _lying(rng: Generator, place: State) -> Knots:
    flat, knee, arm = math.pi / 2, rng.uniform(0.0, 0.7), rng.uniform(0.0, 0.5)
    angles = (flat, -flat - knee, -flat + knee, -flat, -flat, -flat, -flat, -flat - arm, -flat - arm)
    feet, floor = place.x - 0.25 * place.facing, min(place.floor, 0.95)
    return [(0.5, State(feet, floor, *place[2:5], *angles))]


def _greeting(rng: Generator, place: State) -> Knots:
    """Walks up to the other person, then waves."""
    near, waving = _upright(rng, place, "down"), _upright(rng, place, "waving")
    far = near._replace(x=place.x - math.copysign(0.3, place.facing))
    return [(0.1, far), (0.34, near), (0.42, waving)]


ACTIONS = {
    "standing": Action(_standing, 0.20),
    "walking": Action(_walking, 0.16),
    "sitting": Action(_sitting, 0.12, "seated", "seated"),
    "sitting down": Action(_sitting_down, 0.12, "upright", "seated"),
    "standing up": Action(_standing_up, 0.12, "seated", "upright"),
    "lying": Action(_lying, 0.10, "lying", "lying"),
    "waving": Action(_waving, 0.14),
    "greeting": Action(_greeting, 0.12),
}

# People also do these near each other, so that nearness alone is no greeting.
MEETING = {"standing", "walking", "waving"}


def _choose(rng: Generator, posture: str, counts: Counter[str], excluded: set[str]) -> str:
    """Draws an action, rather a rare one and one that goes on from the posture."""
    names = [name for name in ACTIONS if name not in excluded]
    odds = [ACTIONS[n].weight / (1 + counts[n]) * (3 if ACTIONS[n].start == posture else 1) for n in names]
    return names[rng.choice(len(names), p=np.divide(odds, sum(odds)))]


def _find_place(rng: Generator, aspect: float, other: State | None, near: bool) -> State:
    """A place anywhere in the room or, if there is another person, either near to or far from them."""
    xs, floor, facing = rng.uniform(0.17, aspect - 0.17, 6), rng.uniform(0.62, 1.0), rng.choice([-0.9, 0.9])
    if other is None:
        return State(xs[0], floor, facing)
    if not near:
        return State(xs[np.argmax(np.abs(xs - other.x))], floor, facing)
    side = 1 if other.x < aspect / 2 else -1
    return State(other.x + side * rng.uniform(0.34, 0.42), other.floor + rng.uniform(-0.1, 0.1), -0.9 * side)


def _direct(rng: Generator, num_slots: int, aspect: float) -> list[list[Segment]]:
    """What the two people of a recording do in each slot: (2, num_slots). The second one comes and goes."""
    scripts: list[list[Segment]] = [[], []]
    postures = ["upright", "upright"]
    counts: Counter[str] = Counter()
    company = True
    for _ in range(num_slots):
        labels = [_choose(rng, postures[0], counts, set() if company else {"greeting"})]
        if company:
            # Two who wave near each other would greet; so nobody waves next to one who waves.
            excluded = {"greeting", "waving"} if labels[0] == "waving" else {"greeting"}
            labels.append("greeting" if labels[0] == "greeting" else _choose(rng, postures[1], counts, excluded))
        near = labels[0] == "greeting" or (company and MEETING.issuperset(labels) and rng.random() < 0.8)

        places: list[State | None] = [
            # Who is seated or lying, and begins so, stays there.
            script[-1].place if posture == ACTIONS[label].start != "upright" else None
            for label, script, posture in zip(labels, scripts, postures)
        ]
        for person, place in enumerate(places):
            if place is None:
                places[person] = _find_place(rng, aspect, places[1 - person] if company else None, near)
        if near:
            places[0] = places[0]._replace(facing=-places[1].facing)

        for person, (label, place) in enumerate(zip(labels, places)):
            scripts[person].append(Segment(label, place, ACTIONS[label].script(rng, place)))
            postures[person] = ACTIONS[label].end
        if not company:
            outside = State(rng.choice([-0.4, aspect + 0.4]), floor=0.85, facing=0.9)
            scripts[1].append(Segment(None, outside, _standing(rng, outside)))
            postures[1] = "upright"
        counts.update(labels)
        company = rng.random() < (0.85 if company else 0.25)
    return scripts


def _track(segments: Sequence[Segment], spans: np.ndarray, seconds: np.ndarray) -> State:
    """The state at each of (N,) seconds of a person whose segments last from spans[:, 0] to spans[:, 1] seconds."""
    knots = [
        (begin + moment * (end - begin), state)
        for segment, (begin, end) in zip(segments, spans)
        for moment, state in [(0, segment.knots[0][1]), *segment.knots, (1, segment.knots[-1][1])]
    ]
    times, states = (np.array(values) for values in zip(*knots))
    after = np.clip(np.searchsorted(times, seconds), 1, len(times) - 1)
    part = np.clip((seconds - times[after - 1]) / (times[after] - times[after - 1]), 0, 1)
    part = (part * part * (3 - 2 * part))[:, None]
    return State(*((1 - part) * states[after - 1] + part * states[after]).T)


def _animate(rng: Generator, track: State, person: Person, seconds: np.ndarray) -> State:
    """Adds what repeats: the legs' swing with the way walked, the hand's wave, a slight sway."""
    way = np.cumsum(np.abs(np.diff(track.x, prepend=track.x[0])))
    gait = rng.uniform(0, 2 * math.pi) + 2 * math.pi * way / (0.9 * person.size)
    leg, lift = track.stride * np.sin(gait), track.stride * np.cos(gait)
    arm, forearm = track.wave * _swing(rng.uniform(0, 2 * math.pi) + 2 * math.pi * person.hertz * seconds)
    return track._replace(
        torso=track.torso + 0.04 * np.sin(seconds),
        left_thigh=track.left_thigh + leg,
        left_shin=track.left_shin + leg - np.maximum(lift, 0),
        right_thigh=track.right_thigh - leg,
        right_shin=track.right_shin - leg - np.maximum(-lift, 0),
        left_arm=track.left_arm - leg,
        left_forearm=track.left_forearm - leg,
        right_arm=track.right_arm + arm,
        right_forearm=track.right_forearm + forearm,
    )


# A body: joint, joint it hangs on, field of its angle, length, number of blobs, radius of a blob (in body heights).
BONES = (
    ("shoulder", "hip", "torso", 0.30, 5, 0.075),
    ("head", "shoulder", "torso", 0.15, 2, 0.055),
    ("left_knee", "hip", "left_thigh", 0.25, 4, 0.055),
    ("left_ankle", "left_knee", "left_shin", 0.24, 4, 0.045),
    ("right_knee", "hip", "right_thigh", 0.25, 4, 0.055),
    ("right_ankle", "right_knee", "right_shin", 0.24, 4, 0.045),
    ("left_elbow", "shoulder", "left_arm", 0.17, 3, 0.04),
    ("left_hand", "left_elbow", "left_forearm", 0.19, 4, 0.04),
    ("right_elbow", "shoulder", "right_arm", 0.17, 3, 0.04),
    ("right_hand", "right_elbow", "right_forearm", 0.19, 4, 0.04),
)


def _heat(pose: State, size: float, height: int, width: int) -> np.ndarray:
    """How much of each pixel a body covers: (N, H, W) float32 from 0 to 1.

    The ankles' middle stands at the pose's x and the lowest joint on its floor.
    """
    joints = {"hip": np.zeros((2, len(pose.x)))}
    blobs, radii = [], []
    for joint, parent, field, length, count, radius in BONES:
        angle = getattr(pose, field)
        joints[joint] = joints[parent] + length * np.stack([np.sin(angle), np.cos(angle)])
        part = np.arange(1, count + 1)[:, None, None] / count
        blobs.append((1 - part) * joints[parent] + part * joints[joint])
        radii += [radius * size * height] * count
    feet = (joints["left_ankle"][0] + joints["right_ankle"][0]) / 2
    lowest = np.max([joint[1] for joint in joints.values()], axis=0)
    x, y = np.concatenate(blobs).transpose(1, 0, 2)  # (K, N) each
    x = height * (pose.x + size * pose.facing * (x - feet))
    y = height * (pose.floor + size * (y - lowest))

    def profiles(centres: np.ndarray, length: int) -> np.ndarray:
        offsets = (np.arange(length) + 0.5 - centres.T[..., None]) / np.array(radii)[:, None]
        # None so small that the processor would be slow with their products.
        return np.exp(np.maximum(-0.5 * offsets.astype(np.float32) ** 2, -40))  # (N, K, length)

    return 1 - np.exp(-1.5 * profiles(y, height).transpose(0, 2, 1) @ profiles(x, width))


def _bbox(heat: np.ndarray) -> list[float]:
    """The box around (H, W) heat: centre x, centre y, width, height, divided by the frame size."""
    starts, ends = [], []
    for axis in (0, 1):
        covered = np.flatnonzero((heat > 0.5).any(axis=axis))
        starts.append(covered[0] / heat.shape[1 - axis])
        ends.append((covered[-1] + 1) / heat.shape[1 - axis])
    return [*np.add(starts, ends) / 2, *np.subtract(ends, starts)]


def _room(rng: Generator, height: int, width: int) -> np.ndarray:
    """An empty room, (H, W) float32 Celsius: a gradient, faint stains, and one or two warm spots."""
    y, x = np.mgrid[:height, :width] / height
    room = ROOM_CELSIUS + rng.uniform(-1, 1) * (x - 0.75) + rng.uniform(-1, 1) * (y - 0.5)
    for x_rate, y_rate, phase in rng.uniform(-6, 6, (4, 3)):
        room += 0.3 * np.cos(x_rate * x + y_rate * y + phase)
    for _ in range(rng.integers(1, 3)):
        distance = np.hypot(x - rng.uniform(0, width / height), y - rng.uniform(0, 0.6))
        room += rng.uniform(4, 9) * np.exp(-0.5 * (distance / rng.uniform(0.03, 0.05)) ** 2)
    return room.astype(np.float32)


def _lose_packets(rng: Generator, frames: np.ndarray) -> None:
    """Overwrites a run of pixels, in reading order, in about one of ten (N, H, W) frames."""
    for index in np.flatnonzero(rng.random(len(frames)) < 0.1):
        pixels = frames[index].reshape(-1)
        first, length = rng.integers(pixels.size), int(rng.choice([0.12, 0.24, 0.48]) * pixels.size)
        pixels[first : first + length] = DEAD_PIXEL


def _timestamps(rng: Generator, num_frames: int, start: int) -> np.ndarray:
    """(N,) int64 milliseconds, about seven frames a second at irregular intervals, with a pause now and then."""
    pauses = (rng.random(num_frames) < 0.01) * rng.uniform(200, 700, num_frames)
    return start + np.cumsum((15 + rng.gamma(9, 14, num_frames) + pauses).astype(np.int64))


def _record(
    rng: Generator, path: Path, start: int, num_keyframes: int, height: int, width: int, lossy: bool
) -> tuple[list[dict], list[dict], int]:
    """Writes a recording that begins at `start` milliseconds; returns its images, annotations and number of frames."""
    gaps, lengths = rng.integers(*GAP_FRAMES, num_keyframes), rng.integers(*SEGMENT_FRAMES, num_keyframes)
    begins = np.cumsum(gaps + lengths) - lengths
    keyframes = begins + lengths // 2 + rng.integers(*KEYFRAME_SHIFT, num_keyframes)
    timestamps = _timestamps(rng, begins[-1] + lengths[-1], start)
    seconds = (timestamps - start) / 1000
    spans = seconds[np.stack([begins, begins + lengths - 1], axis=1)]
    # The first and last keyframe are often closer to the end of the recording than half a clip.
    kept = slice(keyframes[0] - rng.integers(8, 37), keyframes[-1] + rng.integers(8, 37))
    timestamps, seconds, keyframes = timestamps[kept], seconds[kept], keyframes - kept.start

    scripts = _direct(rng, num_keyframes, width / height)
    people = [
        Person(rng.uniform(0.45, 0.58), ROOM_CELSIUS + rng.uniform(7, 12), rng.uniform(0.4, 0.65)) for _ in scripts
    ]
    poses = [_animate(rng, _track(script, spans, seconds), person, seconds) for script, person in zip(scripts, people)]

    def heat(person: int, frames: slice) -> np.ndarray:
        return _heat(State(*(field[frames] for field in poses[person])), people[person].size, height, width)

    images, annotations = [], []
    for slot, (frame, timestamp) in enumerate(zip(keyframes.tolist(), timestamps[keyframes].tolist())):
        images.append(image_record(path.stem, timestamp, frame, height, width))
        for person, script in enumerate(scripts):
            if (label := script[slot].label) is not None:
                bbox = _bbox(heat(person, slice(frame, frame + 1))[0])
                annotations.append(box_record(images[-1]["id"], bbox, list(ACTIONS).index(label), label, person))

    room, noise = _room(rng, height, width), rng.uniform(0.15, 0.3)
    drift = 0.4 * np.sin(2 * math.pi * seconds / rng.uniform(60, 180)).astype(np.float32)
    with new_recording(path, timestamps, height, width) as stored:
        for begin in range(0, len(timestamps), CHUNK_FRAMES):
            part = slice(begin, begin + CHUNK_FRAMES)
            frames = room + drift[part, None, None]
            for person, (_, celsius, _) in enumerate(people):
                frames += heat(person, part) * (celsius - frames)
            frames = np.round(frames + noise * rng.standard_normal(frames.shape, np.float32), 1)
            if lossy:
                _lose_packets(rng, frames)
            stored[part] = frames
    return images, annotations, len(timestamps)


def synthesize(
    output_dir: str | Path,
    *,
    num_recordings: int = 8,
    num_keyframes: int = 400,
    height: int = 40,
    width: int = 60,
    val_fraction: float = 0.25,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Summary:
    """Writes synthetic recordings `frames/*.h5` and their `annotations/train.json` and `annotations/val.json`.

    A recording holds `frames` (N, height, width) float32 Celsius, in which -273.2 stands for a lost reading, and
    `timestamps` and `frame_seqs` (N,) int64 milliseconds. Boxes are centre x, centre y, width and height divided by the
    frame size. The same arguments give the same files. Nothing is left behind if the writing fails.

    Args:
        output_dir: a folder that does not exist yet or is empty.
        num_recordings: number of recordings; the last ones become the validation set.
        num_keyframes: number of annotated frames over all recordings, each with one or two people.
        height: of a frame in pixels; people take about half of it.
        width: of a frame in pixels.
        val_fraction: fraction of the recordings for validation; each split has at least one.
        seed: of all random choices.
        progress: see `Progress`.

    Raises:
        InputError: the folder holds something already, or the sizes cannot be met.
    """
    check_sizes(num_recordings, num_keyframes, height, width, val_fraction, seed)

    def write_recordings(root: Path) -> Iterator[tuple[list[dict], list[dict], int]]:
        for index in range(num_recordings):
            yield _record(
                np.random.default_rng([seed, index]),
                root / "frames" / f"SYN_R{index + 1:02d}.h5",
                start=FIRST_TIMESTAMP + 86_400_000 * index,
                num_keyframes=num_keyframes // num_recordings + (index < num_keyframes % num_recordings),
                height=height,
                width=width,
                lossy=index % 2 == 0,
            )

    description = f"Synthetic thermal recordings ({{split}}), seed {seed}"
    return write_data_set(
        output_dir, list(ACTIONS), description, num_recordings, val_fraction, write_recordings, progress
    )
