"""Weights from another training to start from."""

import logging
from pathlib import Path

from torch import nn

from slowfast_thermal.checkpoint.training_state import read_checkpoint, unwrap
from slowfast_thermal.errors import InputError

logger = logging.getLogger(__name__)

# Below this part of the backbone's tensors a checkpoint is taken for one of another network.
_MIN_BACKBONE = 0.9


def load_pretrained(path: Path, model: nn.Module) -> None:
    """Loads a PySlowFast checkpoint into a network with perhaps other classes.

    Tensors are matched by name and shape; the classifier of another class list stays newly
    initialised. The log says what was loaded.

    Raises:
        InputError: the file cannot be read, or holds less than 90 % of the backbone.
    """
    network = unwrap(model)
    own, found = network.state_dict(), read_checkpoint(path)["model_state"]
    loaded = {name: found[name] for name in own if name in found and found[name].shape == own[name].shape}
    backbone = [name for name in own if not name.startswith("head.")]
    share = sum(name in loaded for name in backbone) / len(backbone)
    if share < _MIN_BACKBONE:
        raise InputError(
            f"{path} holds {share:.0%} of the backbone's tensors: check that RESNET.DEPTH and the SLOWFAST keys are "
            "those of the checkpoint."
        )
    network.load_state_dict({**own, **loaded})
    for title, names in (
        ("loaded", list(loaded)),
        ("newly initialised", [name for name in own if name not in loaded]),
        ("ignored", [name for name in found if name not in loaded]),
    ):
        logger.info("%s: %d tensors %s%s", path, len(names), title, f", such as {names[0]}" if names else "")
