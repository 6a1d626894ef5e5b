"""Checkpoints in PySlowFast's format and folder, with what a run needs to go on where it stopped."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from slowfast_thermal.checkpoint import checks
from slowfast_thermal.checkpoint.files import read_file
from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing

if TYPE_CHECKING:
    from torch.distributed.checkpoint.stateful import Stateful  # takes a second


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: of the next iteration, from 0.
        iteration: next one in that epoch, from 0.
        best_map: highest mAP of an evaluation so far, -1 before the first.
    """

    epoch: int = 0
    iteration: int = 0
    best_map: float = -1.0


@dataclass
class TrainingState:
    """All that changes during training, and what it belongs to.

    Attributes:
        classes: names, which tell later what was learned.
        memory: what the network remembers of other clips, if anything.
        epoch_iters: iterations of an epoch, where they are known.
        data: fingerprints of the annotation files, by name.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    classes: list[str]
    progress: Progress = field(default_factory=Progress)
    memory: "Stateful | None" = None
    epoch_iters: int | None = None
    data: dict[str, str] = field(default_factory=dict)


def unwrap(model: nn.Module) -> nn.Module:
    """The network inside a data parallel wrapper."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def save_checkpoint(path: Path, state: TrainingState, cfg) -> None:
    """Writes PySlowFast's checkpoint with the memory and the place in the data added.

    PySlowFast's `epoch` is the last complete one, counted from 0.
    """
    checkpoint = {
        "epoch": state.progress.epoch - 1,
        "model_state": unwrap(state.model).state_dict(),
        "optimizer_state": state.optimizer.state_dict(),
        "scaler_state": state.scaler.state_dict(),
        "cfg": cfg.dump(),
        "classes": state.classes,
        "data": state.data,
        "iteration": state.progress.iteration,
        "best_map": state.progress.best_map,
        "memory_state": state.memory.state_dict() if state.memory else None,
    }
    # A file of Python's tells why it cannot be written.
    with replacing(path, _num_bytes(checkpoint)) as temporary, open(temporary, "wb") as file:
        torch.save(checkpoint, file)


def _num_bytes(content: object) -> int:
    """Of the tensors in a nested content."""
    if isinstance(content, torch.Tensor):
        return content.nbytes
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, (list, tuple)) else ()
    return sum(map(_num_bytes, parts))


def read_checkpoint(path: Path) -> dict:
    """Reads a checkpoint in PySlowFast's format.

    Raises:
        InputError: the file cannot be read as data, or it is no PySlowFast checkpoint.
    """
    checkpoint = read_file(path)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("model_state"), dict):
        raise InputError(f"{path} is no PySlowFast checkpoint: it has no 'model_state'.")
    return checkpoint


def resume(path: Path, state: TrainingState) -> dict:
    """Puts everything back as it was when `path` was written.

    All of the file is looked at before any of it is used.

    Returns:
        What the file holds.

    Raises:
        DamagedFileError: the file is not as it was written.
        InputError: the checkpoint is of another network, other classes or another kind of run.
    """
    checkpoint = read_checkpoint(path)
    try:
        epoch, iteration, best_map = checks.check_progress(checkpoint, state.epoch_iters)
        checks.check_origin(checkpoint)
        _check_classes(path, checkpoint, state.classes)
        _check_weights(path, checkpoint["model_state"], state.model)
        optimizer_state = checks.fit_optimizer(checks.mapping(checkpoint, "optimizer_state"), state.optimizer)
        scaler_state = checks.check_scaler(checks.mapping(checkpoint, "scaler_state"))
        if state.memory:
            state.memory.load_state_dict(checks.mapping(checkpoint, "memory_state"))
    except ValueError as error:
        raise InputError(
            f"{path} cannot be resumed, for {error}: set OUTPUT_DIR to another folder, or start from its weights with "
            "TRAIN.CHECKPOINT_FILE_PATH."
        ) from None
    unwrap(state.model).load_state_dict(checkpoint["model_state"])
    state.optimizer.load_state_dict(optimizer_state)
    # A run without a scale, as on another device, left none: this one begins anew.
    if scaler_state:
        state.scaler.load_state_dict(scaler_state)
    state.progress.epoch, state.progress.iteration, state.progress.best_map = epoch, iteration, best_map
    return checkpoint


def _check_classes(path: Path, checkpoint: dict, classes: list[str]) -> None:
    learned = checks.names(checkpoint, "classes")
    if learned != classes:
        raise InputError(
            f"{path} was trained for the classes {', '.join(learned)}, but the annotations list {', '.join(classes)}: set "
            "OUTPUT_DIR to another folder, or start from its weights with TRAIN.CHECKPOINT_FILE_PATH."
        )


def load_weights(path: Path, tensors: dict[str, torch.Tensor], model: nn.Module) -> None:
    """Loads all weights of a network like this one; `path` is where they are from.

    Raises:
        InputError: names or shapes differ.
    """
    _check_weights(path, tensors, model)
    unwrap(model).load_state_dict(tensors)


def _check_weights(path: Path, tensors: dict[str, torch.Tensor], model: nn.Module) -> None:
    unfit = checks.unfit_weight(tensors, unwrap(model).state_dict())
    if unfit:
        raise InputError(
            f"{path} holds another network than the configuration describes ({unfit}): use the configuration it was trained "
            "with, or another OUTPUT_DIR."
        )
