"""Opening HDF5 files that others wrote.

What stops a file from being read is told in one sentence. Nothing outside the folder of the file is read, whatever links,
virtual data sets and external storage in it say, and nothing is read of a size that cannot be meant.
"""

import errno
import importlib
import math
import os
import unicodedata
from pathlib import Path

import h5py
import numpy as np

from slowfast_thermal.errors import InputError

# Links that may lead from one to the next.
_MAX_LINKS = 16
# Numbers above these are damage or a mistake: a frame of 16 million pixels, and a hundred million frames.
_MAX_PIXELS = 2**24
_MAX_FRAMES = 10**8
# Bytes of unpacked chunks that HDF5 keeps of an open data set, instead of one MiB: frames are repaired by those around them, which
# often stand in the next chunk.
_CHUNK_CACHE = 2**23
# Names of filters whose files do not say them.
_FILTERS = {
    32001: "blosc",
    32026: "blosc2",
    32015: "zstd",
    32004: "lz4",
    32008: "bitshuffle",
    307: "bzip2",
    32013: "zfp",
}


def open_file(path: Path) -> h5py.File:
    """Opens a file for reading, by the name to which its symbolic links lead.

    Raises:
        InputError: there is no such file, it is no HDF5, is damaged, or a program has it open for writing.
    """
    if not path.is_file():
        raise InputError(_why_no_file(path))
    try:
        return h5py.File(os.path.realpath(path) if path.is_symlink() else path, "r", rdcc_nbytes=_CHUNK_CACHE)
    except OSError as error:
        raise InputError(_why_not_open(path, error)) from None


def _why_no_file(path: Path) -> str:
    remedy = "correct the name, add the file, or remove its annotations"
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return f"Recording '{path}' is a symbolic link that leads back to itself: {remedy}."
        if path.is_symlink():
            return f"Recording '{path}' does not exist, as its symbolic link leads to '{path.readlink()}': {remedy}."
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            return f"Recording '{path}' cannot be reached ({error.strerror}): {remedy}."
        name = unicodedata.normalize("NFC", path.name)
        if any(unicodedata.normalize("NFC", other.name) == name for other in path.parent.glob("*")):
            return (
                f"Recording '{path}' does not exist, but one whose name looks the same and has other Unicode characters: write both names "
                "alike."
            )
        return f"Recording '{path}' does not exist: {remedy}."
    return f"Recording '{path}' is no file but a folder, pipe or device: {remedy}."


def _why_not_open(path: Path, error: OSError) -> str:
    reason = str(error)
    if error.errno == errno.EACCES and "lock" not in reason:
        return f"{path} may not be read by this user: change its permissions."
    if error.errno in (errno.EAGAIN, errno.EACCES):
        return (
            f"{path} is open for writing in another program, such as a recorder: close it there, or copy the recording "
            "once it is finished."
        )
    if "h5clear" in reason or "already open for" in reason:
        return (
            f"{path} carries the mark of a program that has it open for writing, or ended before it closed the file: close "
            f"it there, or if nothing writes it any more, remove the mark by 'h5clear -s {path.name}' (of the HDF5 tools)."
        )
    return f"{path} cannot be read as HDF5 ({error}): it may be truncated or of another format, so copy it again."


def open_dataset(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    """The data set `key` of a file that `open_file` opened at `path`, whose values can be read.

    Raises:
        InputError: there is none, it lies outside the file's folder, was not written, is of a size that cannot be meant,
            or is compressed in a way that cannot be undone here.
    """
    where, folder, name = f"{path}: '{key}'", os.path.dirname(file.filename), key.encode()
    if file.id.links.exists(name) and file.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
        _check_links(file, key, folder, where, _MAX_LINKS)
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{path} has no data set '{key}': it is no thermal recording.")
    _check_source(dataset, folder, where, _MAX_LINKS)
    return dataset


def check_frames(frames: h5py.Dataset, path: Path, may_grow: bool = False) -> None:
    """Raises InputError unless the data set holds pictures; of one that may grow there may be none yet."""
    is_number = np.issubdtype(frames.dtype, np.floating) or np.issubdtype(frames.dtype, np.integer)
    if frames.ndim != 3 or 0 in frames.shape[may_grow:] or not is_number or math.prod(frames.shape[1:]) > _MAX_PIXELS:
        raise InputError(
            f"{path}: 'frames' has shape {frames.shape} and type {frames.dtype}, but must be "
            "temperatures of shape (frames, height, width)."
        )


def check_times(times: h5py.Dataset, path: Path, num_frames: int | None = None) -> None:
    """Raises InputError unless the data set holds times, as many as there are frames if that is known."""
    is_whole = np.issubdtype(times.dtype, np.integer)
    if times.ndim != 1 or num_frames not in (None, *times.shape) or not is_whole:
        wanted = "(frames,)" if num_frames is None else f"({num_frames},)"
        raise InputError(
            f"{path}: 'timestamps' has shape {times.shape} and type {times.dtype}, but must "
            f"be integer milliseconds of shape {wanted}, one a frame."
        )


def _check_links(file: h5py.File, name: str, folder: str, where: str, links_left: int) -> None:
    """Follows the links from which a data set's name hangs, without opening what they must not lead to."""
    if not links_left:
        raise InputError(f"{where} is a link that leads back to itself: store the data set in its place.")
    found, parts = file["/"], [part for part in name.split("/") if part not in ("", ".")]
    for place, part in enumerate(parts):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        rest = "/".join(parts[place + 1 :])
        if link is None:
            raise InputError(f"{where} is a link to '{name}', which {file.filename} does not hold: store it there.")
        if isinstance(link, h5py.SoftLink):
            base = "" if link.path.startswith("/") else found.name
            _check_links(file, f"{base}/{link.path}/{rest}", folder, where, links_left - 1)
            return
        if isinstance(link, h5py.ExternalLink):
            with open_file(_check_inside(file.filename, link.filename, folder, where)) as other:
                _check_links(other, f"{link.path}/{rest}", folder, where, links_left - 1)
            return
        found = found[part]
    if isinstance(found, h5py.Dataset):
        _check_source(found, folder, where, links_left)


def _check_source(dataset: h5py.Dataset, folder: str, where: str, links_left: int) -> None:
    """Where a data set's values come from, that they were written, and that they can be decompressed."""
    home, layout = os.fsdecode(h5py.h5f.get_name(dataset.id)), dataset.id.get_create_plist()
    if os.path.dirname(home) != folder:
        _check_inside(home, home, folder, where)
    kind = layout.get_layout()
    if layout.get_external_count():
        name = os.fsdecode(layout.get_external(0)[0])
        raise InputError(f"{where} takes its values from '{name}', which is no HDF5 file: copy them into the file.")
    if math.prod(dataset.shape or (0,)):
        _check_size(dataset, layout, kind, where)
    for number in range(layout.get_nfilters()):
        code, _flags, _values, name = layout.get_filter(number)
        _check_filter(code, name, where)
    if kind != h5py.h5d.VIRTUAL:
        return
    if not links_left:
        raise InputError(f"{where} takes its values from itself: store them in its place.")
    for name, source in {(source.file_name, source.dset_name) for source in dataset.virtual_sources()}:
        if name == ".":
            _check_links(dataset.file, source, folder, where, links_left - 1)
        else:
            with open_file(_check_inside(home, name, folder, where)) as other:
                _check_links(other, source, folder, where, links_left - 1)


def _check_inside(home: str, name: str, folder: str, where: str) -> Path:
    """Where a file lies that the file `home` names; HDF5 seeks it beside that one."""
    target = Path(os.path.realpath(os.path.join(os.path.dirname(home), name)))
    if not target.is_relative_to(os.path.realpath(folder)):
        raise InputError(
            f"{where} takes its values from '{name}', outside the folder of the recording: copy them into the file."
        )
    if not target.is_file():
        raise InputError(
            f"{where} takes its values from '{name}', which is no file: add it or copy them into the file."
        )
    return target


def _check_filter(number: int, name: bytes, where: str) -> None:
    if h5py.h5z.filter_avail(number):
        return
    try:
        importlib.import_module("hdf5plugin")
    except ImportError:
        pass
    if not h5py.h5z.filter_avail(number):
        known = name.decode(errors="replace").split(";")[0].strip() or _FILTERS.get(number, "an unknown filter")
        raise InputError(
            f"{where} is compressed with {known} (HDF5 filter {number}), which cannot be read here: pip install "
            "hdf5plugin, or store the data set with gzip."
        )


def _check_size(dataset: h5py.Dataset, layout: h5py.h5p.PropDCID, kind: int, where: str) -> None:
    """Refuses sizes that cannot be meant, and values that were never written and would read as 0.

    Where the file says what stands for values that were not written, up to half of them may be missing.
    """
    shape = dataset.shape
    if shape[:1] > (_MAX_FRAMES,) or math.prod(shape[1:]) > _MAX_PIXELS:
        raise InputError(
            f"{where} declares shape {shape}, but a recording holds at most {_MAX_FRAMES} frames of {_MAX_PIXELS} pixels: "
            "the file is damaged or must be split."
        )
    if kind == h5py.h5d.VIRTUAL:
        return
    if kind == h5py.h5d.CHUNKED:
        total = math.prod(-(-size // chunk) for size, chunk in zip(shape, layout.get_chunk()))
        missing = total - dataset.id.get_num_chunks()
    else:
        total, missing = 1, int(not dataset.id.get_storage_size())
    says_fill = layout.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    if missing and (not says_fill or 2 * missing > total):
        raise InputError(
            f"{where} has shape {shape}, but {missing} of its {total} parts were never written: write it to the end, or cut "
            "it where it ends."
        )
