"""Evaluation of a network on the test keyframes."""

import datetime
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.detector import load_detector
from slowfast_thermal.checkpoint.origin import Labels, fingerprints, labels_of
from slowfast_thermal.checkpoint.pretrained import load_trained
from slowfast_thermal.checkpoint.training_state import unwrap
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import of_recordings
from slowfast_thermal.datasets.found_people import people_source
from slowfast_thermal.datasets.loader import as_tensors, construct_test_loader
from slowfast_thermal.datasets.person_frames import PersonFrames, finds_people
from slowfast_thermal.datasets.thermal import object_boxes
from slowfast_thermal.engine.device import autocast, current_device, to_device
from slowfast_thermal.engine.exported import ExportedNetwork
from slowfast_thermal.engine.finding import detector_of, evaluate_network, follower
from slowfast_thermal.engine.processes import gather_rows, remember
from slowfast_thermal.engine.trees import beside, evaluate_with_trees, learned_by, load_trees, run_trees
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.ava_files import export_ava_files, read_ava_files
from slowfast_thermal.evaluation.baselines import assess, predict_trees
from slowfast_thermal.evaluation.finding import assess_finding
from slowfast_thermal.evaluation.metrics import DetectionMeter, Evaluation, evaluate_detections
from slowfast_thermal.evaluation.report import write_report
from slowfast_thermal.evaluation.results import METRICS, results_table, summary, write_results
from slowfast_thermal.export.session import is_exported
from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.pyslowfast import distributed as du
from slowfast_thermal.user_input import is_file

logger = logging.getLogger(__name__)


def has_validation(cfg) -> bool:
    """Whether a training has annotations to evaluate on: without TEST.ENABLE they may be missing."""
    root = Path(cfg.DATA.PATH_TO_DATA_DIR)
    return cfg.TEST.ENABLE or any(is_file(root / name) for name in cfg.THERMAL.TEST_ANNOTATIONS)


def ava_folder(cfg) -> Path:
    """Where this process keeps the files of the AVA evaluation."""
    return Path(cfg.OUTPUT_DIR) / "ava" / f"rank{du.get_rank()}"


def test_set(cfg, split: str) -> Thermal:
    """The keyframes of "val" or "test", with the boxes that THERMAL.PEOPLE asks for."""
    if finds_people(cfg):
        return PersonFrames(cfg, split)
    return Thermal(cfg, split, follower(detector_of(cfg), cfg.THERMAL.PEOPLE_CHECKPOINT))


def prepare_evaluation(cfg, split: str) -> DataLoader:
    """The loader of the evaluated keyframes; `cfg.AVA` then points to their files for the AVA evaluation."""
    dataset = test_set(cfg, split)
    export_meter_files(dataset, cfg)
    return construct_test_loader(cfg, dataset, du.get_rank(), du.get_world_size())


def export_meter_files(dataset: Thermal, cfg) -> None:
    """Points `cfg.AVA` to files of the data set, which every meter of this process reads.

    The results of an earlier test in OUTPUT_DIR are not of these files, so it counts as unfinished from here on.
    """
    if du.get_rank() == 0:
        (Path(cfg.OUTPUT_DIR) / METRICS).unlink(missing_ok=True)
    export_ava_files(dataset, ava_folder(cfg), cfg)


@torch.inference_mode()
def evaluate(
    model: torch.nn.Module, loader: DataLoader, cfg, mode: str, after_batch: Callable[[], None] = lambda: None
) -> Evaluation:
    """Scores every person of the loader's keyframes and evaluates all processes' scores together.

    Args:
        model: as `build_model` gives it; left in evaluation mode.
        loader: as `prepare_evaluation` gives it.
        cfg: with `cfg.AVA` set by `prepare_evaluation`.
        mode: "val" or "test", for the log.
        after_batch: is called after each batch, equally often in all processes.
    """
    device = current_device(cfg)
    meter = DetectionMeter(len(loader), cfg, mode)
    model.eval()
    for scores, ori_boxes, metadata in score_people(model, _timed(loader, meter, after_batch), loader.dataset, cfg):
        meter.update_stats(scores.float().cpu(), ori_boxes, metadata)
    # A process may have had no keyframes.
    nobody = torch.zeros(0, cfg.MODEL.NUM_CLASSES), torch.zeros(0, 5), torch.zeros(0, 2, dtype=torch.int64)
    people = meter.all_preds, meter.all_ori_boxes, meter.all_metadata
    meter.all_preds, meter.all_ori_boxes, meter.all_metadata = (
        [part.cpu() for part in gather_rows(torch.cat([none, *rows]), device)] for none, rows in zip(nobody, people)
    )
    meter.finalize_metrics(log=False)
    return meter.evaluation


def _timed(loader: DataLoader, meter: DetectionMeter, after_batch: Callable[[], None]) -> Iterator[tuple]:
    """The loader's batches; the log tells what each takes and how many are left."""
    started = time.monotonic()
    meter.iter_tic()
    for iteration, batch in enumerate(loader):
        meter.data_toc()
        yield batch
        meter.iter_toc()
        meter.log_iter_stats(0, iteration)
        done = iteration + 1
        if done % meter.cfg.LOG_PERIOD == 0 or done == len(loader):
            remaining = (time.monotonic() - started) / done * (len(loader) - done)
            logger.info(
                "%s: batch %d/%d, ETA %s", meter.mode, done, len(loader), datetime.timedelta(seconds=round(remaining))
            )
        after_batch()
        meter.iter_tic()
    most_samples = math.ceil(len(loader.dataset) / du.get_world_size())
    for _ in range(len(loader), math.ceil(most_samples / loader.batch_size)):
        after_batch()


def score_people(
    model: torch.nn.Module, batches: Iterable[tuple], dataset: Thermal, cfg
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Scores (R, C), original boxes (R, 5) and metadata (R, 2) of the R people of each of a test loader's batches.

    Args:
        model: in evaluation mode.
        batches: of a loader of `dataset`.
    """
    score = _score_interactions if cfg.IA.ENABLE else _score
    return score(unwrap(model), map(as_tensors, batches), dataset, cfg)


def _score(network: ThermalSlowFast, batches: Iterator, _dataset: Thermal, cfg) -> Iterator[tuple]:
    """Scores, original boxes and metadata of the people of each batch."""
    device = current_device(cfg)
    for inputs, _, _, extra in batches:
        (inputs,) = to_device(inputs, device=device)
        with autocast(cfg, device):
            scores = network(inputs, extra["boxes"])
        yield scores, extra["ori_boxes"], extra["metadata"]


def _score_interactions(network: ThermalSlowFast, batches: Iterator, dataset: Thermal, cfg) -> Iterator[tuple]:
    """The same in two passes: the features of every keyframe, then the interactions."""
    device = current_device(cfg)
    pooled_batches = []
    for inputs, _, index, extra in batches:
        (inputs,) = to_device(inputs, device=device)
        with autocast(cfg, device):
            pooled = network.pool(inputs, extra["boxes"], object_boxes(extra["objects"]))
        pooled_batches.append((pooled, extra["boxes"][:, 0].long(), index, extra["metadata"], extra["ori_boxes"]))

    memory = network.new_memory(dataset.recordings)
    if memory:
        dim = network.head.structure.memory_shape[-1]
        nobody = torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dim).to(device)
        people = [(metadata, index[clips], pooled.persons) for pooled, clips, index, metadata, _ in pooled_batches]
        remember(memory, *map(torch.cat, zip(nobody, *people)), device)
    for pooled, clips, _, metadata, ori_boxes in pooled_batches:
        others = memory.read(metadata, clips, pooled.num_clips) if memory else None
        with autocast(cfg, device):
            scores = network.head.classify(pooled, others)
        yield scores, ori_boxes, metadata


def test(cfg) -> None:
    """Evaluates a checkpoint on the test keyframes and writes and prints the results.

    On boxes that were found, it is evaluated on the annotated ones as well, if there are any.
    The checkpoint is TEST.CHECKPOINT_FILE_PATH, else the run's last one, else TRAIN.CHECKPOINT_FILE_PATH; the trees that
    MODEL.TREES_WEIGHT asks for lie beside it.

    Raises:
        InputError: there is no checkpoint, or it does not fit the configuration.
    """
    pyslowfast.setup_logging(cfg.OUTPUT_DIR)
    loader = prepare_evaluation(cfg, "test")
    if finds_people(cfg):
        path = tested_checkpoint(cfg)
        network = load_detector(path, current_device(cfg))
        logger.info("Testing %s.", path)
        evaluation, remarks = evaluate_network(network, loader.dataset), []
    else:
        path, evaluation, remarks = _test(loader, cfg)
    on_annotated = None
    if people_source(cfg) != "annotated" and evaluation.json_map is not None:
        annotated = cfg.clone()
        annotated.THERMAL.PEOPLE = "annotated"
        _, on_annotated, _ = _test(prepare_evaluation(annotated, "test"), annotated)
    pyslowfast.log_json_stats({"_type": "test_epoch", "mode": "test", "map": evaluation.json_map}, cfg.OUTPUT_DIR)
    if du.get_rank() == 0:
        if finds_people(cfg):
            assessment = assess_finding(evaluation, loader.dataset, cfg)
        else:
            assessment = assess(evaluation, loader.dataset, cfg)
            assessment = replace(assessment, on_annotated=on_annotated, remarks=[*remarks, *assessment.remarks])
        write_results(assessment, Path(cfg.OUTPUT_DIR))
        write_report(assessment, loader.dataset, path, cfg)
        print(results_table(evaluation))
        print(summary(assessment))
        for name in (METRICS, "predictions.csv", "report.html"):
            print(f"Wrote {Path(cfg.OUTPUT_DIR) / name}")


def _test(loader: DataLoader, cfg) -> tuple[Path, Evaluation, list[str]]:
    """The checkpoint that is tested, or the trees, what is found on the boxes of the loader's keyframes, and remarks on it."""
    weight, dataset = cfg.MODEL.TREES_WEIGHT, loader.dataset
    if weight == 1:
        path = Path(cfg.TEST.CHECKPOINT_FILE_PATH or run_trees(cfg.OUTPUT_DIR))
        _, groundtruth = read_ava_files(ava_folder(cfg))
        trees = load_trees(path, dataset.classes)
        predicted = predict_trees(trees, dataset)
        remark = _other_training(path, learned_by(trees), dataset, cfg)
        return path, evaluate_detections(dataset.classes, groundtruth, predicted), [remark] if remark else []
    path = tested_checkpoint(cfg)
    # Before the network is tested, so that it is not in vain.
    trees = load_trees(beside(path), dataset.classes) if weight else None
    evaluation, learned = _test_network(path, loader, cfg)
    if trees:
        evaluation = evaluate_with_trees(evaluation, trees, dataset, weight)
    remark = _other_training(path, learned, dataset, cfg)
    return path, evaluation, [remark] if remark else []


def _other_training(path: Path, learned: Labels | None, dataset: Thermal, cfg) -> str | None:
    """One sentence where a network or trees learned from the test's labels or others than the configuration names."""
    if learned is None:
        return None
    data = fingerprints(cfg)
    named, tested = (labels_of(cfg, part, data) for part in ("TRAIN", "TEST"))
    if learned.files & tested.files and of_recordings(dataset.keyframes, learned.recordings):
        return f"{path} was trained on keyframes of this test, so the scores are not those of people whom it does not know."
    if learned == named or not named.files:
        return None
    return (
        f"{path} was trained on other labels than those of {', '.join(cfg.THERMAL.TRAIN_ANNOTATIONS)}, to which the baselines are "
        "fitted and with whose clips those of the test are compared."
    )


def tested_checkpoint(cfg) -> Path:
    """The checkpoint that a test takes. Raises InputError if there is none."""
    path = cfg.TEST.CHECKPOINT_FILE_PATH or pyslowfast.last_checkpoint(cfg.OUTPUT_DIR) or cfg.TRAIN.CHECKPOINT_FILE_PATH
    if not path:
        raise InputError(
            f"There is no checkpoint to test in '{cfg.OUTPUT_DIR}': train first, or set TEST.CHECKPOINT_FILE_PATH."
        )
    return Path(path)


def _test_network(path: Path, loader: DataLoader, cfg) -> tuple[Evaluation, Labels | None]:
    """What a checkpoint's network finds, and what it was trained on, where the file tells that."""
    if is_exported(path):
        return evaluate(ExportedNetwork(path, cfg, loader.dataset.classes), loader, cfg, "test"), None
    model = pyslowfast.build_model(cfg, current_device(cfg))
    kind = cfg.TEST.CHECKPOINT_TYPE if cfg.TEST.CHECKPOINT_FILE_PATH else "pytorch"
    learned = load_trained(path, kind, model, cfg, loader.dataset.classes)
    logger.info("Testing %s.", path)
    return evaluate(model, loader, cfg, "test"), learned
