"""Weights from another training to start from, in a network with perhaps other classes or fewer interactions."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tabulate import tabulate
from torch import Tensor, nn

from slowfast_thermal.checkpoint.class_map import is_mapped, map_classes
from slowfast_thermal.checkpoint.origin import Labels
from slowfast_thermal.checkpoint.sources import STATISTICS_COUNT, Weights, read_weights
from slowfast_thermal.checkpoint.training_state import load_weights, unwrap
from slowfast_thermal.checkpoint.variants import block_names, describe_backbone, overrides
from slowfast_thermal.config_values import leaves
from slowfast_thermal.errors import InputError

logger = logging.getLogger(__name__)

# Below this part of the backbone's tensors a checkpoint is taken for one of another network.
_MIN_BACKBONE = 0.9
# Weight and bias of the classifier, which belong together.
_CLASSIFIER = "head.projection."


@dataclass(frozen=True)
class LoadReport:
    """What became of the tensors, by name; those of a network's counters of batch norm are not mentioned.

    Attributes:
        loaded: as they were in the checkpoint.
        reshaped: fitted to the network, each with how.
        initialised: of the network, left as they were.
        ignored: of the checkpoint, in its own names where they have no other.
    """

    loaded: list[str]
    reshaped: dict[str, str]
    initialised: list[str]
    ignored: list[str]

    def table(self) -> str:
        """Counts and first names."""
        reshaped = [f"{name} ({how})" for name, how in self.reshaped.items()]
        rows = [
            (title, len(names), ", ".join(names[:2]) + (", ..." if len(names) > 2 else ""))
            for title, names in (
                ("loaded", self.loaded),
                ("reshaped", reshaped),
                ("newly initialised", self.initialised),
                ("ignored", self.ignored),
            )
        ]
        return tabulate(rows, headers=["", "tensors", "first names"], disable_numparse=True)


def load_pretrained(model: nn.Module, cfg, classes: Sequence[str]) -> LoadReport:
    """Loads TRAIN.CHECKPOINT_FILE_PATH, of any of the sources, into a network.

    Tensors are matched by name. A 2D kernel, or one of a single frame, is inflated to the network's frames as PySlowFast
    does it; a stem of three channels is summed for a network of one. Interaction blocks are matched by name, and of the
    weights with which a dense structure sums results those of the blocks that the network has are kept. The classifier
    is loaded only if the classes are the same, by THERMAL.SIMULATION.CLASS_MAP where the checkpoint has those that it names,
    or their number where the checkpoint names none.

    Args:
        model: changed in place, unless an error is raised.
        cfg: of the run; differences to the network that the checkpoint comes from are logged.
        classes: names of the network's classes.

    Raises:
        InputError: the file cannot be read, or fits less than 90 % of the backbone.
    """
    network = unwrap(model)
    weights = read_weights(Path(cfg.TRAIN.CHECKPOINT_FILE_PATH), cfg.TRAIN.CHECKPOINT_TYPE)
    if is_mapped(weights, cfg.THERMAL.SIMULATION.CLASS_MAP):
        weights = _mapped(weights, classes, cfg)
    own = network.state_dict()
    fitted, report = _fit(weights, own, classes)
    _check_backbone(weights, own, fitted)
    network.load_state_dict({**own, **fitted})
    logger.info("%s (%s):\n%s", weights.path, weights.source.title, report.table())
    if any(name.startswith(_CLASSIFIER) for name in report.initialised):
        logger.info("The classifier is newly initialised: %s.", _other_classifier(weights, own, classes))
    _log_differences(weights, network, cfg)
    return report


def load_trained(path: Path, kind: str, model: nn.Module, cfg, classes: Sequence[str]) -> Labels | None:
    """Loads a whole network, as it was trained, from a checkpoint of any of the sources.

    Args:
        path: of the checkpoint.
        kind: its TEST.CHECKPOINT_TYPE.
        model: changed in place.
        cfg: of the run; differences to the network that the checkpoint comes from are logged.
        classes: names of the network's classes.

    Returns:
        What it was trained on, where the file tells.

    Raises:
        InputError: the file cannot be read, or is of another network or of other classes.
    """
    weights = _mapped(read_weights(path, kind), classes, cfg)
    if weights.classes not in (None, list(classes)):
        raise InputError(
            f"{path} was trained for the classes {', '.join(weights.classes)}, but the annotations list "
            f"{', '.join(classes)}: test it on annotations with its classes, in "
            "their order, or say by THERMAL.SIMULATION.CLASS_MAP which of yours they are."
        )
    load_weights(path, weights.tensors, model)
    _log_differences(weights, unwrap(model), cfg)
    return weights.learned


def _mapped(weights: Weights, classes: Sequence[str], cfg) -> Weights:
    """The weights, of other classes by THERMAL.SIMULATION.CLASS_MAP where it is given."""
    pairs = cfg.THERMAL.SIMULATION.CLASS_MAP
    return map_classes(weights, classes, pairs) if pairs and weights.classes != list(classes) else weights


def _fit(weights: Weights, own: dict[str, Tensor], classes: Sequence[str]) -> tuple[dict[str, Tensor], LoadReport]:
    """The checkpoint's tensors as the network takes them, and the report."""
    found = dict(weights.tensors)
    if weights.classes not in (None, list(classes)):
        found = {name: tensor for name, tensor in found.items() if not name.startswith(_CLASSIFIER)}
    reshaped = _select_results(found, own)
    fitted = {}
    for name in own.keys() & found.keys():
        tensor, how = _reshape(found[name], own[name].shape)
        if tensor is not None:
            fitted[name] = tensor
            if how:
                reshaped[name] = how
    classifier = {name for name in own if name.startswith(_CLASSIFIER)}
    if not classifier <= fitted.keys():
        fitted = {name: tensor for name, tensor in fitted.items() if name not in classifier}
    mentioned = [name for name in own if not name.endswith(STATISTICS_COUNT)]
    report = LoadReport(
        loaded=[name for name in mentioned if name in fitted and name not in reshaped],
        reshaped={name: reshaped[name] for name in mentioned if name in fitted and name in reshaped},
        initialised=[name for name in mentioned if name not in fitted],
        ignored=[name for name in weights.tensors if name not in fitted and not name.endswith(STATISTICS_COUNT)]
        + weights.ignored,
    )
    return fitted, report


def _reshape(tensor: Tensor, shape: torch.Size) -> tuple[Tensor | None, str]:
    """The tensor in a network's shape and how it got there; None where it does not fit."""
    if tensor.shape == shape:
        return tensor, ""
    if len(shape) != 5:
        return None, ""
    steps = []
    if tensor.dim() == 4:
        tensor = tensor.unsqueeze(2)
    if tensor.dim() == 5 and tensor.shape[2] == 1 and tensor.shape[3:] == shape[3:] and shape[2] > 1:
        tensor = tensor.repeat(1, 1, shape[2], 1, 1) / shape[2]
        steps.append(f"inflated to {shape[2]} frames")
    if tensor.dim() == 5 and tensor.shape[1] == 3 and shape[1] == 1:
        tensor = tensor.sum(1, keepdim=True)
        steps.append("three channels summed")
    return (tensor, ", ".join(steps) or "inflated to 1 frame") if tensor.shape == shape else (None, "")


def _select_results(found: dict[str, Tensor], own: Iterable[str]) -> dict[str, str]:
    """Gives each block of a dense structure its weights of the results before it that the network has too.

    `head.structure.result_weights.K` (K, C) weigh the results of the first K blocks for the next one, so they belong to
    that block and change their number with the blocks before it.

    Returns:
        How the tensors that were changed in `found` were changed.
    """
    prefix = "head.structure.result_weights."
    theirs, ours = block_names(found), block_names(own)
    if theirs == ours:
        return {}
    given = {name: found.pop(name) for name in list(found) if name.startswith(prefix)}
    changed = {}
    for count, block in enumerate(ours):
        before = ours[:count]
        if count < 2 or block not in theirs:
            continue
        place = theirs.index(block)
        if f"{prefix}{place}" in given and set(before) <= set(theirs[:place]):
            found[f"{prefix}{count}"] = given[f"{prefix}{place}"][[theirs.index(name) for name in before]]
            changed[f"{prefix}{count}"] = f"rows of {', '.join(before)}"
    return changed


def _check_backbone(weights: Weights, own: dict[str, Tensor], fitted: Iterable[str]) -> None:
    """InputError if the checkpoint is of another backbone, with the two nearest explanations."""

    def backbone(names: Iterable[str]) -> set[str]:
        return {name for name in names if not name.startswith("head.") and not name.endswith(STATISTICS_COUNT)}

    whole = max(backbone(own), backbone(weights.tensors), key=len)
    share = len(backbone(fitted)) / len(whole)
    if share < _MIN_BACKBONE:
        described, configured = describe_backbone(weights.tensors), describe_backbone(own)
        reasons = [
            f"{key} is {configured[key]} here and {described.get(key, 'unknown')} there"
            for key in configured
            if described.get(key) != configured[key]
        ]
        raise InputError(
            f"{weights.path} ({weights.source.title}) fits {share:.0%} of the backbone's tensors: "
            f"{'; '.join(reasons[:2]) or 'their shapes differ'}; choose the configuration of that network, or another file."
        )


def _other_classifier(weights: Weights, own: dict[str, Tensor], classes: Sequence[str]) -> str:
    if weights.classes not in (None, list(classes)):
        return f"the checkpoint's classes are {', '.join(weights.classes)}"
    theirs, ours = weights.tensors.get(f"{_CLASSIFIER}weight"), own[f"{_CLASSIFIER}weight"]
    if theirs is None:
        return "the checkpoint has none"
    return (
        f"the checkpoint's has {len(theirs)} classes of {theirs[0].numel()} features, this one {len(ours)} of "
        f"{ours[0].numel()}"
    )


def _log_differences(weights: Weights, network: nn.Module, cfg) -> None:
    """Warns of settings other than those with which the network would compute what the checkpoint's computed."""
    described, configured = describe_backbone(weights.tensors), describe_backbone(network.state_dict())
    wanted = {key: value for key, value in described.items() if configured.get(key) not in (None, value)}
    here = leaves(cfg)
    wanted |= {key: value for key, value in weights.settings.items() if here[key] != value}
    if "temperature" not in here["THERMAL.CHANNELS"] and "THERMAL.TEMPERATURE_RANGE" in wanted:
        # Channels that are differences of temperatures are scaled by the range's width alone.
        (low, high), (low_here, high_here) = wanted["THERMAL.TEMPERATURE_RANGE"], here["THERMAL.TEMPERATURE_RANGE"]
        if high - low == high_here - low_here:
            del wanted["THERMAL.TEMPERATURE_RANGE"]
    if wanted:
        logger.warning(
            "%s was trained with other settings. To compute what it computed there, add: %s",
            weights.path,
            overrides(wanted),
        )
