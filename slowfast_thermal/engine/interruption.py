"""Stopping a run in good order: what SIGTERM, SIGUSR1 and SIGINT (Ctrl-C) do.

A scheduler sends them some time before it ends a job, for its time limit or for another job. Training goes on to the end of
its step, and an evaluation to the end of its batch, in which all processes of the run stop together; everywhere else a signal
stops the run at once.
"""

import datetime
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from slowfast_thermal import signals
from slowfast_thermal.errors import Interrupted
from slowfast_thermal.pyslowfast import distributed as du


def _stop_at_once(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(f"{signal.Signals(number).name} stopped the run: the same command starts it again.")


@contextmanager
def watched_signals() -> Iterator[None]:
    """While entered, a signal raises Interrupted, also one that has waited for it; afterwards there is nothing to stop."""
    for number in signals.STOP_SIGNALS:
        signal.signal(number, _stop_at_once)
    try:
        signals.release()
        yield
    finally:
        for number in signals.STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """While entered, a signal calls `handler` instead."""
    previous = {number: signal.signal(number, handler) for number in signals.STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class StoppedError(Exception):
    """What was going on is given up for a signal, which it names."""


class StopRequest:
    """While entered, signals are noted instead of raising Interrupted; `is_due` tells when to stop for them.

    Processes learn of each other's signals beside the step, through a group of their own on the CPU: what reaches one
    of them in a step is known to all after the next one, and none waits for the device.

    Args:
        timeout: seconds after which a process that does not answer counts as lost.
    """

    def __init__(self, timeout: float):
        self._noted = 0
        self._group = None
        self._pending = None
        if du.get_world_size() > 1:
            self._group = torch.distributed.new_group(backend="gloo", timeout=datetime.timedelta(seconds=timeout))

    def __enter__(self) -> "StopRequest":
        self._handling = signals_handled_by(self._note)
        self._handling.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._handling.__exit__(kind, *exception)
        if self._pending and kind is None:
            self._pending[0].wait()
        if self._noted and kind is None:
            _stop_at_once(self._noted, None)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._noted = number

    def is_due(self, wait: bool = False) -> str | None:
        """Name of the signal for which every process stops now; each calls it equally often.

        Args:
            wait: for what has reached the other processes, instead of learning of it the next time.
        """
        if self._group is None:
            return self._name(self._noted)
        due = 0
        if self._pending:
            work, number = self._pending
            work.wait()
            due = int(number)
        number = torch.tensor([self._noted])
        highest = torch.distributed.ReduceOp.MAX
        self._pending = torch.distributed.all_reduce(number, highest, self._group, async_op=True), number
        if wait:
            self._pending[0].wait()
            due = int(number)
        return self._name(due)

    def raise_if_due(self) -> None:
        """Raises StoppedError with the name of the signal for which every process stops now."""
        due = self.is_due()
        if due:
            raise StoppedError(due)

    @staticmethod
    def _name(number: int) -> str | None:
        return signal.Signals(number).name if number else None
