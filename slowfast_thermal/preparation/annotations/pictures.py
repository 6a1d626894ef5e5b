"""Frames as the pictures and videos that labelling tools open: grey, between fixed temperatures, enlarged."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from slowfast_thermal.datasets.recordings import Recording

# Pixels of the longer side of a picture, about.
ENLARGED = 480


def write_pictures(
    folder: Path, recording: Recording, names: Mapping[int, str], factor: int, limits: tuple[float, float]
) -> None:
    """Writes some frames as PNG files.

    Args:
        folder: that exists.
        recording: with the frames.
        names: of the files, by the frame's index.
        factor: by which frames are enlarged.
        limits: degrees Celsius of black and white.
    """
    for frame, name in names.items():
        grey = _grey(recording.read(np.array([frame])).numpy(), factor, limits)[0]
        Image.fromarray(grey).save(folder / name)


def write_video(path: Path, recording: Recording, factor: int, limits: tuple[float, float]) -> None:
    """Writes all frames as MP4 (H.264), one after the other at the recording's mean rate, so that frame n is the recording's."""
    span = max(int(recording.timestamps[-1]) - int(recording.timestamps[0]), 1)
    rate = Fraction(max(recording.num_frames - 1, 1) * 1000, span).limit_denominator(1000)
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream(
            "h264", rate=max(rate, Fraction(1, 10)), options={"crf": "18", "preset": "superfast", "g": "12"}
        )
        stream.width, stream.height = recording.width * factor, recording.height * factor
        stream.pix_fmt = "yuv420p"
        for part in recording.parts():
            for grey in _grey(part, factor, limits):
                for packet in stream.encode(av.VideoFrame.from_ndarray(grey, format="gray")):
                    file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


def _grey(frames: np.ndarray, factor: int, limits: tuple[float, float]) -> np.ndarray:
    """(K, factor H, factor W) uint8 of (K, H, W) degrees Celsius."""
    low, high = limits
    grey = np.round(255 * np.clip((np.nan_to_num(frames, nan=low) - low) / (high - low), 0, 1)).astype(np.uint8)
    return grey.repeat(factor, axis=1).repeat(factor, axis=2)
