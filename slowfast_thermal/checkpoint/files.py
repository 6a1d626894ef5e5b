"""Files of weights, read as data and never as code.

A file that someone else wrote is untrusted. PyTorch's files are read with `weights_only`; Caffe2's are bare
pickles, of which numbers in numpy arrays and plain containers are admitted and nothing else.
"""

import os
import pickle
import re
import warnings
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.errors import InputError

_ZIP_START = b"PK\x03\x04"
# The pickled number with which PyTorch's files began before 1.6.
_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# Bytes that are read at a time.
_CHUNK = 2**22


class DamagedFileError(InputError):
    """A file of weights is not as it was written, or not all of it is there."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path} is {fault}: {_remedy(path)}.")
        self.fault = fault


def _remedy(path: Path) -> str:
    """What to do about a damaged file; a training's own was never downloaded."""
    if not pyslowfast.is_own_checkpoint(path):
        return "copy or download it again"
    others = [other for other in pyslowfast.checkpoints(path.parent) if other != path]
    before = [other for other in others if other.name < path.name]
    if others and not before:
        return f"use another one beside it, such as {others[-1].name}, or delete it"
    if not before:
        return "delete it and start the training again; there is no other checkpoint beside it"
    return (
        f"use the one before it, {before[-1].name}, or delete it and start the training again, which goes on from there"
    )


def read_file(path: Path) -> object:
    """What a PyTorch file holds: tensors in plain containers; or a Caffe2 file: {"blobs": arrays by name}.

    Raises:
        DamagedFileError: the file is truncated, or its contents do not agree with the checksums that PyTorch keeps in it.
        InputError: no such file; a download that is no checkpoint; or one that holds code. Nothing in the file has run.
    """
    if not path.is_file():
        if os.path.lexists(path):
            raise InputError(
                f"{path} is no file but a folder, a pipe or a link that leads nowhere: remove or replace it."
            )
        raise InputError(
            f"Checkpoint '{path}' does not exist: correct TRAIN.CHECKPOINT_FILE_PATH or TEST.CHECKPOINT_FILE_PATH."
        )
    try:
        with path.open("rb") as file:
            start = file.read(512)
        return _read_by_start(path, start)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): check its rights and its disk.") from None


def _read_by_start(path: Path, start: bytes) -> object:
    text = start.decode("latin1").strip().lower()
    if not start.strip(b"\0"):
        raise DamagedFileError(path, "empty")
    if text.startswith("version https://git-lfs"):
        raise InputError(
            f"{path} is a Git LFS pointer and not the checkpoint itself: run 'git lfs pull' where it is from."
        )
    if text.startswith(("<!doctype", "<html", "<?xml")):
        raise InputError(f"{path} is a web page saved as a checkpoint: download the file that the page links to.")
    if start.startswith(_ZIP_START):
        _check_sums(path)
    if start.startswith((_ZIP_START, _LEGACY_START)):
        return _read_torch(path)
    return _read_pickle(path)


def _check_sums(path: Path) -> None:
    """Compares the contents of PyTorch's archive with their checksums.

    `torch.save` writes them and `torch.load` does not look at them. Files that were saved without them have zeros.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for record in archive.infolist():
                if record.CRC:
                    with archive.open(record) as content:
                        while content.read(_CHUNK):
                            pass
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise DamagedFileError(path, f"truncated or damaged ({_reason(error)})") from None


def _read_torch(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # many types for damaged files
        code = _code_in(str(error))
        if code:
            raise _holds_code(path, code) from None
        raise DamagedFileError(path, f"truncated or damaged ({_reason(error)})") from None


# What PyTorch says of a pickle that wants to do something, each with what it wants, or in the words of the last column.
_CODE = (
    (r"GLOBAL (\S+) (?:was not an allowed global|whose module)", r"\1"),
    (r"unrecognized function (?:<(?:class|function|built-in function) )?'?([^\s'>]+)", r"\1"),
    (r"allowlisted via `add_safe_globals`,? but got (?:<class )?'?([^\s'>]+)", r"\1"),
    # INST, OBJ, EXT1, EXT2, EXT4 and NEWOBJ_EX make an object of any class.
    (r"Unsupported operand (105|111|130|131|132|146)\b", "an object of a class of its own"),
    (r"(\S+) must be (?:\S+) to load", r"\1"),
    (r"TorchScript archives", "a TorchScript program"),
)


def _code_in(message: str) -> str | None:
    """What a pickle that PyTorch refused wants to run, None where it was refused for something else."""
    for expression, name in _CODE:
        match = re.search(expression, message)
        if match:
            return match.expand(name).strip("`'")
    return None


def _reason(error: Exception) -> str:
    """The first line of an error that tells what is wrong, without PyTorch's advice to run what a file holds."""
    told = str(error).rpartition("WeightsUnpickler error:")[2]
    lines = [line.strip() for line in told.splitlines() if line.strip() and "weights_only" not in line]
    return lines[0][:200] if lines else type(error).__name__


def _holds_code(path: Path, name: str) -> InputError:
    return InputError(
        f"{path} holds '{name}', which is code and not data; nothing of it was run: use a file with the weights alone, from "
        "a source you trust."
    )


class _ForbiddenError(pickle.UnpicklingError):
    """Names what a pickle must not hold."""


class _Dtype:
    """Stands for numpy.dtype, whose own way back from a pickle trusts what it is given."""

    def __init__(self, code: str, *_flags: object) -> None:
        if not re.fullmatch("b1|[iu][1248]|f[248]", code):
            raise _ForbiddenError(f"numpy.dtype({code!r})")
        self.value = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _version, byte_order, *_rest = state
        self.value = self.value.newbyteorder(byte_order)


def _numbers(dtype: _Dtype, data: bytes | str) -> np.ndarray:
    """What the bytes hold, which Python 2 writes as a text."""
    return np.frombuffer(data if isinstance(data, bytes) else data.encode("latin1"), dtype.value)


class _Array:
    """Stands for numpy.ndarray, for the same reason."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _version, shape, dtype, is_fortran, data = state
        ordered = _numbers(dtype, data).reshape(shape, order="F" if is_fortran else "C")
        self.value = ordered.astype(ordered.dtype.newbyteorder("="))


def _new_array(_kind: object, _shape: tuple, _typecode: object) -> _Array:
    return _Array()


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise _ForbiddenError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How Python 3 writes empty bytes for Python 2."""
    return b""


def _scalar(dtype: _Dtype, data: bytes | str) -> np.generic:
    return _numbers(dtype, data)[0]


_ADMITTED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ADMITTED |= {(_module, "_reconstruct"): _new_array, (_module, "scalar"): _scalar}


class _ArrayUnpickler(pickle.Unpickler):
    """Makes arrays of numbers and plain containers; nothing that a pickle names is looked up."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ADMITTED:
            raise _ForbiddenError(f"{module}.{name}")
        return _ADMITTED[module, name]


def _read_pickle(path: Path) -> dict:
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="latin1").load()
        blobs = content.get("blobs") if isinstance(content, dict) else None
        if isinstance(blobs, dict):
            return {"blobs": {name: blob.value for name, blob in blobs.items() if isinstance(blob, _Array)}}
    except _ForbiddenError as error:
        raise _holds_code(path, str(error)) from None
    except Exception as error:  # a pickle machine fed with anything fails with anything
        if isinstance(error, EOFError) or "truncated" in str(error):
            raise DamagedFileError(path, "truncated") from None
        raise DamagedFileError(
            path, f"no checkpoint of PyTorch or Caffe2, or it is damaged ({_reason(error)})"
        ) from None
    raise InputError(f"{path} is a pickle without the 'blobs' of a Caffe2 checkpoint: give a checkpoint.")
