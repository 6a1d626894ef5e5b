"""Pictures, a frame each: 16-bit PNG, TIFF stacks and folders, and radiometric FLIR pictures."""

import datetime
import importlib
import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL.Image

from slowfast_thermal.datasets.units import UNITS
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import (
    Block,
    ForeignRecording,
    Hints,
    array_blocks,
    frame_size,
    picture_blocks,
)
from slowfast_thermal.preparation.recordings.sniffing import expect
from slowfast_thermal.preparation.recordings.times import MILLISECONDS

TIFF_SUFFIXES, PNG_SUFFIXES, FLIR_SUFFIXES = (".tif", ".tiff"), (".png",), (".jpg", ".jpeg")
# Milliseconds since 1970, from 2001 on, as the only number of so many digits in a file's name.
_TIME_IN_NAME = re.compile(r"(?<!\d)1\d{12}(?!\d)")
_EXIF, _TAKEN, _FRACTION, _CHANGED = 0x8769, 0x9003, 0x9291, 0x0132


def picture_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The pictures of a folder by name, where 10 stands behind 2; or the picture itself."""
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.suffix.lower() in suffixes and not file.name.startswith(".")]
    return sorted(files, key=lambda file: [int(p) if p.isdigit() else p for p in re.split(r"([0-9]+)", file.name)])


def _recording(files: list[Path], blocks: Iterator[Block], num_frames: int | None) -> ForeignRecording:
    """A recording with the times that its files' names tell, if a file is a frame."""
    found = ForeignRecording(blocks, num_frames)
    times = [_TIME_IN_NAME.findall(file.stem) for file in files]
    if num_frames == len(files) and all(len(each) == 1 for each in times):
        found.times, found.time_unit = np.array([int(each[0]) for each in times]), MILLISECONDS
        found.times_note = "times are the milliseconds since 1970 in the names of the files"
    return found


def _need(module: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{what} need {module}: pip install {module}.") from None


def read_png(path: Path, hints: Hints) -> ForeignRecording:
    """The 16-bit grey pictures of a folder.

    Raises:
        InputError: one of them is none.
    """
    files = picture_files(path, PNG_SUFFIXES)

    def pictures() -> Iterator[tuple[str, np.ndarray, None]]:
        for file in files:
            expect(file, "png", "PNG picture")
            try:
                with PIL.Image.open(file) as picture:
                    mode, values = picture.mode, np.asarray(picture)
            except (OSError, SyntaxError, ValueError) as error:  # a damaged PNG is any of these
                raise InputError(f"{file} cannot be read ({error}): copy it again.") from None
            if not (mode.startswith("I") or mode == "L"):
                raise InputError(
                    f"{file} is a picture in colours ({mode}), which are no temperatures: export 16-bit grey."
                )
            frame_size((1, *values.shape), hints.shape, str(file))
            yield str(file), values, None

    return _recording(files, picture_blocks(pictures()), len(files))


def read_tiff(path: Path, hints: Hints) -> ForeignRecording:
    """The pages of a TIFF file, or of all in a folder.

    Raises:
        InputError: one of them is none, or cannot be read; tifffile is not installed.
    """
    tifffile = _need("tifffile", "TIFF files")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it finds wrong is told here, in one sentence
    files = picture_files(path, TIFF_SUFFIXES)
    for file in files:
        expect(file, "tiff", "TIFF file")
    try:
        with tifffile.TiffFile(files[0]) as first:
            num_pages = int(np.prod(first.series[0].shape[:-2])) if first.series[0].axes[-1:] != "S" else 0
            of_imagej = first.imagej_metadata or {}
            interval, announced = of_imagej.get("finterval"), of_imagej.get("images")
            if len(files) == 1 and first.series[0].dataoffset is not None and len(first.series) == 1:
                # Not compressed, so that it need not be read page by page; ImageJ writes one page for all frames then.
                array = tifffile.memmap(files[0], series=0, mode="r")
                array = array.reshape(-1, *array.shape[-2:]) if num_pages else array
                size = frame_size(array.shape if array.ndim > 2 else (1, *array.shape), hints.shape, str(path))
                found = _recording(files, array_blocks(array, size, str(path)), len(array))
            else:
                number = len(first.pages) if len(files) == 1 else None
                found = _recording(files, picture_blocks(_pages(tifffile, files, hints)), number)
    except (ValueError, OSError, IndexError, tifffile.TiffFileError) as error:
        raise _not_tiff(files[0], error) from None
    if len(files) == 1 and isinstance(announced, int):
        found.num_frames = announced
    found.rate = 1 / interval if isinstance(interval, float) and interval > 0 else None
    return found


def _not_tiff(file: Path, error: Exception) -> InputError:
    if "imagecodecs" in str(error):
        return InputError(
            f"{file} is compressed in a way for which tifffile needs imagecodecs: pip install imagecodecs."
        )
    return InputError(f"{file} cannot be read as TIFF ({error}): copy it again.")


def _pages(tifffile: ModuleType, files: list[Path], hints: Hints) -> Iterator[tuple[str, np.ndarray, None]]:
    for file in files:
        try:
            with tifffile.TiffFile(file) as tiff:
                for page in tiff.pages:
                    values = page.asarray()
                    where = f"{file}, page {page.index}"
                    frame_size((1, *values.shape), hints.shape, where)
                    yield where, values, None
        except (ValueError, OSError, zlib.error, tifffile.TiffFileError) as error:
            raise _not_tiff(file, error) from None


def read_flir(path: Path, hints: Hints) -> ForeignRecording:
    """The radiometric JPEG pictures of a folder, with the temperatures that the camera's own settings give.

    Raises:
        InputError: one of them is none, or cannot be read; flyr is not installed.
    """
    flyr = _need("flyr", "Radiometric FLIR pictures")
    files = picture_files(path, FLIR_SUFFIXES)

    def pictures() -> Iterator[tuple[str, np.ndarray, float | None]]:
        for file, time in zip(files, times or [None] * len(files)):
            expect(file, "flir", "radiometric FLIR picture")
            try:
                celsius = flyr.unpack(str(file)).celsius
            except Exception as error:  # a library that promises none
                raise InputError(
                    f"{file} cannot be read by flyr ({type(error).__name__}: {error}): export its temperatures as CSV or TIFF."
                ) from None
            frame_size((1, *celsius.shape), hints.shape, str(file))
            yield str(file), celsius, time

    times = _times_taken(files)
    found = ForeignRecording(picture_blocks(pictures()), len(files), UNITS["celsius"])
    if times:
        found.time_unit = MILLISECONDS
        found.times_note = "times are those at which the pictures were taken, by the camera's clock"
    return found


def _times_taken(files: list[Path]) -> list[float] | None:
    """Milliseconds since 1970 of each, None if one does not tell."""
    times = []
    for file in files:
        expect(file, "flir", "radiometric FLIR picture")
        try:
            with PIL.Image.open(file) as picture:
                tags = picture.getexif()
            details = tags.get_ifd(_EXIF)
            taken = str(details.get(_TAKEN) or tags.get(_CHANGED))
            date = datetime.datetime.strptime(taken.strip("\0 "), "%Y:%m:%d %H:%M:%S")
            fraction = float(f"0.{int(str(details.get(_FRACTION, 0)).strip() or 0)}")
        except (OSError, SyntaxError, ValueError):
            return None
        times.append(1000 * (date.replace(tzinfo=datetime.UTC).timestamp() + fraction))
    return times
