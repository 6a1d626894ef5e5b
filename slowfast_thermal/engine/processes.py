"""The processes of a run: where each stands, how they meet, and what they tell each other."""

import atexit
import datetime
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from slowfast_thermal.errors import BAD_INPUT, InputError, LostProcessError
from slowfast_thermal.models.feature_bank import FeatureBank
from slowfast_thermal.pyslowfast import distributed as du

# Seconds by which a meeting may outlast its own timeout before it counts as one that heeds none.
_GRACE = 5


class Place(NamedTuple):
    """Where a process stands in its run.

    Attributes:
        rank, world_size: among all processes, and how many there are.
        local_rank: among those of its machine.
        shard_id, num_shards: the machine among all machines, and how many there are.
        init_method: where they meet, as of torch.distributed.
    """

    rank: int
    world_size: int
    local_rank: int
    shard_id: int
    num_shards: int
    init_method: str


@contextmanager
def process_group(place: Place, backend: str, timeout: float) -> Iterator[torch.distributed.Store]:
    """Meets the other processes of the run for as long as it is entered.

    Args:
        place: of this process.
        backend: of torch.distributed.
        timeout: seconds to wait for the others, at the start and later.

    Yields:
        What all processes can read and write.

    Raises:
        InputError: not all processes came.
        LostProcessError: one of them was lost later.
    """
    patience = datetime.timedelta(seconds=timeout)
    try:
        store, rank, world_size = _meet(place, patience)
        torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=patience)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"Process {place.rank} of {place.world_size} did not meet the others at {place.init_method} within "
            f"{timeout:g} s ({_first_line(error)}): start all {place.world_size} with the same address and number of "
            "processes, or raise DIST_TIMEOUT."
        ) from None
    try:
        yield store
    except RuntimeError as error:
        if not _is_lost_process(error):
            raise
        raise LostProcessError(
            f"Another process of the run ended, or did not answer within {timeout:g} s ({_first_line(error)}): start all "
            "processes again to go on from the last checkpoint."
        ) from None
    torch.distributed.destroy_process_group()


def _meet(place: Place, patience: datetime.timedelta) -> tuple[torch.distributed.Store, int, int]:
    """The store of the run, this process's rank in it and the number of processes.

    A store that is no store never answers, and waiting for it heeds no timeout: a thread of its own does that.
    """
    found: queue.SimpleQueue = queue.SimpleQueue()

    def meet() -> None:
        try:
            meeting = torch.distributed.rendezvous(place.init_method, place.rank, place.world_size, timeout=patience)
            found.put((next(meeting), None))
        except Exception as error:
            found.put((None, error))

    threading.Thread(target=meet, daemon=True).start()
    try:
        meeting, error = found.get(timeout=patience.total_seconds() + _GRACE)
    except queue.Empty:
        atexit.register(_leave_the_waiting_thread)
        raise RuntimeError("something else answers at this address") from None
    if error:
        raise error
    return meeting


def _leave_the_waiting_thread() -> None:
    """Ends the process for the InputError that is on its way: Python's own end would abort in a thread that waits in C++."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(BAD_INPUT)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()[:200]


def _is_lost_process(error: RuntimeError) -> bool:
    """Whether an error comes from the exchange with other processes (gloo has no exception of its own)."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()


def gather_rows(rows: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
    """Gives every process the rows of all, in the order of the ranks.

    Args:
        rows: (K, ...), with K of this process's own.
        device: where the processes exchange tensors.

    Returns:
        A tensor for each process, on `device`; of a process alone its rows where they lie.
    """
    if du.get_world_size() == 1:
        return [rows]
    rows = rows.to(device)
    counts = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(du.get_world_size())]
    torch.distributed.all_gather(counts, torch.tensor([len(rows)], device=device))
    most = int(max(counts))
    padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
    everyone = [torch.empty_like(padded) for _ in counts]
    torch.distributed.all_gather(everyone, padded)
    return [part[: int(count)] for part, count in zip(everyone, counts)]


def share_of_mean(num_rows: int, device: torch.device) -> torch.Tensor | float:
    """What this process's mean over its rows is multiplied by, so that the mean of all processes is that over all rows.

    Args:
        num_rows: of this process.
        device: where the processes exchange tensors; none waits for it.
    """
    if du.get_world_size() == 1:
        return 1.0
    total = torch.full((), float(num_rows), device=device)  # torch.tensor would wait for the device
    torch.distributed.all_reduce(total)
    return num_rows * du.get_world_size() / total


def remember(
    memory: FeatureBank,
    metadata: torch.Tensor,
    clips: torch.Tensor,
    features: torch.Tensor,
    device: torch.device,
    loss: torch.Tensor = torch.zeros(()),
) -> None:
    """Puts the people of every process into the memory of every process, with the mean of their losses.

    Args:
        memory: of this process.
        metadata, clips, features: of this process's people, as FeatureBank.update takes them.
        device: where the processes exchange tensors.
        loss: of this process's training step.
    """
    mean_loss = torch.cat(gather_rows(loss.detach().view(1), device)).mean()
    for metadata, clips, features in zip(*(gather_rows(rows, device) for rows in (metadata, clips, features))):
        memory.update(metadata.cpu(), clips.cpu(), features, mean_loss)
