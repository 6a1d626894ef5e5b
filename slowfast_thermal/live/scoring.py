"""What the people of a moment do, by a network, by trees, or by the mean of both.

Letters: N clips, S planes, T frames, h, w sensor pixels, R people of a moment, C classes, D channels of a feature.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.datasets.clip_frames import ClipFrames, nearest_frames
from slowfast_thermal.datasets.planes import planes
from slowfast_thermal.trees.features import box_features, known_frames, person_features, sampled_frames
from slowfast_thermal.trees.forest import Forest

Run = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]
"""Scores (R, C), and of a network that remembers features (R, D), of inputs by name (see `export.graph.ActionGraph`)."""

# Milliseconds of which the trees see what is before and after a moment, and what they need of the room.
_TREES_BEFORE = 8000


@dataclass(frozen=True)
class Moment:
    """The people of one sensor at one time, and what was measured around it.

    Attributes:
        sensor: name.
        time: milliseconds.
        boxes: (R, 4) float32 x1, y1, x2, y2 divided by the image size.
        times: (T,) int64 milliseconds of the frames that may be looked at.
        frames: (T, h, w) float32 degrees Celsius.
        background: (h, w) what the pixels read without people.
        room: (h, w) of `empty_room`, for trees.
    """

    sensor: str
    time: int
    boxes: np.ndarray
    times: np.ndarray
    frames: np.ndarray
    background: np.ndarray
    room: np.ndarray

    @property
    def place(self) -> int:
        """Of the moment's own frame."""
        return int(np.searchsorted(self.times, self.time))


@dataclass(frozen=True)
class ClipSettings:
    """Which frames a network reads, and in which planes.

    Attributes:
        frames: of both pathways.
        planes: names of the S planes.
        difference: milliseconds to the plane `earlier`.
        enlarge: by which fractions of width and height boxes grow.
    """

    frames: ClipFrames
    planes: tuple[str, ...]
    difference: float
    enlarge: tuple[float, float]

    @classmethod
    def from_config(cls, cfg) -> "ClipSettings":
        node = cfg.THERMAL
        frames = ClipFrames.from_config(cfg)
        return cls(frames, tuple(planes(node.CHANNELS)), 1000 * node.DIFFERENCE_SECONDS, tuple(node.TEST_BOX_ENLARGE))

    def clip(self, moment: Moment) -> list[np.ndarray]:
        """The slow and the fast pathway of a moment, (S, T, h, w) float32 degrees Celsius each."""
        pathways = []
        for places in self.frames(moment.times, moment.place):
            planes = {"temperature": moment.frames[places]}
            if "earlier" in self.planes:
                earlier = nearest_frames(moment.times, moment.times[places] - self.difference)
                planes["earlier"] = moment.frames[earlier]
            if "background" in self.planes:
                planes["background"] = np.broadcast_to(moment.background, planes["temperature"].shape)
            pathways.append(np.stack([planes[name] for name in self.planes]))
        return pathways

    def boxes(self, moment: Moment) -> np.ndarray:
        """(R, 4) the boxes that the network is given."""
        boxes = moment.boxes
        if not any(self.enlarge):
            return boxes
        margin = (boxes[:, 2:] - boxes[:, :2]) * np.array(self.enlarge, np.float32) / 2
        return np.clip(np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1), 0, 1)


class Scorer:
    """Scores the people of moments.

    Args:
        classes: names of the C classes.
        clips: of the network.
        run: the network; None where trees alone score.
        inputs: names of what it reads.
        memory: of a network that remembers, its shape (seconds, people, D) and how many of the seconds are before the
            keyframe's own, else None. What comes after a moment is never known, so nobody is remembered there.
        forest: the trees, if any.
        trees_weight: their share of the scores.

    Attributes:
        classes: see above.
        needs_room: whether trees score, which need to know the room.
    """

    def __init__(
        self,
        classes: Sequence[str],
        clips: ClipSettings,
        run: Run | None = None,
        inputs: Sequence[str] = (),
        memory: tuple[tuple[int, int, int], int] | None = None,
        forest: Forest | None = None,
        trees_weight: float = 0.0,
    ):
        self.classes = list(classes)
        self._clips, self._run, self._inputs, self._forest = clips, run, inputs, forest
        self._memory = memory
        self._weight = trees_weight
        self._past: dict[str, deque[tuple[int, np.ndarray]]] = {}
        self.needs_room = forest is not None

    @property
    def before(self) -> float:
        """Seconds before a moment that must be known, for clips by time."""
        frames = self._clips.frames
        clip = frames.before * frames.seconds / frames.length + self._clips.difference / 1000 if self._run else 0.0
        return max(clip, _TREES_BEFORE / 1000 if self._forest else 0.0)

    @property
    def after(self) -> float:
        """Seconds after a moment that must be known, for clips by time."""
        frames = self._clips.frames
        clip = frames.after * frames.seconds / frames.length if self._run else 0.0
        trees = 2 * (1 - frames.position) * _TREES_BEFORE / 1000 if self._forest else 0.0
        return max(clip, min(trees, _TREES_BEFORE / 1000))

    @property
    def frames_around(self) -> tuple[int, int]:
        """Frames before and after a moment that must be known, for clips of consecutive frames."""
        frames = self._clips.frames
        return (0, 0) if frames.seconds or not self._run else (frames.before, frames.after)

    def __call__(self, moment: Moment) -> np.ndarray:
        """(R, C) scores of a moment's people; they do not depend on what else is watched."""
        if not len(moment.boxes):
            return np.zeros((0, len(self.classes)), np.float32)
        trees = self._forest.predict(self._features(moment)) if self._forest else None
        if not self._run:
            return trees
        scores = self._run_network(moment)
        return scores if trees is None else (1 - self._weight) * scores + self._weight * trees

    def forget(self, sensor: str) -> None:
        """Remembers nobody of a sensor any more."""
        self._past.pop(sensor, None)

    def _run_network(self, moment: Moment) -> np.ndarray:
        slow, fast = self._clips.clip(moment)
        boxes = self._clips.boxes(moment)
        inputs = {"slow": slow[None], "fast": fast[None], "boxes": np.pad(boxes, ((0, 0), (1, 0)))}
        inputs["objects"] = np.zeros((0, 5), np.float32)
        if self._memory:
            inputs["memory"] = self._remembered(moment)[None]
        found = self._run({name: inputs[name] for name in self._inputs})
        if self._memory:
            self._remember(moment, found[1])
        return found[0]

    def _remembered(self, moment: Moment) -> np.ndarray:
        """(seconds, people, D) of the sensor's past around a moment; zero for nobody."""
        shape, before = self._memory
        memory = np.zeros(shape, np.float32)
        for second, features in self._past.get(moment.sensor, ()):
            place = second - moment.time // 1000 + before
            if 0 <= place < before:
                memory[place, : len(features)] = features[: shape[1]]
        return memory

    def _remember(self, moment: Moment, features: np.ndarray) -> None:
        past = self._past.setdefault(moment.sensor, deque(maxlen=self._memory[1] + 1))
        if past and past[-1][0] >= moment.time // 1000:
            past.pop()
        past.append((moment.time // 1000, features[: self._memory[0][1]].copy()))

    def _features(self, moment: Moment) -> np.ndarray:
        times = moment.times[: known_frames(moment.times, moment.time, self._clips.frames.position)]
        places = sampled_frames(times, moment.time)
        features = person_features(moment.frames[places], times[places], moment.time, moment.boxes, moment.room)
        return np.concatenate([features, box_features(moment.boxes)], 1)
