"""A classifier of some classes as one of others, by pairs of a class and what it is called now."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from slowfast_thermal.checkpoint.sources import Weights
from slowfast_thermal.errors import InputError

logger = logging.getLogger(__name__)

# Logit of a class that no other is called.
_NEVER = -20.0


def is_mapped(weights: Weights, pairs: Sequence[Sequence[str]]) -> bool:
    """Whether there are pairs and all the classes that they map are the weights'."""
    return bool(pairs) and {theirs for theirs, _ in pairs} <= set(weights.classes or ())


def map_classes(weights: Weights, classes: Sequence[str], pairs: Sequence[Sequence[str]]) -> Weights:
    """The weights with a classifier of the wanted classes.

    A class of which one is called so has its logit. One of which several are has the mean of theirs, raised by the logarithm
    of their number, which is the logarithm of the sum of their odds where these are equal. One of which none is never wins.

    Args:
        weights: of a network whose classes are known.
        classes: the wanted ones.
        pairs: (a class of the weights, what it is called in `classes`).

    Raises:
        InputError: a pair names a class that is in neither list, or the weights do not tell their classes.
    """
    if weights.classes is None:
        raise InputError(
            f"{weights.path} does not name its classes, so THERMAL.SIMULATION.CLASS_MAP cannot be used: leave it out."
        )
    for theirs, own in pairs:
        if theirs not in weights.classes or own not in classes:
            raise InputError(
                f"THERMAL.SIMULATION.CLASS_MAP maps '{theirs}' to '{own}': the first must be one of "
                f"{', '.join(weights.classes)}, the second one of {', '.join(classes)}."
            )
    matrix = torch.zeros(len(classes), len(weights.classes))
    for theirs, own in pairs:
        matrix[classes.index(own), weights.classes.index(theirs)] = 1
    count = matrix.sum(1)
    if never := [name for name, number in zip(classes, count.tolist()) if not number]:
        logger.warning(
            "%s: nobody will be scored as %s, which THERMAL.SIMULATION.CLASS_MAP does not name.",
            weights.path,
            ", ".join(never),
        )
    raised = torch.tensor([math.log(n) if n else _NEVER for n in count.tolist()])
    matrix /= count.clamp(min=1)[:, None]
    tensors = dict(weights.tensors)
    name = "head.projection"
    tensors[f"{name}.weight"] = matrix @ tensors[f"{name}.weight"]
    tensors[f"{name}.bias"] = matrix @ tensors[f"{name}.bias"] + raised
    return replace(weights, tensors=tensors, classes=list(classes))
