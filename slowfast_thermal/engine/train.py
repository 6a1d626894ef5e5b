"""Training of a detector."""

import datetime
import logging
import math
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.origin import fingerprints
from slowfast_thermal.checkpoint.pretrained import load_pretrained
from slowfast_thermal.checkpoint.training_state import (
    Progress,
    TrainingState,
    save_checkpoint,
    unwrap,
)
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import as_tensors, construct_train_loader
from slowfast_thermal.datasets.person_frames import finds_people
from slowfast_thermal.engine.device import current_device, mixed_precision, to_device
from slowfast_thermal.engine.interruption import StoppedError, StopRequest
from slowfast_thermal.engine.processes import gather_rows, remember
from slowfast_thermal.engine.resuming import resume_newest
from slowfast_thermal.engine.tasks import Task, task_of
from slowfast_thermal.engine.tensorboard import TrainingBoard
from slowfast_thermal.engine.test import export_meter_files, has_validation, prepare_evaluation
from slowfast_thermal.engine.trees import fit_run_trees
from slowfast_thermal.errors import InputError, Interrupted
from slowfast_thermal.models.roi_head import interaction_lr_factors
from slowfast_thermal.pyslowfast import distributed as du
from slowfast_thermal.simulation.dataset import training_set

logger = logging.getLogger(__name__)


class _Step(NamedTuple):
    """One iteration whose loss has not been read from the device yet: `index` of its samples, (2,) numbers of people whose
    highest class was `right` and of all people, and learning `rate`."""

    iteration: int
    index: torch.Tensor
    right: torch.Tensor
    loss: torch.Tensor
    rate: float


def train(cfg) -> None:
    """Trains as configured, from the run's last checkpoint if there is one.

    Raises:
        InputError: the data, a checkpoint or the configuration does not fit, or the loss became infinite
            or no number.
        Interrupted: SIGTERM, SIGUSR1 or SIGINT came; a checkpoint has been written.
    """
    pyslowfast.setup_logging(cfg.OUTPUT_DIR)
    device = current_device(cfg)
    if cfg.MODEL.TREES_WEIGHT == 1:
        if du.get_rank() == 0:
            fit_run_trees(cfg)
        return
    dataset = training_set(cfg)
    loader = construct_train_loader(cfg, dataset, du.get_rank(), du.get_world_size())
    state = _initial_state(cfg, device, dataset, loader.sampler.epoch_iters)
    # From here on the run is not refused, and may take the place of an earlier one's files.
    if cfg.MODEL.TREES_WEIGHT and du.get_rank() == 0:
        fit_run_trees(cfg)
    val_loader = _prepare_validation(cfg, dataset)
    task = task_of(cfg, dataset, device)
    task.begin(state)
    board = None
    if du.get_rank() == 0:
        board = TrainingBoard(cfg)
    meter = pyslowfast.AVAMeter(loader.sampler.epoch_iters, cfg, "train")

    progress = state.progress
    with StopRequest(cfg.DIST_TIMEOUT) as stop:
        for epoch in range(progress.epoch, cfg.SOLVER.MAX_EPOCH):
            if progress.iteration < loader.sampler.epoch_iters:
                loader.sampler.set_position(epoch, progress.iteration)
                _train_epoch(state, loader, task, meter, board, stop, cfg)
            _finish_epoch(state, epoch, val_loader, task, board, stop, cfg)
    if board:
        board.close()


def _prepare_validation(cfg, dataset: Thermal) -> DataLoader | None:
    """The loader of the validation keyframes; None where no person is to be evaluated."""
    loader = None
    if has_validation(cfg):
        loader = prepare_evaluation(cfg, "val")
    else:
        export_meter_files(dataset, cfg)
    if not loader or not len(loader.dataset):
        logger.info("%s: there is no person to validate on, so no mAP is measured.", cfg.THERMAL.TEST_ANNOTATIONS)
        return None
    return loader


def _initial_state(cfg, device: torch.device, dataset: Thermal, epoch_iters: int) -> TrainingState:
    torch.manual_seed(cfg.RNG_SEED)
    model = pyslowfast.build_model(cfg, device)
    state = TrainingState(
        model=model,
        optimizer=pyslowfast.construct_optimizer(model, cfg, interaction_lr_factors(model, cfg)),
        # Float16 gradients underflow without a scale.
        scaler=torch.amp.GradScaler(device.type, enabled=mixed_precision(cfg, device) == torch.float16),
        classes=dataset.classes,
        progress=Progress(),
        memory=None if finds_people(cfg) else unwrap(model).new_memory(dataset.recordings, cfg.IA.PENALTY),
        epoch_iters=epoch_iters,
        data=fingerprints(cfg),
    )
    paths = pyslowfast.run_checkpoints(cfg.OUTPUT_DIR) if cfg.TRAIN.AUTO_RESUME else []
    if paths:
        resume_newest(paths, state, cfg)
    elif cfg.TRAIN.CHECKPOINT_FILE_PATH:
        load_pretrained(model, cfg, dataset.classes)
    _check_same_start(state.progress, device)
    return state


def _finish_epoch(
    state: TrainingState,
    epoch: int,
    loader: DataLoader | None,
    task: Task,
    board: TrainingBoard | None,
    stop: StopRequest,
    cfg,
) -> None:
    """Evaluates and saves where it is time for it. A stop is then due between all batches and after all files.

    Raises:
        Interrupted: a signal came; a checkpoint has been written.
    """
    progress = state.progress
    progress.epoch, progress.iteration = epoch + 1, 0
    last = progress.epoch == cfg.SOLVER.MAX_EPOCH
    due, path = None, None
    if loader and (last or progress.epoch % cfg.TRAIN.EVAL_PERIOD == 0):
        due = _validate(state, loader, task, board, stop, cfg)
    if due:  # the evaluation is to be done again
        progress.epoch, progress.iteration = epoch, state.epoch_iters
    elif last or progress.epoch % cfg.TRAIN.CHECKPOINT_PERIOD == 0:
        path = _save_progress(state, cfg)
    due = due or stop.is_due(wait=True)
    if due:
        path = path or _save_progress(state, cfg)
        raise Interrupted(f"{due} stopped the run after epoch {epoch + 1}: the same command goes on from {path}.")


def _check_same_start(progress: Progress, device: torch.device) -> None:
    starts = gather_rows(torch.tensor([[progress.epoch, progress.iteration]]), device)
    if any(not torch.equal(start, starts[0]) for start in starts):
        raise InputError(
            "The machines of this run do not find the same checkpoint: put OUTPUT_DIR on a file system that they share."
        )


def _train_epoch(
    state: TrainingState,
    loader: DataLoader,
    task: Task,
    meter: pyslowfast.AVAMeter,
    board: TrainingBoard | None,
    stop: StopRequest,
    cfg,
) -> None:
    """Trains from the progress's iteration to the end of its epoch, or until a stop is due, and then raises Interrupted."""
    device = current_device(cfg)
    progress, optimizer, scaler = state.progress, state.optimizer, state.scaler
    epoch_iters = loader.sampler.epoch_iters
    state.model.train()
    if cfg.MODEL.FROZEN_BN:
        pyslowfast.frozen_bn_stats(state.model)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    first, started = progress.iteration, time.monotonic()
    steps: list[_Step] = []
    epoch_right = epoch_people = 0.0
    meter.reset()
    meter.iter_tic()
    for progress.iteration, batch in enumerate(loader, start=first):
        inputs, labels, index, extra = as_tensors(batch)
        inputs, labels = to_device(inputs, labels, device=device)
        meter.data_toc()
        rate = pyslowfast.get_epoch_lr(progress.epoch + progress.iteration / epoch_iters, cfg)
        pyslowfast.set_lr(optimizer, rate)
        _seed_step(cfg, progress.epoch * epoch_iters + progress.iteration)

        loss, right, pooled = task.step(state, inputs, labels, extra)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        if cfg.SOLVER.CLIP_GRAD_VAL:
            torch.nn.utils.clip_grad_value_(parameters, cfg.SOLVER.CLIP_GRAD_VAL)
        elif cfg.SOLVER.CLIP_GRAD_L2NORM:
            torch.nn.utils.clip_grad_norm_(parameters, cfg.SOLVER.CLIP_GRAD_L2NORM)
        scaler.step(optimizer)
        scaler.update()
        if state.memory:
            remember(state.memory, extra["metadata"], extra["boxes"][:, 0].long(), pooled, device, loss)

        steps.append(_Step(progress.iteration, index, right, loss.detach(), rate))
        meter.iter_toc()
        done = progress.iteration + 1
        if done % cfg.LOG_PERIOD == 0 or done == epoch_iters:
            right, people = _read_losses(steps, meter, progress, loader.dataset, device)
            epoch_right, epoch_people = epoch_right + right, epoch_people + people
            meter.log_iter_stats(progress.epoch, progress.iteration)
            per_iter = (time.monotonic() - started) / (done - first)
            remaining = (cfg.SOLVER.MAX_EPOCH - progress.epoch) * epoch_iters - done
            logger.info(
                "epoch %d/%d, iteration %d/%d: loss %.4f, learning rate %.2e, %.2f s an iteration, ETA %s",
                progress.epoch + 1, cfg.SOLVER.MAX_EPOCH, done, epoch_iters, meter.loss.get_win_median(), rate,
                per_iter, datetime.timedelta(seconds=round(per_iter * remaining)),
            )  # fmt: skip
            if board:
                iteration = progress.epoch * epoch_iters + done
                board.add_training(iteration, meter.loss.get_win_median(), rate, right / max(people, 1))
        signal_name = stop.is_due()
        if signal_name:
            _read_losses(steps, meter, progress, loader.dataset, device)
            progress.iteration = done
            path = _save_progress(state, cfg)
            raise Interrupted(
                f"{signal_name} stopped the run in epoch {progress.epoch + 1} after iteration {done}: the same command "
                f"goes on from {path}."
            )
        meter.iter_tic()
    stats = {"_type": "train_epoch", "cur_epoch": str(progress.epoch + 1), "mode": "train"}
    pyslowfast.log_json_stats({**stats, "top1": epoch_right / max(epoch_people, 1)}, cfg.OUTPUT_DIR)


def _seed_step(cfg, step: int) -> None:
    """Makes dropout depend on the seed, the step and the process alone: a run that is resumed draws as one that was not."""
    seed = np.random.SeedSequence((cfg.RNG_SEED, step, du.get_rank())).generate_state(1, np.uint64)
    torch.manual_seed(int(seed[0]))


def _read_losses(
    steps: list[_Step], meter: pyslowfast.AVAMeter, progress: Progress, dataset: Thermal, device: torch.device
) -> tuple[float, float]:
    """Takes the losses of all processes since the last call into the meter, and adds up the people whose highest class was
    right and all people; here the loop waits for the device."""
    if not steps:
        return 0.0, 0.0
    losses = torch.stack(gather_rows(torch.stack([step.loss for step in steps]), device), 1).tolist()
    indices = torch.stack(gather_rows(torch.stack([step.index for step in steps]), device), 1).tolist()
    for step, step_losses, step_indices in zip(steps, losses, indices):
        for loss, batch in zip(step_losses, step_indices):
            if not math.isfinite(loss):
                clips = ", ".join(str(dataset.keyframe(index).image_id) for index in batch)
                raise InputError(
                    f"The loss is {loss} in epoch {progress.epoch + 1}, iteration {step.iteration + 1}, on the clips "
                    f"{clips}: lower SOLVER.BASE_LR, raise SOLVER.WARMUP_EPOCHS, set SOLVER.CLIP_GRAD_L2NORM 1.0, or set "
                    "TRAIN.MIXED_PRECISION False; the last checkpoint is kept, and the same command resumes from it."
                )
        meter.update_stats(None, None, None, statistics.fmean(step_losses), step.rate)
    right, people = torch.stack(gather_rows(torch.stack([step.right for step in steps]), device)).sum((0, 1)).tolist()
    steps.clear()
    return right, people


def _validate(
    state: TrainingState, loader: DataLoader, task: Task, board: TrainingBoard | None, stop: StopRequest, cfg
) -> str | None:
    """Evaluates, and keeps the weights as `model_best.pyth` when no earlier ones were better.

    Returns:
        Name of the signal for which the evaluation was given up, if one came.
    """
    try:
        evaluation = task.evaluate(state.model, loader, stop.raise_if_due)
    except StoppedError as stopped:
        return str(stopped)
    epoch = state.progress.epoch
    pyslowfast.log_json_stats(
        {"_type": "val_epoch", "cur_epoch": str(epoch), "mode": "val", "map": evaluation.json_map}, cfg.OUTPUT_DIR
    )
    if evaluation.mean_ap > state.progress.best_map:
        state.progress.best_map = evaluation.mean_ap
        _save(state, pyslowfast.checkpoint_path(cfg.OUTPUT_DIR, epoch).with_name(pyslowfast.BEST_CHECKPOINT), cfg)
    if evaluation.json_map is None:
        logger.info("epoch %d: there is no mAP, since no person of the validation keyframes is annotated", epoch)
    else:
        logger.info("epoch %d: mAP %.3f, best %.3f", epoch, evaluation.mean_ap, state.progress.best_map)
    if board:
        board.add_evaluation(epoch, evaluation, loader.dataset)


def _save_progress(state: TrainingState, cfg) -> Path:
    """Writes the checkpoint from which the run can go on; what earlier stops have left is removed then."""
    path = pyslowfast.checkpoint_path(cfg.OUTPUT_DIR, state.progress.epoch, state.progress.iteration)
    _save(state, path, cfg)
    if du.get_rank() == 0:
        for outdated in pyslowfast.outdated_checkpoints(path):
            outdated.unlink()
    return path


def _save(state: TrainingState, path: Path, cfg) -> None:
    if du.get_rank() == 0:
        save_checkpoint(path, state, cfg)
        logger.info("Saved %s.", path)
    du.synchronize()  # the test after the training reads it in every process
