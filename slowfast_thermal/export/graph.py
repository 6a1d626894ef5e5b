"""A trained network with everything between temperatures and scores, as one graph.

Letters: N clips, S planes (see `datasets.channels.planes`), T frames, h, w sensor pixels, R people, Q objects, C classes,
    D channels of a pooled feature.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from slowfast_thermal.datasets.planes import planes
from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing
from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.models.person_crops import PersonCrops

# 18 is the first in which RoiAlign and Split are what torch's exporter writes.
OPSET = 18
_SIZE = 40, 60


class ActionGraph(nn.Module):
    """A network behind the scaling of temperatures and boxes.

    Args:
        model: trained; put into evaluation mode.
        temperature_range: THERMAL.TEMPERATURE_RANGE, degrees Celsius.
    """

    def __init__(self, model: ThermalSlowFast, temperature_range: Sequence[float]):
        super().__init__()
        self.model = model
        self.low, self.high = temperature_range
        layer = model.input_layer
        self.size = None if isinstance(layer, PersonCrops) else layer.size
        """Height and width of the network's input; None where it reads windows around people."""
        self.sources = tuple(getattr(model.head, "sources", ()))
        """What people attend to besides themselves."""
        self.eval()

    def forward(
        self, slow: Tensor, fast: Tensor, boxes: Tensor, objects: Tensor | None = None, memory: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Scores of the people.

        Args:
            slow, fast: (N, S, T, h, w) float32 degrees Celsius without missing readings.
            boxes: (R, 5) float32, the clip's place in the batch and x1, y1, x2, y2 divided by the image size.
            objects: (Q, 5), like `boxes`, for a network that attends to objects.
            memory: (N, seconds, people, D), for a network that remembers: `features` of the people around each clip.

        Returns:
            (R, C) scores from 0 to 1, and for a network that remembers (R, D) features.
        """
        size = (slow.shape[3], slow.shape[4]) if self.size is None else self.size
        inputs = [((clip - self.low) * (1 / (self.high - self.low))).clamp(0, 1) for clip in (slow, fast)]
        boxes = self._to_pixels(boxes, size)
        if not self.sources:
            return (self.model(inputs, boxes),)
        objects = None if objects is None else self._to_pixels(objects, size)
        scores, features = self.model(inputs, boxes, objects, memory, return_pooled=True)
        return (scores, features) if "memory" in self.sources else (scores,)

    @staticmethod
    def _to_pixels(boxes: Tensor, size: tuple[int, int]) -> Tensor:
        clip, x1, y1, x2, y2 = boxes.unbind(1)
        return torch.stack([clip, x1 * size[1], y1 * size[0], x2 * size[1], y2 * size[0]], 1)


@dataclass(frozen=True)
class GraphShapes:
    """What a graph reads and gives.

    Attributes:
        num_planes: S.
        num_slow, num_fast: T of both pathways.
        memory: (seconds, people, D) of a network that remembers, else None.
        has_objects: whether it attends to objects.
    """

    num_planes: int
    num_slow: int
    num_fast: int
    memory: tuple[int, int, int] | None
    has_objects: bool

    @classmethod
    def of(cls, cfg, graph: ActionGraph) -> "GraphShapes":
        """The shapes of a configuration's network."""
        remembers = "memory" in graph.sources
        return cls(
            len(planes(cfg.THERMAL.CHANNELS)),
            cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA,
            cfg.DATA.NUM_FRAMES,
            tuple(graph.model.head.structure.memory_shape) if remembers else None,
            "object" in graph.sources,
        )

    @property
    def inputs(self) -> list[str]:
        """Names of what the graph reads, in their order."""
        names = ["slow", "fast", "boxes"]
        return (
            names + ["objects"] * (self.has_objects or self.memory is not None) + ["memory"] * (self.memory is not None)
        )

    @property
    def outputs(self) -> list[str]:
        """Names of what the graph gives, in their order."""
        return ["scores", "features"][: 1 + (self.memory is not None)]

    def random(
        self, num_clips: int, num_people: int, size: tuple[int, int], num_objects: int = 2, seed: int = 0
    ) -> dict[str, np.ndarray]:
        """Inputs of a warm room: the first box is the whole image, the second one pixel in its corner."""
        rng = np.random.default_rng(seed)
        shapes = [(num_clips, self.num_planes, length, *size) for length in (self.num_slow, self.num_fast)]
        slow, fast = (rng.normal(22, 4, shape).astype(np.float32) for shape in shapes)
        boxes = _random_boxes(rng, num_clips, num_people)
        height, width = size
        boxes[:2, 1:] = np.array([[0, 0, 1, 1], [1 - 1 / width, 1 - 1 / height, 1, 1]])[: len(boxes)]
        found = {"slow": slow, "fast": fast, "boxes": boxes, "objects": _random_boxes(rng, num_clips, num_objects)}
        if self.memory:
            found["memory"] = rng.normal(0, 1, (num_clips, *self.memory)).astype(np.float32)
        return {name: found[name] for name in self.inputs}


def _random_boxes(rng: np.random.Generator, num_clips: int, number: int) -> np.ndarray:
    corner, side = rng.uniform(0, 0.7, (number, 2)), rng.uniform(0.05, 0.3, (number, 2))
    clips = np.arange(number)[:, None] % num_clips
    return np.concatenate([clips, corner, corner + side], 1).astype(np.float32)


def write_onnx(graph: ActionGraph, shapes: GraphShapes, path: Path, metadata: dict[str, str]) -> None:
    """Writes the graph as ONNX, with any number of clips, people, objects and pixels.

    Args:
        metadata: texts by name, kept in the file.

    Raises:
        InputError: torch cannot trace the network.
    """
    with _exported(graph), torch.no_grad():
        program = torch.onnx.export(
            graph,
            _tensors(shapes.random(2, 3, _SIZE)),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=_free_shapes(shapes),
            input_names=shapes.inputs,
            output_names=shapes.outputs,
            verbose=False,
        )
    model = program.model
    model.metadata_props.update(metadata)
    with replacing(path) as temporary:
        program.save(temporary, external_data=False)


def write_program(graph: ActionGraph, shapes: GraphShapes, path: Path) -> None:
    """Writes the graph as torch.export does (`.pt2`). Raises InputError if torch cannot trace the network."""
    with _exported(graph), torch.no_grad():
        program = torch.export.export(
            graph, _tensors(shapes.random(2, 3, _SIZE)), dynamic_shapes=_free_shapes(shapes), strict=False
        )
    with replacing(path) as temporary, open(temporary, "wb") as file:
        torch.export.save(program, file)


def _tensors(arrays: dict[str, np.ndarray]) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in arrays.values())


def _free_shapes(shapes: GraphShapes) -> tuple[dict[int, object], ...]:
    free = torch.export.Dim.AUTO
    dims = {"slow": (0, 3, 4), "fast": (0, 3, 4)}
    return tuple({dim: free for dim in dims.get(name, (0,))} for name in shapes.inputs)


@contextmanager
def _exported(graph: ActionGraph):
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"Writing a network as a graph needs {error.name}: pip install {error.name}.") from None
    except Exception as error:  # of many kinds, by what in torch gave up
        raise InputError(
            f"torch {torch.__version__} cannot write this {type(graph.model).__name__} as a graph "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0]}): install another version of torch."
        ) from error
