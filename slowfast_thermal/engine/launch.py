"""Starting a run: checks before any process starts, then one process a GPU.

Three ways lead to the same processes: this machine starts its own (PySlowFast's NUM_GPUS, --num_shards and --shard_id),
torchrun has started them, or srun has.
"""

import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType

import torch

from slowfast_thermal import pyslowfast, signals
from slowfast_thermal.checkpoint.origin import learns_from_labels
from slowfast_thermal.checkpoint.sources import SOURCES
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.engine.interruption import signals_handled_by, watched_signals
from slowfast_thermal.engine.processes import Place, process_group
from slowfast_thermal.engine.tensorboard import board_folder
from slowfast_thermal.engine.test import has_validation, test
from slowfast_thermal.engine.test import test_set as open_test_set
from slowfast_thermal.engine.train import train
from slowfast_thermal.errors import BAD_INPUT, FAILED, INTERRUPTED, InputError, LostProcessError, exit_codes
from slowfast_thermal.evaluation.scores import check_groups
from slowfast_thermal.export.session import read_settings
from slowfast_thermal.files import check_writable, claimed, full_disk_error, no_room, remove_partial_files
from slowfast_thermal.models import IARoIHead
from slowfast_thermal.preparation.checks import refuse_problems
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.pyslowfast import distributed as du
from slowfast_thermal.simulation.dataset import training_set
from slowfast_thermal.user_input import is_file


def check_run(cfg, place: Place | None = None) -> None:
    """Finds what would stop the run before it starts.

    Args:
        cfg: of the run.
        place: of this process, if something else started the processes.

    Raises:
        InputError: the data have a problem or do not fit the configuration, a batch is larger than the data set or
            cannot be shared by the processes, the blocks of IA cannot be connected, a checkpoint is missing, or
            OUTPUT_DIR cannot be written.
    """
    processes = place.world_size if place else max(cfg.NUM_GPUS, 1) * cfg.NUM_SHARDS
    if cfg.TRAIN.ENABLE and cfg.TRAIN.BATCH_SIZE % processes:
        raise InputError(
            f"TRAIN.BATCH_SIZE is {cfg.TRAIN.BATCH_SIZE}, which {processes} processes share: give a multiple of {processes}."
        )
    if cfg.IA.ENABLE:
        with torch.device("meta"):
            IARoIHead.from_config(cfg)
    train_set = test_set = None
    if cfg.TRAIN.ENABLE:
        train_set = training_set(cfg)
        if cfg.TRAIN.BATCH_SIZE > len(train_set) and cfg.MODEL.TREES_WEIGHT < 1:
            raise InputError(
                f"TRAIN.BATCH_SIZE is {cfg.TRAIN.BATCH_SIZE}, but there are {len(train_set)} training keyframes: "
                f"set it to {len(train_set)} or less."
            )
    if cfg.TEST.ENABLE or (cfg.TRAIN.ENABLE and has_validation(cfg)):
        test_set = open_test_set(cfg, "test" if cfg.TEST.ENABLE else "val")
        if cfg.TRAIN.ENABLE and test_set.classes != train_set.classes:
            if not learns_from_labels(cfg):
                raise InputError(
                    f"{cfg.THERMAL.TEST_ANNOTATIONS} list other categories than simulated people have: say by "
                    "THERMAL.SIMULATION.CLASS_MAP which of yours these are."
                )
            raise InputError(
                f"{cfg.THERMAL.TRAIN_ANNOTATIONS} and {cfg.THERMAL.TEST_ANNOTATIONS} list other categories: give "
                "both the same list."
            )
    _check_data(cfg, train_set, test_set)
    if cfg.TEST.ENABLE:
        check_groups(cfg.THERMAL.CLASS_GROUPS, test_set.classes)
    for key in ("TRAIN", "TEST"):
        path = cfg[key].CHECKPOINT_FILE_PATH
        if key == "TEST" and cfg.TEST.ENABLE and os.path.isdir(path):
            read_settings(Path(path))
        elif cfg[key].ENABLE and path and not is_file(Path(path)):
            raise InputError(f"Checkpoint '{path}' does not exist: correct {key}.CHECKPOINT_FILE_PATH.")
        kinds = ("pytorch", *SOURCES)
        if cfg[key].CHECKPOINT_TYPE not in kinds:
            raise InputError(f"{key}.CHECKPOINT_TYPE is {cfg[key].CHECKPOINT_TYPE!r}: give one of {', '.join(kinds)}.")
    check_writable("OUTPUT_DIR", Path(cfg.OUTPUT_DIR))
    if cfg.TRAIN.ENABLE and cfg.TENSORBOARD.ENABLE:
        check_writable("TENSORBOARD.LOG_DIR", board_folder(cfg))


def _check_data(cfg, *sets: Thermal | None) -> None:
    """Stops on what `tools/thermal_data.py validate` calls a problem, as far as a second shows it.

    Args:
        sets: for training and for validation or test, None where there is none.
    """
    recordings = {recording.name: recording for part in sets if part for recording in part.files()}
    keyframes = (part.keyframes if part else [] for part in sets)
    if recordings:  # simulated clips have none
        refuse_problems(*keyframes, list(recordings.values()), DataSettings.from_config(cfg))


# Of the variables of torchrun and of srun those that make up a Place, in its order.
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE")
_SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_STEP_NUM_NODES")


def launcher_place(environ: Mapping[str, str]) -> Place | None:
    """The place that torchrun, or srun with several tasks, gives this process; None where neither started it.

    MASTER_ADDR and MASTER_PORT say where srun's tasks meet; else it is the first machine of the job step.
    """
    if "TORCHELASTIC_RUN_ID" in environ:
        return Place(*(int(environ[name]) for name in _TORCHRUN), "env://")
    if int(environ.get("SLURM_STEP_NUM_TASKS", 1)) == 1:
        return None
    host = environ.get("MASTER_ADDR") or _first_host(environ["SLURM_STEP_NODELIST"])
    port = environ.get("MASTER_PORT") or 20_000 + int(environ["SLURM_JOB_ID"]) % 10_000
    return Place(*(int(environ[name]) for name in _SRUN), f"tcp://{host}:{port}")


def _first_host(node_list: str) -> str:
    hosts = subprocess.run(["scontrol", "show", "hostnames", node_list], capture_output=True, text=True, check=True)
    return hosts.stdout.split()[0]


def launch_run(cfg, init_method: str, place: Place | None = None) -> None:
    """Trains and tests as configured, in this process or in one process for each GPU of this machine.

    Args:
        cfg: of the run; NUM_SHARDS machines take part, of which this is SHARD_ID.
        init_method: where the processes meet, as of torch.distributed.
        place: of this process, if something else started the processes.

    Raises:
        InputError, Interrupted: see `train` and `test`; with several processes each tells what stopped it and exits.
    """
    processes = max(cfg.NUM_GPUS, 1)
    first, world_size = cfg.SHARD_ID * processes, cfg.NUM_SHARDS * processes
    if place:
        places = [place]
    else:
        machine = (cfg.SHARD_ID, cfg.NUM_SHARDS, init_method)
        places = [Place(first + local, world_size, local, *machine) for local in range(processes)]
    if len(places) == 1:
        _run_process(places[0], cfg)
    else:
        with _output_claimed(cfg):  # before anything starts; the first process keeps it
            pass
        run_processes(places, cfg)


# Seconds that a run which a scheduler starts again waits for the one before it, whose machine may have been lost.
_RESTART_PATIENCE = 120.0
# Seconds that the first process stays for what the others have to tell.
_LAST_WORDS = 2.0


def _output_claimed(cfg) -> AbstractContextManager[None]:
    is_restarted = any(
        os.environ.get(name, "0") != "0" for name in ("SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT")
    )
    return claimed(Path(cfg.OUTPUT_DIR), _RESTART_PATIENCE if is_restarted else 0.0)


def _run_process(place: Place, cfg) -> None:
    if cfg.NUM_GPUS:
        torch.cuda.set_device(_gpu(place))
    if place.world_size == 1:
        with _output_claimed(cfg):
            _run(cfg)
        return
    with exit_codes(), _output_claimed(cfg) if place.rank == 0 else nullcontext():
        group = process_group(place, "nccl" if cfg.NUM_GPUS else "gloo", cfg.DIST_TIMEOUT)
        with group as store, exit_codes(lambda message: _is_first(store, message, place)):
            _run(cfg)


def _is_first(store: torch.distributed.Store, message: str, place: Place) -> bool:
    """Whether no other process of the run has told this message.

    The first process keeps the store, and stays for a moment for those that have the same to tell.
    """
    try:
        is_first = store.add(message, 1) == 1
        end = time.monotonic() + _LAST_WORDS
        while place.rank == 0 and store.add(message, 0) < place.world_size and time.monotonic() < end:
            time.sleep(0.02)
        return is_first
    except RuntimeError:  # the process that keeps the store is gone
        return True


def _gpu(place: Place) -> int:
    """The GPU of a process; a scheduler may show each process its own GPU alone."""
    devices = torch.cuda.device_count()
    if place.local_rank >= devices > 1 or (devices == 1 and place.local_rank and "SLURM_STEP_ID" not in os.environ):
        raise InputError(
            f"Process {place.local_rank} of this machine finds {devices} GPUs: start a process for each GPU, counted from "
            "0, or set NUM_GPUS 0 for the CPU."
        )
    return place.local_rank if devices > 1 else 0


def _run(cfg) -> None:
    output_dir = Path(cfg.OUTPUT_DIR)
    try:
        if du.get_rank() == 0:
            for folder in (output_dir, pyslowfast.checkpoint_path(cfg.OUTPUT_DIR, 0).parent):
                remove_partial_files(folder)
        if cfg.TRAIN.ENABLE:
            train(cfg)
        if cfg.TEST.ENABLE:
            test(cfg)
    except InputError as error:
        # A loader worker's comes with the worker's traceback before it.
        raise InputError(str(error).rpartition(f"{InputError.__name__}: ")[2].strip()) from None
    except (OSError, RuntimeError) as error:
        refusal = full_disk_error(error)
        if refusal:
            raise no_room(output_dir, refusal) from None
        if "DataLoader worker (pid" in str(error):
            raise LostProcessError(
                f"A process that loads clips was lost ({str(error).splitlines()[0][:200]}): lower THERMAL.CACHE_GIB or "
                "DATA_LOADER.NUM_WORKERS if memory was short; the same command goes on from the last checkpoint."
            ) from None
        raise


def run_processes(places: list[Place], cfg) -> None:
    """Runs a process for each place; exits as the one that failed, if one did."""
    processes: list[multiprocessing.Process] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for process in processes:
            if process.is_alive():
                os.kill(process.pid, number)

    patience = None
    with signals_handled_by(pass_on):
        with signals.held("spawn"):
            processes += torch.multiprocessing.spawn(_run_child, (places, cfg), len(places), join=False).processes
        running = {process.sentinel: process for process in processes}
        while running:
            ended = [running.pop(sentinel) for sentinel in multiprocessing.connection.wait(running, patience)]
            for process in ended:
                process.join()
                if process.exitcode:
                    patience = cfg.DIST_TIMEOUT
            if not ended:  # those that are left do not notice that one is gone
                for process in running.values():
                    process.kill()
    exit_as([process.exitcode for process in processes])


def _run_child(local_rank: int, places: list[Place], cfg) -> None:
    with exit_codes(), watched_signals():
        _run_process(places[local_rank], cfg)


def exit_as(codes: list[int]) -> None:
    """Exits with the code that tells most: bad input, failed, or else interrupted."""
    for number in {-code for code in codes if code < 0}:
        sys.stderr.write(f"A process of this run was ended by {signal.Signals(number).name}.\n")
    told = {code if code in (0, BAD_INPUT, INTERRUPTED) else FAILED for code in codes}
    for code in (BAD_INPUT, FAILED, INTERRUPTED):
        if code in told:
            sys.exit(code)
