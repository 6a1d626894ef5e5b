"""What a file is by its first bytes, whatever its name says."""

import zipfile
from pathlib import Path
from typing import NamedTuple

from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import is_file

_LOOKED_AT = 4096
# Radiometric data of a JPEG picture stand in its first segments, behind a small picture.
_JPEG_SEGMENTS = 2**18


class Kind(NamedTuple):
    """A kind of file: the format that reads it, or empty, and how a message calls it."""

    format: str
    name: str


# Place, bytes there, and what they tell.
_MAGIC = (
    (0, b"\x89HDF\r\n\x1a\n", Kind("hdf5", "an HDF5 file")),
    (0, b"\x93NUMPY", Kind("numpy", "a NumPy array")),
    *((0, magic, Kind("tiff", "a TIFF file")) for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (0, b"\x89PNG\r\n\x1a\n", Kind("png", "a PNG picture")),
    (0, b"\x1aE\xdf\xa3", Kind("video", "a Matroska video")),
    (4, b"ftyp", Kind("video", "an MP4 or MOV video")),
    (8, b"AVI ", Kind("video", "an AVI video")),
    (0, b"nut/multimedia", Kind("video", "a NUT video")),
    (0, b"GIF8", Kind("", "a GIF, whose colours are no temperatures")),
    *((0, magic, Kind("", "a FLIR sequence, which is not read")) for magic in (b"FFF\0", b"AFF\0")),
    (0, b"MATLAB 5", Kind("", "a MATLAB file before version 7.3, which is not read")),
    (0, b"\x1f\x8b", Kind("", "a gzip archive, to be unpacked first")),
)
_TEXT, _UNKNOWN = Kind("text", "text"), Kind("", "nothing that is known here")


def kind_of(path: Path) -> Kind:
    """What a file is.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_JPEG_SEGMENTS)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions.") from None
    if not start:
        return Kind("", "an empty file")
    for place, magic, kind in _MAGIC:
        if start[place : place + len(magic)] == magic:
            return kind
    if start[:3] == b"\xff\xd8\xff":
        is_radiometric = b"FLIR\0" in start
        return Kind("flir", "a radiometric FLIR picture") if is_radiometric else Kind("", "a JPEG without temperatures")
    if start[:4] == b"PK\x03\x04":
        return _kind_of_zip(path)
    return _TEXT if _is_text(start[:_LOOKED_AT]) else _UNKNOWN


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return Kind("", "a damaged ZIP archive")
    if names and all(name.endswith(".npy") for name in names):
        return Kind("numpy", "a NumPy archive")
    return Kind("", "a ZIP archive, to be unpacked first")


def encoding_of(path: Path) -> str:
    """UTF-16 where a text file begins with its mark, as loggers on Windows write; else UTF-8."""
    with path.open("rb") as file:
        return "utf-16" if _is_utf16(file.read(2)) else "utf-8-sig"


def _is_utf16(start: bytes) -> bool:
    return start[:2] in (b"\xff\xfe", b"\xfe\xff")


def _is_text(start: bytes) -> bool:
    encoding = "utf-16" if _is_utf16(start) else "utf-8"
    text = start.decode(encoding, errors="ignore")
    lost = len(start) - len(text.encode(encoding))
    # Up to three bytes of a letter may be cut off at the end.
    return lost < 4 and all(
        character.isprintable() or character.isspace() or character == "\ufeff" for character in text
    )


def expect(path: Path, format: str, name: str) -> None:
    """Raises InputError if a file is not of a format, with what it looks like instead; `name` calls the format."""
    if not is_file(path):
        raise InputError(f"File '{path}' does not exist: correct its name.")
    kind = kind_of(path)
    if kind.format != format:
        remedy = f"give the format {kind.format}" if kind.format else "give another file"
        raise InputError(f"{path} is no {name} but looks like {kind.name}: {remedy}.")
