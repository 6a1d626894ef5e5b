"""The data set `ThermalSimulated`: clips of simulated rooms, made while training, in place of or among real ones."""

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import Keyframe, load_annotations
from slowfast_thermal.datasets.person_frames import OfPeople, PersonFrames, finds_people
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import DATASET_REGISTRY
from slowfast_thermal.simulation.activities import ACTIVITIES
from slowfast_thermal.simulation.labels import CLASSES, mapped_classes
from slowfast_thermal.simulation.parameters import PRIORS
from slowfast_thermal.simulation.scenes import Place, Scene, choose, clip_scene
from slowfast_thermal.user_input import is_file

logger = logging.getLogger(__name__)

# Clips that follow each other in the stream and share a place, each with people of its own.
_CLIPS_OF_A_PLACE = 4


class SimulatedRecording:
    """The seconds around a moment of a scene, as `Recording` gives those of a file.

    Args:
        rng: of the times and the noise.
        scene: with its people.
        moment: in seconds.
        span: seconds before and after it.

    Attributes:
        timestamps: (N,) int64 milliseconds.
        keyframe: index of the frame nearest to the moment.
        second: of that frame.
    """

    name = "simulated"

    def __init__(self, rng: np.random.Generator, scene: Scene, moment: float, span: float):
        self._rng, self._scene = rng, scene
        self._seconds = moment - span + scene.place.sensor.seconds(rng, 2 * span)
        self.timestamps = np.round(1000 * self._seconds).astype(np.int64)
        self.keyframe = int(np.abs(self._seconds - moment).argmin())
        self.second = float(self._seconds[self.keyframe])

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """(K, H, W) float32 degrees Celsius of the frames at `indices` (K,); lost packets hold what was read before."""
        wanted, places = np.unique(indices, return_inverse=True)
        frames = self._scene.frames(self._seconds[wanted])
        sensor = self._scene.place.sensor
        readings = frames.reshape(len(frames), -1)
        for index in np.flatnonzero(self._rng.random(len(frames) - 1) < sensor.lost) + 1:
            start = self._rng.integers(readings.shape[1] // sensor.packet + 1) * sensor.packet
            readings[index, start : start + sensor.packet] = readings[index - 1, start : start + sensor.packet]
        return torch.from_numpy(frames[places])

    def background(self) -> torch.Tensor:
        """(H, W) float32 degrees Celsius of the empty room."""
        return torch.from_numpy(self._scene.place.background)


@DATASET_REGISTRY.register()
class ThermalSimulated(Thermal):
    """Clips of simulated people, as `Thermal` gives those of real ones; for training.

    A clip depends on the seed and its place in the stream alone. THERMAL.SIMULATION.SHARE of the clips are simulated; the
    others are those of the training annotations, whose classes are the network's then.

    Args:
        cfg: PySlowFast's configuration with node THERMAL.

    Raises:
        InputError: the configuration does not fit, or a class of THERMAL.SIMULATION.CLASS_MAP does not exist.
    """

    def __init__(self, cfg):
        node = cfg.THERMAL.SIMULATION
        self._share = node.SHARE
        self._num_simulated = cfg.SOLVER.EPOCH_ITERS * cfg.TRAIN.BATCH_SIZE
        if cfg.IA.ENABLE and "M" in str(cfg.IA.BLOCKS):
            raise InputError(
                "IA.BLOCKS has a memory, but simulated clips have no past: leave out M, or write rooms as files."
            )
        if self._share < 1:
            super().__init__(cfg, "train")
        else:
            if not cfg.SOLVER.EPOCH_ITERS:
                raise InputError(
                    "SOLVER.EPOCH_ITERS is 0: simulated clips have no end, so give the batches of an epoch."
                )
            self._configure(cfg, "train")
            self.classes = _own_classes(cfg) if node.CLASS_MAP else list(CLASSES)
            self.keyframes, self.recordings, self._samples, self._cache = [], [], [], []
            self.class_counts = np.ones(len(self.classes), np.int64)
            if len(self.classes) != cfg.MODEL.NUM_CLASSES:
                others = "" if node.CLASS_MAP else ", or say by THERMAL.SIMULATION.CLASS_MAP which of yours they are"
                raise InputError(
                    f"MODEL.NUM_CLASSES is {cfg.MODEL.NUM_CLASSES}, but simulated people have {len(self.classes)} classes"
                    f"{' by THERMAL.SIMULATION.CLASS_MAP' if node.CLASS_MAP else ''}: set MODEL.NUM_CLASSES "
                    f"{len(self.classes)}{others}."
                )
        self._label_of = _labels(node.CLASS_MAP, self.classes)
        without = [name for number, name in enumerate(self.classes) if number not in self._label_of.values()]
        if without:
            logger.info(
                "No simulated clip shows %s: THERMAL.SIMULATION.CLASS_MAP says which class it is called.",
                ", ".join(without),
            )
        self._wanted = [name for name, each in ACTIVITIES.items() if self._label_of[each.label] is not None]
        self._prior = PRIORS[node.PRIOR]
        self._size = tuple(node.FRAME_SIZE)
        if self._share < 1:
            real = next(iter(self._cache))
            self._size = real.height, real.width
        frames = self._clip_frames
        # A frame takes a sixth of a second, about; a clip may be shifted and needs the frames before its first one.
        longer_side = max(frames.position, 1 - frames.position)
        self._span = (frames.seconds or frames.length / 5) * longer_side + self._difference / 1000 + 1.5
        self._place_of = lru_cache(maxsize=2)(self._draw_place)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_place_of": None}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._place_of = lru_cache(maxsize=2)(self._draw_place)

    def __len__(self) -> int:
        return len(self._samples) or self._num_simulated

    def sample_weights(self, power: float) -> np.ndarray:
        """As of `Thermal`; simulated clips alone weigh the same, whatever they will show."""
        return super().sample_weights(power) if self._samples else np.ones(len(self))

    def keyframe(self, index: int) -> Keyframe:
        """The real keyframe of a sample, in whose stead a simulated one may come, or what stands for all simulated ones."""
        return (
            super().keyframe(index)
            if self._samples
            else _keyframe("simulated", 0, 0, np.zeros((0, 4)), np.zeros((0, 0)))
        )

    def __getitem__(self, key: int | tuple[int, int]) -> tuple:
        """One clip with its people, as of `Thermal`; an index alone counts as the place in the stream."""
        index, place = key if isinstance(key, tuple) else (key, key)
        rng = np.random.default_rng((self._seed, place, 2))
        if rng.random() >= self._share:
            return super().__getitem__(key)
        while True:
            wanted = choose(rng, self._wanted)
            scene, moment = clip_scene(rng, self._place_of(place // _CLIPS_OF_A_PLACE), self._span, wanted)
            recording = SimulatedRecording(rng, scene, moment, self._span)
            boxes = scene.boxes(recording.second) / np.tile(self._size[::-1], 2).astype(np.float32)
            names = [person.label_at(recording.second) for person in scene.people]
            seen = np.array([box.any() and self._label_of[name] is not None for box, name in zip(boxes, names)])
            if seen.any():
                break
        numbers = [self._label_of[name] for name, is_seen in zip(names, seen) if is_seen]
        labels = np.eye(len(self.classes), dtype=np.float32)[numbers]
        keyframe = _keyframe(f"simulated_{place}", recording.keyframe, place, boxes[seen], labels)
        metadata = [len(self.recordings), place]
        return self._clip(index, place, recording, keyframe, keyframe.boxes, keyframe.labels, metadata)

    def _draw_place(self, number: int) -> Place:
        return Place(np.random.default_rng((self._seed, number, 3)), self._prior, *self._size)

    def _background(self, recording: SimulatedRecording) -> torch.Tensor:
        return recording.background() if isinstance(recording, SimulatedRecording) else super()._background(recording)


def _keyframe(name: str, index: int, place: int, boxes: np.ndarray, labels: np.ndarray) -> Keyframe:
    return Keyframe(name, name, name, place, index, boxes, labels, np.zeros((0, 4), np.float32))


def _own_classes(cfg) -> list[str]:
    """The network's classes, which a map names: in the order of test annotations that list them all, else in the map's."""
    named = mapped_classes(cfg.THERMAL.SIMULATION.CLASS_MAP)
    paths = [Path(cfg.DATA.PATH_TO_DATA_DIR) / name for name in cfg.THERMAL.TEST_ANNOTATIONS]
    listed = load_annotations(paths).classes if all(map(is_file, paths)) else []
    return listed if set(named) <= set(listed) else named


def _labels(pairs: list[list[str]], classes: list[str]) -> dict[str, int | None]:
    """The number of the network's class for each simulated one, None for those that it does not have.

    Raises:
        InputError: the map names a class that does not exist, or no class is left.
    """
    known = dict(pairs) if pairs else {name: name for name in CLASSES}
    for simulated, own in known.items():
        if simulated not in CLASSES or (pairs and own not in classes):
            raise InputError(
                f"THERMAL.SIMULATION.CLASS_MAP maps '{simulated}' to '{own}': the first must be one of {', '.join(CLASSES)}, "
                f"the second one of {', '.join(classes)}."
            )
    labels = {name: classes.index(known[name]) if known.get(name) in classes else None for name in CLASSES}
    if set(labels.values()) == {None}:
        raise InputError(
            f"No simulated class is among {', '.join(classes)}: name pairs of a simulated and an own one in "
            "THERMAL.SIMULATION.CLASS_MAP."
        )
    return labels


@DATASET_REGISTRY.register()
class SimulatedPersonFrames(OfPeople, ThermalSimulated):
    """Frames of simulated rooms, as `PersonFrames` gives those of real ones, for the training of a detector."""

    @property
    def frame_size(self) -> tuple[int, int]:
        return self._size


def training_set(cfg) -> Thermal:
    """The data set that TRAIN.DATASET names: of clips, or of frames where a detector of people is trained."""
    if cfg.TRAIN.DATASET == "thermal_simulated":
        return SimulatedPersonFrames(cfg) if finds_people(cfg) else ThermalSimulated(cfg)
    return PersonFrames(cfg, "train") if finds_people(cfg) else Thermal(cfg, "train")
