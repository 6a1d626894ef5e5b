"""What a checkpoint holds, told to people, and the same weights in PySlowFast's format."""

from pathlib import Path

import torch
import yaml

from slowfast_thermal.checkpoint.sources import STATISTICS_COUNT, Weights
from slowfast_thermal.checkpoint.variants import block_names, describe_backbone, overrides
from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing


def summarize(weights: Weights) -> dict[str, str]:
    """What there is to know of a checkpoint before it is used, by heading."""
    backbone = describe_backbone(weights.tensors)
    classifier = weights.tensors.get("head.projection.weight")
    blocks = block_names(weights.tensors)
    counted = sum(not name.endswith(STATISTICS_COUNT) for name in weights.tensors)
    depth = backbone.get("RESNET.DEPTH")
    return {
        "file": str(weights.path),
        "format": f"{weights.source.title} (CHECKPOINT_TYPE {weights.source.name})",
        "network": f"SlowFast R{depth}" if depth else "SlowFast of another depth than 14, 26, 50, 101 and 152",
        "classifier": "none" if classifier is None else f"{len(classifier)} classes of {classifier.shape[1]} features",
        "classes": ", ".join(weights.classes) if weights.classes else "not named",
        "interactions": ", ".join(blocks) or "none",
        "tensors": f"{counted} used, {len(weights.ignored)} ignored {', '.join(weights.ignored[:3])}".strip(),
        "configuration": overrides(backbone | dict(weights.settings)),
    }


def write_pyslowfast(weights: Weights, path: Path) -> list[str]:
    """Writes a checkpoint that PySlowFast's own `load_checkpoint` reads.

    Its `cfg` holds the settings with which the network computes what the source's computed.

    Returns:
        Names of tensors for which PySlowFast's own network has no place: interactions, the second layer of a classifier,
        a lateral connection's bias. This project's network has one.

    Raises:
        InputError: there is such a file already, or its folder cannot be written.
    """
    if path.exists():
        raise InputError(f"{path} exists already: choose another name.")
    settings: dict[str, dict] = {}
    for key, value in (describe_backbone(weights.tensors) | dict(weights.settings)).items():
        *nodes, name = key.split(".")
        inner = settings
        for node in nodes:
            inner = inner.setdefault(node, {})
        inner[name] = value
    content = {"model_state": weights.tensors, "cfg": yaml.safe_dump(settings)}
    if weights.classes is not None:
        content["classes"] = weights.classes
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            torch.save(content, file)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): choose another folder.") from None
    own = ("head.structure.", "head.hidden.")
    return [name for name in weights.tensors if name.startswith(own) or name.endswith("_fuse.conv_f2s.bias")]
