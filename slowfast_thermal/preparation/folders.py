"""Folders that come into being with all their files or not at all."""

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
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already: choose a new or empty folder.")
    existing = next(parent for parent in folder.parents if parent.exists())
    root = None
    try:
        with temporary_folder(folder.name, existing) as temporary:
            root = temporary / "data"
            root.mkdir()
            yield root
            folder.parent.mkdir(parents=True, exist_ok=True)
            root.rename(folder)
    except (OSError, RuntimeError) as error:  # HDF5 raises either
        if refusal := full_disk_error(error):
            raise no_room(existing, refusal) from None
        if root is None:
            raise InputError(f"{folder} cannot be written ({error.strerror}): choose another folder.") from None
        raise
