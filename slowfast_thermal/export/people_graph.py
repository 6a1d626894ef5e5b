"""A trained detector of people as a graph: all boxes with their scores; which of them are people is decided beside it.

Letters: K frames, H, W pixels, P places of the grid.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slowfast_thermal.errors import InputError
from slowfast_thermal.export.graph import OPSET
from slowfast_thermal.files import replacing
from slowfast_thermal.models.person_detector import STRIDE, PersonDetector
from slowfast_thermal.people.detector import FindPeople

# Largest difference of a box, pixels of the frame.
BOX_TOLERANCE = 1e-3
_CASES = (1, (40, 60)), (3, (40, 60)), (2, (120, 160)), (1, (60, 40))


class PeopleGraph(nn.Module):
    """What `PersonDetector` computes before it leaves out overlapping boxes, for frames of any size."""

    def __init__(self, network: PersonDetector):
        super().__init__()
        self.network = network
        transform = network.transform
        self.height, self.divisor = transform.min_size[0], transform.size_divisible
        self.register_buffer("std", torch.tensor(transform.image_std).view(1, -1, 1, 1))
        self.register_buffer("outwards", torch.tensor([-1.0, -1.0, 1.0, 1.0]))
        (self.unit,) = network.anchor_generator.sizes[0]
        self.eval()

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(K, P, 4) boxes in pixels and (K, P) scores of (K, 3, H, W) channels in degrees Celsius."""
        height, width = frames.shape[2], frames.shape[3]
        shorter = torch.sym_min(height, width)
        tall, wide = height * self.height // shorter, width * self.height // shorter
        x = F.interpolate(frames / self.std, size=(tall, wide), mode="bilinear", align_corners=False)
        x = F.pad(x, (0, -wide % self.divisor, 0, -tall % self.divisor))
        features = self.network.backbone(x)["0"]
        found = self.network.head([features])
        scores = (found["cls_logits"].sigmoid() * found["bbox_ctrness"].sigmoid()).sqrt()[..., 0]
        rows, columns = features.shape[2], features.shape[3]
        y = torch.arange(rows)[:, None].expand(rows, columns).reshape(-1) * float(STRIDE)
        x = torch.arange(columns)[None].expand(rows, columns).reshape(-1) * float(STRIDE)
        boxes = torch.stack([x, y, x, y], 1) + found["bbox_regression"] * float(self.unit) * self.outwards
        size = torch.stack([torch.scalar_tensor(wide), torch.scalar_tensor(tall)] * 2)
        ratio = torch.stack([torch.scalar_tensor(width) / wide, torch.scalar_tensor(height) / tall] * 2)
        return boxes.clamp(min=0).minimum(size) * ratio, scores


def write_people_onnx(network: PersonDetector, path: Path) -> None:
    """Writes a detector as ONNX. Raises InputError if torch cannot trace it, or the people differ from the network's."""
    graph, free = PeopleGraph(network), torch.export.Dim.AUTO
    try:
        with torch.no_grad():
            program = torch.onnx.export(
                graph,
                (torch.zeros(2, 3, 40, 60),),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: free, 2: free, 3: free},),
                input_names=["frames"],
                output_names=["boxes", "scores"],
                verbose=False,
            )
    except Exception as error:  # of many kinds, by what in torch gave up
        raise InputError(
            f"torch {torch.__version__} cannot write the detector as a graph ({type(error).__name__}): install another version."
        ) from error
    with replacing(path) as temporary:
        program.save(temporary, external_data=False)


def largest_people_difference(network: PersonDetector, run: FindPeople) -> tuple[float, float]:
    """Of a box, in pixels, and of a score, between a network and what runs its graph; infinite where the numbers differ.

    Args:
        run: see `FindPeople`.
    """
    rng, differences = np.random.default_rng(0), [(0.0, 0.0)]
    for number, size in _CASES:
        frames = rng.normal(0, 3, (number, 3, *size)).astype(np.float32)
        for expected, found in zip(network.find_people(frames), run(frames), strict=True):
            if len(found[0]) != len(expected[0]):
                return np.inf, np.inf
            differences.append(tuple(float(np.abs(a - b).max(initial=0)) for a, b in zip(found, expected)))
    return tuple(map(max, zip(*differences)))
