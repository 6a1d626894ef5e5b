"""Pictures in a file: a sheet of them as PNG, or one after the other as GIF or MP4."""

import itertools
import math
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing

SUFFIXES = (".png", ".gif", ".mp4")
# What a sheet has room for, and what a GIF keeps in memory.
_MAX_PICTURES = {".png": 100, ".gif": 1000}
# GIF counts in hundredths of a second, and browsers slow down what is faster than two of them.
_GIF_TICK = 10
_GIF_SHORTEST = 20


# Milliseconds for which the last frame is shown, and a frame before a gap in the recording at most.
HOLD = 1000
_LONGEST = 3000


def frame_durations(timestamps: np.ndarray) -> list[int]:
    """Milliseconds for which each frame is shown: until the next one was recorded.

    Args:
        timestamps: (N,) milliseconds.
    """
    return [*np.clip(np.diff(timestamps), 1, _LONGEST).tolist(), HOLD]


def check_output(path: Path) -> None:
    """Raises InputError where no pictures can be written to `path`."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"'{path}' is neither {', '.join(SUFFIXES[:-1])} nor {SUFFIXES[-1]}: give --output such a name."
        )
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise InputError(f"'{path.parent}' is no folder that can be written: make it, or give --output another.")


def write_pictures(path: Path, pictures: Iterable[Image.Image], durations: Sequence[int]) -> None:
    """Writes RGB pictures as the suffix of `path` says.

    Args:
        path: PNG puts all pictures beside and below each other; GIF and MP4 show one after the other.
        pictures: of sides of an even number of pixels, and for GIF and MP4 of one size.
        durations: milliseconds for which each is shown.

    Raises:
        InputError: another suffix, no such folder, or too many pictures for a PNG or a GIF.
    """
    check_output(path)
    suffix = path.suffix.lower()
    if len(durations) > _MAX_PICTURES.get(suffix, math.inf):
        raise InputError(
            f"{len(durations)} pictures are too many for {path.name}, which holds at most {_MAX_PICTURES[suffix]}: "
            "give --output a name that ends in .mp4."
        )
    write = {".png": _write_sheet, ".gif": _write_gif, ".mp4": _write_mp4}[suffix]
    with replacing(path) as temporary:
        write(temporary, pictures, durations)


def _write_sheet(path: str, pictures: Iterable[Image.Image], _durations: Sequence[int]) -> None:
    pictures = list(pictures)
    width, height = (max(picture.size[axis] for picture in pictures) for axis in (0, 1))
    # About as wide as high, also of pictures that are not.
    columns = math.ceil(math.sqrt(len(pictures) * height / width))
    sheet = Image.new("RGB", (columns * width, math.ceil(len(pictures) / columns) * height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * width, place // columns * height))
    sheet.save(path, "PNG")


def _write_gif(path: str, pictures: Iterable[Image.Image], durations: Sequence[int]) -> None:
    # Rounded ends keep the speed of the whole; rounded durations would not.
    ends = [round(end / _GIF_TICK) * _GIF_TICK for end in itertools.accumulate(durations)]
    rounded = [max(end - start, _GIF_SHORTEST) for start, end in zip([0, *ends], ends)]
    frames = (picture.quantize(dither=Image.Dither.NONE) for picture in pictures)
    next(frames).save(path, "GIF", save_all=True, append_images=frames, duration=rounded, loop=0)


def _write_mp4(path: str, pictures: Iterable[Image.Image], durations: Sequence[int]) -> None:
    with av.open(path, "w", format="mp4") as file:
        stream = file.add_stream("h264", options={"crf": "18", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        starts = [0, *itertools.accumulate(durations)]
        for picture, start in zip(pictures, starts):
            if start == 0:
                stream.width, stream.height = picture.size
            file.mux(stream.encode(_video_frame(picture, start)))
        # A frame lasts until the next one, so the last one comes once more.
        file.mux(stream.encode(_video_frame(picture, starts[-1])))
        file.mux(stream.encode())


def _video_frame(picture: Image.Image, milliseconds: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_image(picture)
    frame.pts = milliseconds
    frame.time_base = Fraction(1, 1000)
    return frame
