"""Loaders whose order and augmentation depend on the seed and the iteration alone.

A run that is stopped and resumed, or has another number of workers, sees the same samples.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from slowfast_thermal import signals
from slowfast_thermal.datasets.thermal import Thermal, num_workers
from slowfast_thermal.pyslowfast import detection_collate, unpack_batch


class StreamSampler(Sampler):
    """An endless stream of shuffled passes over the data, cut into epochs of a fixed number of batches.

    Yields (index, place in the stream) for one process's part of each batch. The global batch of iteration i is
    the same whatever the number of processes.

    Args:
        num_samples: of the data set.
        batch_size: of all processes together.
        epoch_iters: batches of an epoch.
        seed: of the order.
        rank, world_size: this process, and how many there are.
        weights: (num_samples,) how often each sample comes, relative to the others; None: each comes once a pass. In a pass
            over n samples one with a share p of the weight comes n p times, rounded up or down.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        epoch_iters: int,
        seed: int,
        rank: int,
        world_size: int,
        weights: np.ndarray | None = None,
    ):
        self._num_samples = num_samples
        self._weights = weights
        self._batch_size = batch_size
        self.epoch_iters = epoch_iters
        self._seed = seed
        self._rank = rank
        self._local_size = batch_size // world_size
        self._first_iter = 0

    def set_position(self, epoch: int, iteration: int) -> None:
        """The next pass over this sampler yields the rest of `epoch` from `iteration` on."""
        self._first_iter = epoch * self.epoch_iters + iteration

    def __len__(self) -> int:
        return (self.epoch_iters - self._first_iter % self.epoch_iters) * self._local_size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order, order_of_pass = None, -1
        first = self._first_iter
        for iteration in range(first, first + self.epoch_iters - first % self.epoch_iters):
            start = iteration * self._batch_size + self._rank * self._local_size
            for position in range(start, start + self._local_size):
                number, offset = divmod(position, self._num_samples)
                if number != order_of_pass:
                    order, order_of_pass = self._order(number), number
                yield order[offset], position

    def _order(self, number: int) -> list[int]:
        """The samples of a pass."""
        rng = np.random.default_rng((self._seed, number, 0))
        order = rng.permutation(self._num_samples)
        if self._weights is not None:
            # Systematic sampling: equal steps from a random start over the samples, each as long as its weight.
            ends = self._weights[order].cumsum()
            steps = (np.arange(self._num_samples) + rng.random()) / self._num_samples
            order = rng.permutation(order[np.searchsorted(ends / ends[-1], steps, side="right")])
        return order.tolist()


def construct_train_loader(cfg, dataset: Thermal, rank: int, world_size: int) -> DataLoader:
    """The loader of the training set; `loader.sampler.set_position` says where the next epoch starts."""
    epoch_iters = cfg.SOLVER.EPOCH_ITERS or len(dataset) // cfg.TRAIN.BATCH_SIZE
    power = cfg.THERMAL.CLASS_SAMPLING_POWER
    weights = dataset.sample_weights(power) if power else None
    sampler = StreamSampler(len(dataset), cfg.TRAIN.BATCH_SIZE, epoch_iters, cfg.RNG_SEED, rank, world_size, weights)
    return _construct(cfg, dataset, sampler, cfg.TRAIN.BATCH_SIZE // world_size)


def construct_test_loader(cfg, dataset: Thermal, rank: int, world_size: int) -> DataLoader:
    """A loader of every sample once, in order; each process takes a part of neighbours, which may be empty."""
    first, end = (place * len(dataset) // world_size for place in (rank, rank + 1))
    return _construct(cfg, dataset, range(first, end), max(cfg.TEST.BATCH_SIZE // world_size, 1))


class _Loader(DataLoader):
    """A loader whose workers leave signals to the process that starts them."""

    def __iter__(self) -> Iterator:
        if not self.num_workers:
            return super().__iter__()
        with signals.held(self.multiprocessing_context and self.multiprocessing_context.get_start_method()):
            return super().__iter__()


def _construct(cfg, dataset: Thermal, sampler, batch_size: int) -> DataLoader:
    workers = num_workers(cfg)
    return _Loader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=signals.leave_to_main_process,
        pin_memory=cfg.DATA_LOADER.PIN_MEMORY and cfg.NUM_GPUS > 0 and not cfg.SPEED.RECORDINGS_ON_DEVICE,
        persistent_workers=workers > 0,
        multiprocessing_context=cfg.THERMAL.WORKER_START_METHOD or None if workers else None,
    )


def _collate(samples: list[tuple]) -> tuple:
    """PySlowFast's collation, with all but the clips as arrays: a worker sends those in one message, but opens a file of
    shared memory for each tensor."""
    inputs, labels, index, extra = unpack_batch(detection_collate(samples))
    return inputs, labels.numpy(), index.numpy(), {name: values.numpy() for name, values in extra.items()}


def as_tensors(batch: tuple) -> tuple:
    """The (inputs, labels, index, extra) of a loader's batch as PySlowFast's `detection_collate` gives them."""
    inputs, labels, index, extra = batch
    tensors = {name: torch.from_numpy(values) for name, values in extra.items()}
    return inputs, torch.from_numpy(labels), torch.from_numpy(index), tensors
