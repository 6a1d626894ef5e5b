"""The features and the trees of a data set's people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.datasets.clips import check_order
from slowfast_thermal.trees.features import (
    BOX_FEATURES,
    FEATURES,
    box_features,
    empty_room,
    known_frames,
    person_features,
    sampled_frames,
)
from slowfast_thermal.trees.forest import Forest, fit_forest, join_forests

# Frames of a recording, spread over it, that tell what the room looks like without people.
_ROOM_FRAMES = 500


@dataclass(frozen=True)
class People:
    """All people of a data set with their features, keyframe by keyframe.

    Attributes:
        keyframes: (P) the keyframe of each person.
        boxes: (P, 4) float32 x1, y1, x2, y2, each divided by the image size.
        labels: (P, C), 1 for a person's actions.
        box_features, features: (P, 4) and (P, F) float32, BOX_FEATURES and FEATURES; the latter are read from the recordings,
            None where only the boxes are asked for.
    """

    keyframes: list[Keyframe]
    boxes: np.ndarray
    labels: np.ndarray
    box_features: np.ndarray
    features: np.ndarray | None = None

    @property
    def inputs(self) -> np.ndarray:
        """(P, F + 4) float32, FEATURES and BOX_FEATURES: what trees are given, whether they look at the place or not."""
        return np.concatenate([self.features, self.box_features], 1)


class FeatureReader:
    """Reads the features of people in a data set's recordings.

    Args:
        dataset: whose frames, repaired and in degrees Celsius, are read.

    Raises:
        InputError: a recording's times decrease, so frames cannot be found by them.
    """

    def __init__(self, dataset: Thermal):
        for recording in dataset.files():
            check_order(recording)
        self._dataset = dataset
        self._rooms: dict[str, np.ndarray] = {}

    def read(self, recording: str, timestamp: int, boxes: np.ndarray) -> np.ndarray:
        """(R, F) features of people with (R, 4) `boxes` at a time in milliseconds of a recording."""
        times = self._dataset.timestamps(recording)
        times = times[: known_frames(times, timestamp, self._dataset.keyframe_position)]
        places = sampled_frames(times, timestamp)
        frames = self._dataset.temperatures(recording, places)
        return person_features(frames, times[places], timestamp, boxes, self._room(recording))

    def _room(self, recording: str) -> np.ndarray:
        if recording not in self._rooms:
            num_frames = len(self._dataset.timestamps(recording))
            places = np.linspace(0, num_frames - 1, min(num_frames, _ROOM_FRAMES)).astype(int)
            # One by one: what lies between them is not decoded all at once.
            frames = [self._dataset.temperatures(recording, places[i : i + 1]) for i in range(len(places))]
            self._rooms[recording] = empty_room(np.concatenate(frames))
        return self._rooms[recording]


# What was read of data sets that are still in use: a test and its baselines ask for the same people.
_read: WeakKeyDictionary[Thermal, People] = WeakKeyDictionary()


def read_people(dataset: Thermal) -> People:
    """The people that `dataset` trains or tests on."""
    if dataset not in _read:
        reader = FeatureReader(dataset)
        samples = (dataset.sample(index)[:2] for index in range(len(dataset)))
        features = [reader.read(keyframe.recording, keyframe.timestamp, boxes) for keyframe, boxes in samples]
        features = np.concatenate([np.zeros((0, len(FEATURES)), np.float32), *features])
        _read[dataset] = replace(boxed_people(dataset), features=features)
    return _read[dataset]


def boxed_people(dataset: Thermal) -> People:
    """The same without their features, for which no recording is read."""
    samples = [dataset.sample(index) for index in range(len(dataset))]
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(boxes for _, boxes, _ in samples)])
    return People(
        keyframes=[keyframe for keyframe, boxes, _ in samples for _ in boxes],
        boxes=boxes,
        labels=np.concatenate([np.zeros((0, len(dataset.classes)), np.float32), *(labels for _, _, labels in samples)]),
        box_features=box_features(boxes),
    )


def fit_trees(people: People, classes: Sequence[str], seed: int, with_place: bool = False) -> Forest:
    """Trees on the FEATURES of people, `with_place` and as many of `fit_box_trees`."""
    forest = fit_forest(people.features, people.labels, classes, FEATURES, seed)
    return join_forests(forest, fit_box_trees(people, classes, seed)) if with_place else forest


def knows_place(cfg) -> bool:
    """Whether trees look at where people are as well, as the network does."""
    return cfg.THERMAL.BOX_FEATURES == "size_and_place"


def fit_box_trees(people: People, classes: Sequence[str], seed: int) -> Forest:
    """Trees on the four numbers of people's boxes."""
    return fit_forest(people.box_features, people.labels, classes, BOX_FEATURES, seed)
