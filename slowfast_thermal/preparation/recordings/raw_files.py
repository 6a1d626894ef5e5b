"""Raw numbers, frame after frame, of which the user gives shape and type."""

from pathlib import Path

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import ForeignRecording, Hints, array_blocks
from slowfast_thermal.preparation.recordings.sniffing import kind_of
from slowfast_thermal.user_input import is_file


def read_raw(path: Path, hints: Hints) -> ForeignRecording:
    """The frames of a file of numbers and nothing else.

    Raises:
        InputError: shape or type are missing, or do not fit the file, or it is of another format.
    """
    if not is_file(path):
        raise InputError(f"File '{path}' does not exist: correct its name.")
    kind = kind_of(path)
    if kind.format not in ("", "text"):
        raise InputError(f"{path} looks like {kind.name}: give the format {kind.format}.")
    if hints.shape is None or not hints.type:
        raise InputError(f"{path} is raw, so say how to read it: --shape HEIGHTxWIDTH --type uint16, for example.")
    try:
        dtype = np.dtype(hints.type)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "fiu":
        raise InputError(f"'{hints.type}' is no type of numbers: give uint16, int16, >u2, float32 or the like.")
    num_bytes, of_frame = path.stat().st_size, hints.shape[0] * hints.shape[1] * dtype.itemsize
    if not num_bytes or num_bytes % of_frame:
        raise InputError(
            f"{path} has {num_bytes} bytes, which is no whole number of frames of {of_frame} bytes: correct --shape or --type, "
            "or cut off what is no frame."
        )
    array = np.memmap(path, dtype, "r", shape=(num_bytes // of_frame, *hints.shape))
    return ForeignRecording(array_blocks(array, hints.shape, str(path)), len(array))
