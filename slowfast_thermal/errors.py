"""How a run or a tool ends before it is done, and the exit codes that tell why.

0 is success, BAD_INPUT something that the user can mend, INTERRUPTED a run that was asked to stop and that the same command
continues, UNREAD output of which the reader has gone, and FAILED all else: a process of the run that was lost, or a fault of
the program's own, with its traceback.
"""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FAILED = 1
BAD_INPUT = 2
# EX_TEMPFAIL of sysexits.h: try again.
INTERRUPTED = 75
# What a shell reports of a program that Ctrl-C has ended, and of one whose output no one reads any more.
ENDED_BY_USER = 130
UNREAD = 141


class InputError(Exception):
    """Something the user gave is wrong: a file, a record in it, or a setting.

    The message is one sentence that names what is wrong, where, and the remedy.
    """


class Interrupted(BaseException):
    """The run was asked to stop; the same command goes on from its last checkpoint.

    No Exception, so that nothing which copes with errors, as of a file that is being read, takes it for one.
    """


class LostProcessError(Exception):
    """Another process of the run ended or does not answer; the same command goes on from the last checkpoint."""


_ENDINGS = (
    (InputError, "Error", BAD_INPUT),
    (Interrupted, "Interrupted", INTERRUPTED),
    (LostProcessError, "Error", FAILED),
    (KeyboardInterrupt, "Interrupted", ENDED_BY_USER),
)


@contextmanager
def exit_codes(is_told: Callable[[str], bool] = lambda message: True) -> Iterator[None]:
    """Ends the program with one sentence on the console and the exit code of what happened inside.

    Args:
        is_told: whether this process is the one that tells a message.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_stdout_closed():
            raise
        sys.exit(UNREAD)
    except tuple(kind for kind, _, _ in _ENDINGS) as reason:
        word, code = next((word, code) for kind, word, code in _ENDINGS if isinstance(reason, kind))
        if is_told(str(reason)):
            sys.stderr.write(f"{word}: {str(reason) or 'Ctrl-C ended the command.'}\n")
        sys.exit(code)


def _is_stdout_closed() -> bool:
    """Whether the reader of the output, such as `head`, has gone; what is left of the output is then dropped."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    is_closed = any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    if is_closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return is_closed
