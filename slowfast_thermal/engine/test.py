"""Evaluation of a network on the test keyframes."""

import logging
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.training_state import load_weights, read_checkpoint
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import construct_test_loader
from slowfast_thermal.engine.device import autocast, current_device, to_device
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.ava_files import export_ava_files
from slowfast_thermal.evaluation.metrics import DetectionMeter, Evaluation, bootstrap_interval
from slowfast_thermal.evaluation.results import results_table, write_results
from slowfast_thermal.pyslowfast import distributed as du

logger = logging.getLogger(__name__)


def prepare_evaluation(cfg, split: str) -> DataLoader:
    """The loader of the evaluated keyframes; `cfg.AVA` then points to their files for the AVA evaluation."""
    dataset = Thermal(cfg, split)
    export_ava_files(dataset, Path(cfg.OUTPUT_DIR) / "ava" / f"rank{du.get_rank()}", cfg)
    return construct_test_loader(cfg, dataset, du.get_rank(), du.get_world_size())


@torch.inference_mode()
def evaluate(model: torch.nn.Module, loader: DataLoader, cfg, mode: str) -> Evaluation:
    """Scores every person of the loader's keyframes and evaluates all processes' scores together.

    Args:
        model: as `build_model` gives it; left in evaluation mode.
        loader: as `prepare_evaluation` gives it.
        cfg: with `cfg.AVA` set by `prepare_evaluation`.
        mode: "val" or "test", for the log.
    """
    device = current_device(cfg)
    meter = DetectionMeter(len(loader), cfg, mode)
    model.eval()
    meter.iter_tic()
    for iteration, batch in enumerate(loader):
        inputs, _, _, extra = pyslowfast.unpack_batch(batch)
        inputs, boxes = to_device(inputs, extra["boxes"], device=device)
        meter.data_toc()
        with autocast(cfg, device):
            scores = model(inputs, boxes)
        meter.iter_toc()
        meter.update_stats(scores.float().cpu(), extra["ori_boxes"], extra["metadata"])
        meter.log_iter_stats(0, iteration)
        meter.iter_tic()
    _gather(meter)
    meter.finalize_metrics(log=False)
    return meter.evaluation


def _gather(meter: DetectionMeter) -> None:
    """Gives every process the predictions of all, in the order of the ranks."""
    if du.get_world_size() > 1:
        mine = tuple(map(torch.cat, (meter.all_preds, meter.all_ori_boxes, meter.all_metadata)))
        everyone = du.all_gather_unaligned(mine)
        meter.all_preds, meter.all_ori_boxes, meter.all_metadata = map(list, zip(*everyone))


def test(cfg) -> None:
    """Evaluates a checkpoint on the test keyframes and writes and prints the results.

    The checkpoint is TEST.CHECKPOINT_FILE_PATH, else the run's last one, else TRAIN.CHECKPOINT_FILE_PATH.

    Raises:
        InputError: there is no checkpoint, or it does not fit the configuration.
    """
    pyslowfast.setup_logging(cfg.OUTPUT_DIR)
    loader = prepare_evaluation(cfg, "test")
    path = cfg.TEST.CHECKPOINT_FILE_PATH or pyslowfast.last_checkpoint(cfg.OUTPUT_DIR) or cfg.TRAIN.CHECKPOINT_FILE_PATH
    if not path:
        raise InputError(
            f"There is no checkpoint to test in '{cfg.OUTPUT_DIR}': train first, or set TEST.CHECKPOINT_FILE_PATH."
        )
    model = pyslowfast.build_model(cfg, current_device(cfg))
    load_weights(Path(path), read_checkpoint(Path(path)), model)
    logger.info("Testing %s.", path)

    evaluation = evaluate(model, loader, cfg, "test")
    pyslowfast.log_json_stats({"_type": "test_epoch", "mode": "test", "map": evaluation.mean_ap}, cfg.OUTPUT_DIR)
    if du.get_rank() == 0:
        interval = bootstrap_interval(evaluation, cfg.THERMAL.BOOTSTRAP_SAMPLES)
        write_results(evaluation, interval, Path(cfg.OUTPUT_DIR))
        print(results_table(evaluation))
        print(f"mAP {evaluation.mean_ap:.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f})")
        for name in ("test_metrics.json", "predictions.csv"):
            print(f"Wrote {Path(cfg.OUTPUT_DIR) / name}")
