"""Files of weights, read as data and never as code.

A file that someone else wrote is untrusted. PyTorch's files are read with `weights_only`; Caffe2's are bare
pickles, of which numbers in numpy arrays and plain containers are admitted and nothing else.
"""

import pickle
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal.errors import InputError

_ZIP_START = b"PK\x03\x04"
# The pickled number with which PyTorch's files began before 1.6.
_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def read_file(path: Path) -> object:
    """What a PyTorch file holds: tensors in plain containers; or a Caffe2 file: {"blobs": arrays by name}.

    Raises:
        InputError: no such file; a download that is no checkpoint; a truncated or damaged file; or one that
            holds code. Nothing in the file has run then.
    """
    if not path.is_file():
        raise InputError(
            f"Checkpoint '{path}' does not exist: correct TRAIN.CHECKPOINT_FILE_PATH or TEST.CHECKPOINT_FILE_PATH."
        )
    with path.open("rb") as file:
        start = file.read(512)
    text = start.decode("latin1").strip().lower()
    if not start:
        raise InputError(f"{path} is empty: copy or download it again.")
    if text.startswith("version https://git-lfs"):
        raise InputError(
            f"{path} is a Git LFS pointer and not the checkpoint itself: run 'git lfs pull' where it is from."
        )
    if text.startswith(("<!doctype", "<html", "<?xml")):
        raise InputError(f"{path} is a web page saved as a checkpoint: download the file that the page links to.")
    if start.startswith((_ZIP_START, _LEGACY_START)):
        return _read_torch(path)
    return _read_pickle(path)


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # many types for damaged files
        forbidden = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
        if forbidden:
            raise _holds_code(path, forbidden[1]) from None
        raise InputError(f"{path} is truncated or damaged ({_reason(error)}): copy or download it again.") from None


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


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
            raise InputError(f"{path} is truncated: copy or download it again.") from None
        raise InputError(
            f"{path} is no checkpoint of PyTorch or Caffe2, or it is damaged ({_reason(error)}): copy or download it again."
        ) from None
    raise InputError(f"{path} is a pickle without the 'blobs' of a Caffe2 checkpoint: give a checkpoint.")
