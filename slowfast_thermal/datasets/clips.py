"""What a recording needs for its clips: frames in order, and its background."""

import numpy as np
import torch

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError

# Frames, evenly spread over a recording, of which a pixel's background is taken, and at which share of them.
_BACKGROUND_FRAMES = 100
_BACKGROUND_SHARE = 0.2


def check_order(recording: Recording) -> None:
    """Raises InputError if frames cannot be found by their time."""
    steps = np.diff(recording.timestamps)
    if (steps < 0).any():
        raise InputError(
            f"{recording.path}: timestamps decrease after frame {int(np.argmax(steps < 0))}, so frames cannot be found by "
            "their time: put frames and timestamps in order."
        )


def background(recording: Recording) -> torch.Tensor:
    """(H, W) float32 degrees Celsius, where the recording is cached, else on the CPU: what a pixel reads without people.

    It is the temperature below which a fifth of a hundred frames lie that are evenly spread over the recording, as people
    are warmer than the room. Someone who stays in one place for most of a recording becomes part of it.
    """
    count = min(_BACKGROUND_FRAMES, recording.num_frames)
    places = np.linspace(0, recording.num_frames - 1, count).round().astype(np.int64)
    # Frames one by one: those between them are not decoded all at once.
    frames = [recording.read(places[i : i + 1]) for i in range(count)]
    return torch.cat(frames).kthvalue(int(_BACKGROUND_SHARE * (count - 1)) + 1, dim=0).values
