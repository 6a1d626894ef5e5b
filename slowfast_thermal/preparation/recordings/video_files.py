"""Video with more than 8 bits of grey, such as gray16 in FFV1."""

import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import ForeignRecording, Hints, frame_size, picture_blocks
from slowfast_thermal.preparation.recordings.sniffing import expect


def read_video(path: Path, hints: Hints) -> ForeignRecording:
    """The frames of a video's first stream, with their times in it.

    Raises:
        InputError: it is no video, cannot be read, or is in colours or of 8 bits.
    """
    expect(path, "video", "video")
    try:
        with av.open(str(path)) as video:
            if not video.streams.video:
                raise InputError(f"{path} holds no stream of pictures: give another file.")
            stream = video.streams.video[0]
            layout, number = stream.codec_context.format, stream.frames
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path} cannot be read as video ({error}): copy it again.") from None
    bits = layout.components[0].bits if layout else 0
    if not layout or not layout.name.startswith("gray") or bits <= 8:
        kind = layout.name if layout else "an unknown format"
        raise InputError(
            f"{path} holds pictures in {kind}, which are no temperatures: export them with 10 to 16 bits of grey, such as "
            "gray16le in FFV1."
        )
    frame_size((1, stream.height, stream.width), hints.shape, str(path))
    return ForeignRecording(picture_blocks(_pictures(path)), number or None, time_unit="seconds")


def _pictures(path: Path) -> Iterator[tuple[str, np.ndarray, float | None]]:
    times: list[float] = []
    try:
        with av.open(str(path)) as video:
            announced = video.duration / av.time_base if video.duration and len(video.streams) == 1 else 0.0
            for number, frame in enumerate(video.decode(video=0)):
                yield f"{path}, frame {number}", frame.to_ndarray(), frame.time
                times.append(frame.time or 0.0)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as video ({error}): copy it, or export it as gray16le in FFV1."
        ) from None
    longest = max((after - before for before, after in zip(times, times[1:])), default=math.inf)
    if times and announced > times[-1] + 2 * longest:
        raise InputError(
            f"{path} announces {announced:g} seconds and its last frame is at {times[-1]:g}, so its end is missing: copy it again."
        )
