"""Whether an exported graph gives what the network gives.

Letters as in `graph`.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch

from slowfast_thermal.export.graph import ActionGraph, GraphShapes

# Largest difference of a score, for numbers of 32 bits.
TOLERANCE = 1e-4
# Clips, people and objects.
_CASES = (1, 1, 0), (1, 3, 2), (3, 1, 3), (3, 17, 5)
_SIZES = (40, 60), (57, 48)

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Scores (R, C) of inputs by name."""


def random_cases(shapes: GraphShapes) -> Iterable[dict[str, np.ndarray]]:
    """Inputs of several numbers of clips, people and objects, and of two sensors."""
    for size in _SIZES:
        for seed, (num_clips, num_people, num_objects) in enumerate(_CASES):
            yield shapes.random(num_clips, num_people, size, num_objects, seed)


def largest_difference(graph: ActionGraph, run: Run, cases: Iterable[Mapping[str, np.ndarray]]) -> float:
    """Of the scores of all people in all cases."""
    return max(float(np.abs(scores(graph, case) - run(case)).max(initial=0)) for case in cases)


@torch.no_grad()
def scores(graph: ActionGraph, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the network gives, (R, C)."""
    return graph(*(torch.from_numpy(array) for array in inputs.values()))[0].numpy()
