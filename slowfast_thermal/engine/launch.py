"""Starting a run: checks before any process starts, then one process a GPU."""

import tempfile
from pathlib import Path

import torch

from slowfast_thermal.checkpoint.sources import SOURCES
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.engine.test import test
from slowfast_thermal.engine.train import train
from slowfast_thermal.errors import InputError
from slowfast_thermal.models import IARoIHead


def check_run(cfg) -> None:
    """Finds what would stop the run before it starts.

    Raises:
        InputError: the data do not fit the configuration, a batch is larger than the data set, the blocks of
            IA cannot be connected, a checkpoint is missing, or OUTPUT_DIR cannot be written.
    """
    if cfg.IA.ENABLE:
        with torch.device("meta"):
            IARoIHead.from_config(cfg)
    if cfg.TRAIN.ENABLE:
        train_set = Thermal(cfg, "train")
        if cfg.TRAIN.BATCH_SIZE > len(train_set):
            raise InputError(
                f"TRAIN.BATCH_SIZE is {cfg.TRAIN.BATCH_SIZE}, but there are {len(train_set)} training keyframes: "
                f"set it to {len(train_set)} or less."
            )
    if cfg.TRAIN.ENABLE or cfg.TEST.ENABLE:
        test_set = Thermal(cfg, "test")
        if cfg.TRAIN.ENABLE and test_set.classes != train_set.classes:
            raise InputError(
                f"{cfg.THERMAL.TRAIN_ANNOTATIONS} and {cfg.THERMAL.TEST_ANNOTATIONS} list other categories: give "
                "both the same list."
            )
    for key in ("TRAIN", "TEST"):
        path = cfg[key].CHECKPOINT_FILE_PATH
        if cfg[key].ENABLE and path and not Path(path).is_file():
            raise InputError(f"Checkpoint '{path}' does not exist: correct {key}.CHECKPOINT_FILE_PATH.")
        kinds = ("pytorch", *SOURCES)
        if cfg[key].CHECKPOINT_TYPE not in kinds:
            raise InputError(f"{key}.CHECKPOINT_TYPE is {cfg[key].CHECKPOINT_TYPE!r}: give one of {', '.join(kinds)}.")
    _check_writable(Path(cfg.OUTPUT_DIR))


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"OUTPUT_DIR '{folder}' cannot be written ({error.strerror}): set another folder.") from None


def launch_run(cfg, init_method: str) -> None:
    """Trains and tests as configured, in this process or in one process for each GPU of this machine.

    Args:
        cfg: of the run; NUM_SHARDS machines take part, of which this is SHARD_ID.
        init_method: where the processes meet, as of torch.distributed.
    """
    processes = max(cfg.NUM_GPUS, 1)
    if processes * cfg.NUM_SHARDS == 1:
        _run(cfg)
    else:
        torch.multiprocessing.spawn(_run_distributed, nprocs=processes, args=(cfg, init_method))


def _run(cfg) -> None:
    if cfg.TRAIN.ENABLE:
        train(cfg)
    if cfg.TEST.ENABLE:
        test(cfg)


def _run_distributed(local_rank: int, cfg, init_method: str) -> None:
    processes = max(cfg.NUM_GPUS, 1)
    if cfg.NUM_GPUS:
        torch.cuda.set_device(local_rank)
    torch.distributed.init_process_group(
        "nccl" if cfg.NUM_GPUS else "gloo",
        init_method=init_method,
        world_size=processes * cfg.NUM_SHARDS,
        rank=cfg.SHARD_ID * processes + local_rank,
    )
    try:
        _run(cfg)
    finally:
        torch.distributed.destroy_process_group()
