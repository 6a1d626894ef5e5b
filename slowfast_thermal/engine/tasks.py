"""What is learned: what people do, or where they are. The loop of `train` serves both."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from slowfast_thermal.checkpoint.training_state import TrainingState, unwrap
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.person_frames import finds_people
from slowfast_thermal.datasets.thermal import object_boxes
from slowfast_thermal.engine.device import autocast
from slowfast_thermal.engine.finding import evaluate_network
from slowfast_thermal.engine.processes import share_of_mean
from slowfast_thermal.engine.test import evaluate
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.models.losses import build_loss


class Task(Protocol):
    """In what trainings differ."""

    def begin(self, state: TrainingState) -> None:
        """Is called once, before the first step of this process."""

    def step(
        self, state: TrainingState, inputs: list[Tensor], labels: Tensor, extra: dict
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The loss of a batch, (2,) numbers of people who were right and of all people, and for a memory their features.

        Args:
            inputs, labels: of the batch, on the run's device.
            extra: see `Thermal.__getitem__`, collated.
        """

    def evaluate(self, model: torch.nn.Module, loader: DataLoader, after_batch: Callable[[], None]) -> Evaluation:
        """Evaluates on the validation keyframes; calls `after_batch` equally often in all processes."""


class Actions:
    """What people do."""

    def __init__(self, cfg, dataset: Thermal, device: torch.device):
        self._cfg, self._device = cfg, device
        self._loss = build_loss(cfg, torch.from_numpy(dataset.class_counts)).to(device)

    def begin(self, state: TrainingState) -> None:
        """See `Task`."""

    def step(
        self, state: TrainingState, inputs: list[Tensor], labels: Tensor, extra: dict
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """See `Task`; a person is right whose highest class is among their actions."""
        others = _others(state, extra) if self._cfg.IA.ENABLE else {}
        if "view" in extra:
            others["views"] = extra["view"]
        with autocast(self._cfg, self._device):
            result = state.model(inputs, extra["boxes"], **others)
        logits, pooled = result if self._cfg.IA.ENABLE else (result, None)
        right = labels.gather(1, logits.argmax(1, keepdim=True)).sum()
        loss = self._loss(logits, labels) * share_of_mean(len(labels), self._device)
        return loss, torch.stack([right, right.new_full((), len(labels))]), pooled

    def evaluate(self, model: torch.nn.Module, loader: DataLoader, after_batch: Callable[[], None]) -> Evaluation:
        """See `Task`."""
        return evaluate(model, loader, self._cfg, "val", after_batch)


class People:
    """Where people are."""

    def __init__(self, cfg, dataset: Thermal, device: torch.device):
        self._cfg, self._device, self._frame_size = cfg, device, dataset.frame_size

    def begin(self, state: TrainingState) -> None:
        """See `Task`; the network keeps for which frames it is."""
        unwrap(state.model).frame_size.copy_(torch.tensor(self._frame_size))

    def step(
        self, state: TrainingState, inputs: list[Tensor], labels: Tensor, extra: dict
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """See `Task`; none counts as right."""
        with autocast(self._cfg, self._device):
            loss = state.model(inputs[0], extra["boxes"].to(self._device))
        return loss, labels.new_zeros(2), None

    def evaluate(self, model: torch.nn.Module, loader: DataLoader, after_batch: Callable[[], None]) -> Evaluation:
        """See `Task`; each process does all of it."""
        model.eval()
        return evaluate_network(unwrap(model), loader.dataset, after_batch)


def task_of(cfg, dataset: Thermal, device: torch.device) -> Task:
    """The task of a run.

    Args:
        dataset: that it trains on.
        device: of the run.
    """
    return (People if finds_people(cfg) else Actions)(cfg, dataset, device)


def _others(state: TrainingState, extra: dict) -> dict:
    """What IARoIHead takes besides the people: the objects of the clips and the memory around them."""
    others = {"objects": object_boxes(extra["objects"]), "return_pooled": True}
    if state.memory:
        clips = extra["boxes"][:, 0].long()
        others["memory"] = state.memory.read(extra["metadata"], clips, len(extra["objects"]))
    return others
