"""What people do in recordings that nobody annotated: they are found, followed and scored, moment by moment.

Letters: N frames of a recording, H, W pixels, C classes.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.class_map import is_mapped
from slowfast_thermal.checkpoint.pretrained import load_trained
from slowfast_thermal.checkpoint.sources import read_weights
from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.loader import construct_test_loader
from slowfast_thermal.datasets.memory_recording import MemoryRecording
from slowfast_thermal.datasets.moments import Moments
from slowfast_thermal.datasets.person_frames import finds_people
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.engine.device import current_device
from slowfast_thermal.engine.exported import ExportedDetector, ExportedNetwork
from slowfast_thermal.engine.finding import detector_of, finder, follow_all, follower
from slowfast_thermal.engine.test import score_people
from slowfast_thermal.engine.trees import beside, load_trees
from slowfast_thermal.errors import InputError
from slowfast_thermal.export.session import PEOPLE, TREES, has_detector, is_exported, read_settings
from slowfast_thermal.people.predicted import PredictedPerson
from slowfast_thermal.people.tracks import TrackedPerson
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.temperatures import check_range
from slowfast_thermal.preparation.writing import Progress, no_progress
from slowfast_thermal.simulation.labels import mapped_classes
from slowfast_thermal.trees.people import read_people
from slowfast_thermal.user_input import is_file


class Predictor:
    """A trained network, or trees, with all that leads from temperatures to its scores; `from_checkpoint` makes one.

    Attributes:
        cfg: the configuration.
        classes: names of the C classes.
        model: the network; None where trees alone predict.
        forest: the trees; None where the network alone predicts.
        detector: of people; None where they are found as warm blobs.
        follow: gives the people of each frame of a recording.
        finder: starts a PersonFinder with the background of a sensor, None where it is not known.
    """

    def __init__(self, cfg, checkpoint: Path):
        self.cfg, self.model, self.forest = cfg, None, None
        weight = cfg.MODEL.TREES_WEIGHT
        if is_exported(checkpoint):
            self.classes = read_settings(checkpoint).classes
            self.model = ExportedNetwork(checkpoint, cfg, self.classes)
            cfg.MODEL.NUM_CLASSES = len(self.classes)
            if weight:
                self.forest = load_trees(checkpoint / TREES, self.classes)
        elif weight == 1:
            self.forest = load_trees(checkpoint)
            self.classes = self.forest.classes
        else:
            weights, pairs = read_weights(checkpoint, cfg.TEST.CHECKPOINT_TYPE), cfg.THERMAL.SIMULATION.CLASS_MAP
            self.classes = mapped_classes(pairs) if is_mapped(weights, pairs) else weights.classes
            if not self.classes:
                raise InputError(
                    f"{checkpoint} does not name its classes: train it here, or fine-tune from it, and give that checkpoint."
                )
            cfg.MODEL.NUM_CLASSES = len(self.classes)
            self.model = pyslowfast.build_model(cfg, current_device(cfg))
            load_trained(checkpoint, cfg.TEST.CHECKPOINT_TYPE, self.model, cfg, self.classes)
            self.model.eval()
            if weight:
                self.forest = load_trees(beside(checkpoint), self.classes)
        self._settings = DataSettings.from_config(cfg)
        self.detector, path = detector_of(cfg), cfg.THERMAL.PEOPLE_CHECKPOINT
        if self.detector is None and cfg.THERMAL.PEOPLE != "blobs" and has_detector(checkpoint):
            self.detector, path = ExportedDetector(checkpoint), checkpoint / PEOPLE
        self.follow, self.finder = follower(self.detector, path), finder(self.detector)

    @classmethod
    def from_checkpoint(
        cls, cfg_file: str, checkpoint: str, overrides: Sequence[str] = (), detector: str | None = None
    ) -> "Predictor":
        """Loads a checkpoint with the configuration that it was trained with.

        Args:
            cfg_file: YAML configuration.
            checkpoint: of a network, or the trees.npz of a run with MODEL.TREES_WEIGHT 1; or a folder of tools/export.py with a
                network; or the name of shipped weights.
            overrides: KEY, VALUE, KEY, ... of the configuration.
            detector: checkpoint of a ThermalPersonDetector; without one, people are found as in the exported folder, or as warm
                blobs.

        Raises:
            InputError: a file is missing, or the two do not fit each other.
        """
        # Recordings are opened by their own paths, but a configuration is not whole without this one.
        fixed = ["DATA.PATH_TO_DATA_DIR", ".", "TEST.CHECKPOINT_FILE_PATH", str(checkpoint)]
        if not torch.cuda.is_available():
            fixed += ["NUM_GPUS", "0"]
        if detector:
            fixed += ["THERMAL.PEOPLE", "detector", "THERMAL.PEOPLE_CHECKPOINT", str(detector)]
        cfg = load_config(cfg_file, [*fixed, *overrides])
        if finds_people(cfg):
            raise InputError(
                f"{cfg_file} is of a detector of people: give its checkpoint as the detector of a network of actions."
            )
        path = Path(cfg.TEST.CHECKPOINT_FILE_PATH)
        if os.path.isdir(path):
            read_settings(path)
        elif not is_file(path):
            raise InputError(f"Checkpoint '{path}' does not exist: give the .pyth file of a training.")
        if not is_exported(path) and (path.suffix == ".npz") != (cfg.MODEL.TREES_WEIGHT == 1):
            raise InputError(
                f"{path} does not fit MODEL.TREES_WEIGHT {cfg.MODEL.TREES_WEIGHT:g}: a trees.npz takes 1 (TREES.yaml), a network "
                "less."
            )
        cfg.NUM_GPUS = min(cfg.NUM_GPUS, 1)
        return cls(cfg, path)

    def __call__(self, frames: np.ndarray, timestamps: np.ndarray, every: float = 1.0) -> list[PredictedPerson]:
        """The people in frames of one sensor.

        Args:
            frames: (N, H, W) degrees Celsius, or in THERMAL.UNIT; a missing reading is NaN or below THERMAL.VALID_RANGE.
            timestamps: (N,) milliseconds, not decreasing.
            every: seconds from one moment to the next at which people are scored.

        Returns:
            The people of each moment, by time and track.

        Raises:
            InputError: the arrays do not fit each other, times decrease, `every` is not positive, or nearly all temperatures lie
                outside THERMAL.TEMPERATURE_RANGE.
        """
        node = self._settings
        settings = node.valid_range, node.fill_temperature, node.unit, node.packet_length
        return self.predict([MemoryRecording(frames, timestamps, *settings)], every)[0]

    def open(self, path: str | Path) -> Recording:
        """Opens an HDF5 recording as the training did. Raises InputError if it cannot be read."""
        return self._settings.open(Path(path))

    def predict(
        self,
        recordings: Sequence[Recording],
        every: float = 1.0,
        followed: Sequence[list[list[TrackedPerson]]] | None = None,
        progress: Progress = no_progress,
    ) -> list[list[PredictedPerson]]:
        """The people of each recording, as `__call__` gives them.

        Args:
            recordings: of different names.
            every: see `__call__`.
            followed: for each recording the people of each of its frames; found where none are given.
            progress: wraps the loop over this many batches of moments.

        Raises:
            InputError: see `__call__`.
        """
        if not 0 < every < np.inf:
            raise InputError(f"People cannot be scored every {every:g} seconds: give a positive number.")
        if len({recording.name for recording in recordings}) < len(recordings):
            raise InputError("Two recordings have the same name: predict them one at a time.")
        for recording in recordings:
            check_range(recording, self._settings.temperature_range)
        if followed is None:
            followed = list(follow_all(self.follow, recordings))
        dataset = Moments(self.cfg, self.classes, recordings, followed, every)
        scores = self._score(dataset, progress)
        predicted: dict[str, list[PredictedPerson]] = {recording.name: [] for recording in recordings}
        rows = iter(scores)
        for keyframe, people in zip(dataset.keyframes, dataset.people):
            for person, box, row in zip(people, keyframe.boxes, rows):
                named = dict(zip(self.classes, row.tolist()))
                predicted[keyframe.recording].append(
                    PredictedPerson(
                        keyframe.recording, keyframe.timestamp, person.track, box, person.score, person.seen, named
                    )
                )
        return list(predicted.values())

    @torch.inference_mode()
    def _score(self, dataset: Moments, progress: Progress) -> np.ndarray:
        """(R, C) scores of the R people of all moments in turn."""
        weight, scores = self.cfg.MODEL.TREES_WEIGHT, np.zeros((0, len(self.classes)), np.float32)
        if self.model is not None and len(dataset):
            loader = construct_test_loader(self.cfg, dataset, 0, 1)
            batches = score_people(self.model, progress(loader, len(loader)), dataset, self.cfg)
            scores = np.concatenate([found.float().cpu().numpy() for found, _, _ in batches])
        if self.forest is None:
            return scores
        trees = self.forest.predict(read_people(dataset).inputs)
        return trees if self.model is None else (1 - weight) * scores + weight * trees
