"""Signals that ask a run to stop, and which of its processes looks at them.

A scheduler sends them to every process of a job and a terminal to every process of a group, but only the process that trains
can end the run in good order: those that load for it must not die before it.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker, util

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@contextmanager
def held(start_method: str | None = None) -> Iterator[None]:
    """While entered, the stop signals wait. A process that starts meanwhile begins with them waiting, until it says what to do
    with them: `release` or `leave_to_main_process`.

    Args:
        start_method: of these processes, as of multiprocessing; None for Python's own choice.
    """
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        if (start_method or multiprocessing.get_start_method()) != "fork":
            # It clears up after such processes, ignores all but SIGUSR1, and when it is started releases what it ignores.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def release() -> None:
    """Stop signals that waited arrive now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def leave_to_main_process(_worker: int = 0) -> None:
    """Ignores the stop signals in a loader worker, which ends when the process that started it tells it to, or is gone."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    release()
    parent = multiprocessing.parent_process()
    if parent and not parent.is_alive():  # torch's workers miss one that was gone before they looked for it first
        os._exit(1)


def _kill_workers() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


# multiprocessing ends the workers that are left by SIGTERM, which they ignore, and then waits for them.
util.Finalize(None, _kill_workers, exitpriority=100)
