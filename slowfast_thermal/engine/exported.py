"""An exported network in the place of a trained one: the loops give it what they give to `ThermalSlowFast`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from slowfast_thermal.errors import InputError
from slowfast_thermal.export.session import ExportedActions, Memory, open_people, read_settings
from slowfast_thermal.models.feature_bank import FeatureBank

# What decides which frames a clip has, and what its numbers mean.
_SAME = (
    ("DATA", "NUM_FRAMES"),
    ("DATA", "SAMPLING_RATE"),
    ("SLOWFAST", "ALPHA"),
    ("THERMAL", "CHANNELS"),
    ("THERMAL", "CLIP_SECONDS"),
    ("THERMAL", "DIFFERENCE_SECONDS"),
    ("THERMAL", "INPUT_SIZE"),
    ("THERMAL", "TEMPERATURE_RANGE"),
)


class Unscored(NamedTuple):
    """People of N clips with all that their scores are made of, but the memory."""

    persons: Tensor
    """(R, D) features."""
    num_clips: int
    """N."""
    inputs: dict[str, np.ndarray]
    """Of the graph, by name."""


class ExportedNetwork(nn.Module):
    """The network of a folder that `tools/export.py` wrote, for evaluation on the CPU.

    Args:
        folder: the folder.
        cfg: the run's configuration.
        classes: names of the data set's classes.

    Attributes:
        actions: what runs the folder.

    Raises:
        InputError: the folder cannot be run, or its classes or its clips are others.
    """

    def __init__(self, folder: Path, cfg, classes: Sequence[str]):
        super().__init__()
        self.actions = ExportedActions(folder, torch.get_num_threads())
        if not self.actions.has_network:
            raise InputError(
                f"{folder} holds trees alone: give the trees.npz in it, with TREES.yaml, or watch with its run.py."
            )
        if self.actions.classes != list(classes):
            raise InputError(
                f"{folder} has the classes {', '.join(self.actions.classes)}, the data {', '.join(classes)}: export a network "
                "of this data set."
            )
        differing = [f"{node}.{key}" for node, key in _SAME if self.actions.cfg[node][key] != cfg[node][key]]
        if differing:
            raise InputError(
                f"{folder} was exported with another {differing[0]} than this configuration has: give the configuration of its "
                "training."
            )
        if cfg.NUM_GPUS:
            raise InputError(f"{folder} runs on the CPU: set NUM_GPUS 0.")
        self._cfg = cfg

    def forward(self, inputs: list[Tensor], bboxes: Tensor) -> Tensor:
        """(R, C) scores of what `ThermalSlowFast.forward` takes."""
        return torch.from_numpy(self.actions(self._named(inputs, bboxes))[0])

    @property
    def head(self) -> "ExportedNetwork":
        """Where `ThermalSlowFast` has `classify` and `structure`."""
        return self

    @property
    def structure(self) -> Memory:
        """What is remembered, of a network that remembers."""
        return self.actions.memory

    def pool(self, inputs: list[Tensor], bboxes: Tensor, objects: Tensor) -> Unscored:
        """The people of clips for `classify`."""
        named = self._named(inputs, bboxes, objects)
        features = torch.zeros(len(bboxes), 0)
        if self.structure:
            empty = np.zeros((len(inputs[0]), *self.structure.memory_shape), np.float32)
            features = torch.from_numpy(self.actions({**named, "memory": empty})[1])
        return Unscored(features, len(inputs[0]), named)

    def new_memory(self, recordings: list[str]) -> FeatureBank | None:
        """An empty bank; None for a network that remembers nothing."""
        if not self.structure:
            return None
        _, max_per_second, dim = self.structure.memory_shape
        return FeatureBank(recordings, self.structure.window, max_per_second, dim)

    def classify(self, pooled: Unscored, memory: Tensor | None = None) -> Tensor:
        """(R, C) scores of pooled people and what is remembered around their clips."""
        named = pooled.inputs if memory is None else {**pooled.inputs, "memory": memory.numpy()}
        return torch.from_numpy(self.actions(named)[0])

    def _named(self, inputs: list[Tensor], bboxes: Tensor, objects: Tensor | None = None) -> dict[str, np.ndarray]:
        return graph_inputs(self._cfg, inputs, bboxes, bboxes[:0] if objects is None else objects)


class ExportedDetector:
    """The detector of a folder that `tools/export.py` wrote, in the place of a `PersonDetector`; it can be sent to other processes.

    Args:
        folder: one that has a detector.

    Attributes:
        find_people: see `FindPeople`.
        frame_size: (2,) height and width of the frames that it was trained on.

    Raises:
        InputError: the folder cannot be run.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.find_people = open_people(folder, torch.get_num_threads())
        self.frame_size = np.array(read_settings(folder).detector_frame_size)

    def __reduce__(self):
        return ExportedDetector, (self._folder,)


def graph_inputs(cfg, inputs: list[Tensor], bboxes: Tensor, objects: Tensor) -> dict[str, np.ndarray]:
    """What `ActionGraph` takes, by name and without a memory, of what `ThermalSlowFast` takes."""
    node = cfg.THERMAL
    low, high = node.TEMPERATURE_RANGE
    height, width = inputs[0].shape[3:] if node.PERSON_CROPS.ENABLE else node.INPUT_SIZE
    scale = torch.tensor([1, width, height, width, height], dtype=torch.float32)
    named = {name: (clip * (high - low) + low).numpy() for name, clip in zip(("slow", "fast"), inputs)}
    return named | {name: (of.float() / scale).numpy() for name, of in (("boxes", bboxes), ("objects", objects))}
