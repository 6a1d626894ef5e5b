"""Folders, and files in them, that come into being all together or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slowfast_thermal.errors import InputError
from slowfast_thermal.files import full_disk_error, no_room, temporary_folder


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """Gives an empty folder that becomes `folder` once the block has ended well, and else vanishes.

    Raises:
        InputError: `folder` holds something already, cannot be written, or there is no room for it.
    """
    folder = Path(folder).resolve()
    if _exists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already: choose a new or empty folder.")
    with _beside(folder) as root:
        yield root
        folder.parent.mkdir(parents=True, exist_ok=True)
        root.rename(folder)


@contextmanager
def new_files(folder: str | Path) -> Iterator[Path]:
    """Gives an empty folder whose files move into `folder` once the block has ended well, and else vanish.

    Raises:
        InputError: `folder` is a file or has a file of this name, cannot be written, or there is no room for them.
    """
    folder = Path(folder).resolve()
    if _exists(folder) and not folder.is_dir():
        raise InputError(f"{folder} is a file: choose a folder.")
    with _beside(folder) as root:
        yield root
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted(root.iterdir())
        for file in files:
            if (folder / file.name).exists():
                raise InputError(f"{folder / file.name} exists already: remove it, or choose another folder.")
        for file in files:
            file.rename(folder / file.name)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """An empty folder on the file system of another one; tells what keeps it from being written."""
    existing = next(parent for parent in folder.parents if _exists(parent))
    root = None
    try:
        with temporary_folder(folder.name, existing) as temporary:
            root = temporary / "data"
            root.mkdir()
            yield root
    except (OSError, RuntimeError) as error:  # HDF5 raises either
        if refusal := full_disk_error(error):
            raise no_room(existing, refusal) from None
        if root is None:
            raise InputError(f"{folder} cannot be written ({error.strerror}): choose another folder.") from None
        raise


def _exists(folder: Path) -> bool:
    """Whether there is one. Raises InputError if there cannot be: a part of its name is too long."""
    try:
        return folder.exists()
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}): choose another folder.") from None
