"""Writing so that a kill, a full disk or a second run does no harm.

Temporary files and folders are locked as long as their process lives, so that those of a dead one can be told and removed.
On a file system without locks they are left where they are.
"""

import datetime
import errno
import fcntl
import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slowfast_thermal.errors import InputError

logger = logging.getLogger(__name__)

# Begins the names of files that are being written. It must not hold "checkpoint", by which PySlowFast finds its own.
_PARTIAL = "partial-"
_LOCK = "run.lock"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path, num_bytes: int | None = None) -> Iterator[str]:
    """Gives the name of a temporary file that takes the place of `path` once the block has ended well.

    What killed processes have left in the folder is removed first.

    Args:
        path: to be written.
        num_bytes: that will be written, if that is known.

    Raises:
        InputError: there is no room for it, or a folder of this name.
    """
    if path.is_dir():
        raise InputError(f"{path} is to be written but is a folder: rename it, or write to another folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_partial_files(path.parent)

    def create() -> Path:
        # Not `tempfile`, whose files only their owner may read.
        temporary = path.with_name(_PARTIAL + secrets.token_hex(8))
        temporary.open("x").close()
        return temporary

    temporary, descriptor = _create_locked(create)
    try:
        yield str(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        written = os.fstat(descriptor).st_size
        temporary.unlink(missing_ok=True)
        refusal = full_disk_error(error)
        if refusal:
            needed = f"{num_bytes:,}" if num_bytes else f"more than {written:,}"
            raise no_room(path, refusal, f"it needs {needed} bytes, ") from None
        raise
    finally:
        os.close(descriptor)


def full_disk_error(error: BaseException | None) -> OSError | None:
    """The error of a full disk that is behind another one, if there is one."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _FULL):
        error = error.__context__
    return error


def no_room(path: Path, refusal: OSError, needed: str = "") -> InputError:
    """What to tell when there was no room for a file or in a folder; `needed` tells how much it needs."""
    free = shutil.disk_usage(path if path.is_dir() else path.parent).free
    return InputError(
        f"{path} cannot be written ({os.strerror(refusal.errno)}): {needed}{free:,} bytes are free on its file system; make room and "
        "start the same command again."
    )


def remove_partial_files(folder: Path) -> None:
    """Removes what processes that were killed while writing have left in a folder; what a living one writes stays."""
    for path in folder.glob(f"{_PARTIAL}*"):
        if re.fullmatch(f"{_PARTIAL}[0-9a-f]{{16}}", path.name):
            _remove_if_left(path)


def check_writable(what: str, folder: Path) -> None:
    """Makes a folder, which `what` names in the message. Raises InputError if no file can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{what} '{folder}' cannot be written ({error.strerror}): set another folder.") from None


@contextmanager
def temporary_folder(name: str, parent: Path) -> Iterator[Path]:
    """A folder `.NAME.` and more inside `parent` that vanishes after the block; those that killed processes have left go first."""
    for path in parent.glob(f".{name}.????????"):
        _remove_if_left(path)
    path, descriptor = _create_locked(lambda: Path(tempfile.mkdtemp(prefix=f".{name}.", dir=parent)))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _open(path: Path) -> int:
    # Over NFS a file must be open for writing to be locked.
    return os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)


def _create_locked(create: Callable[[], Path]) -> tuple[Path, int]:
    """What `create` makes, and a descriptor that locks it."""
    while True:
        path = create()
        try:
            descriptor = _open(path)
        except FileNotFoundError:  # taken for one that was left
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return path, descriptor
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def _remove_if_left(path: Path) -> None:
    try:
        descriptor = _open(path)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:  # its process lives, or the file system has no locks
        pass
    finally:
        os.close(descriptor)


@contextmanager
def claimed(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Keeps other runs out of a folder while entered; a process that dies lets go of it.

    The lock is a record lock: it is known to all machines of a network file system, and processes that are forked meanwhile
    do not hold it.

    Args:
        folder: of a run.
        patience: seconds to wait for another run to end.

    Raises:
        InputError: another run is in the folder, or its lock cannot be written.
    """
    path = folder / _LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened ({error.strerror or error}): write to another folder (--output, OUTPUT_DIR in a configuration)."
        ) from None
    with opened as file:
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    logger.warning(
                        "%s cannot be locked (%s): see to it that no other run uses it.", folder, error.strerror
                    )
                    break
            if time.monotonic() >= end:
                owner = path.read_text(errors="replace").strip()[:200] or "another run"
                raise InputError(
                    f"'{folder}' is in use by {owner}: wait until that run has ended, or write to another folder (--output, "
                    "OUTPUT_DIR in a configuration)."
                )
            time.sleep(0.5)
        try:
            os.ftruncate(file.fileno(), 0)
            now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
            # Past the file's buffer, which would try again when it is closed.
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()} since {now}\n".encode())
        except OSError:  # whose lock it is, is only told
            pass
        yield
