"""Damaged frames of a recording as pictures: as they are stored, and beside it as they are read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.pictures import color_limits, draw_frame
from slowfast_thermal.preparation.damage import Damage, find_damage

# Frames on a sheet at most, spread over the recording, and milliseconds for which a moving picture shows each.
_ON_SHEET = 12
_SHOWN = 1000


def damaged_pictures(recording: Recording, path: Path) -> tuple[Iterator[Image.Image], list[int]]:
    """The damaged frames of a recording, for a file of the suffix of `path`: some of them for a sheet, else all.

    Returns:
        the pictures, missing readings white on the left, and the milliseconds for which each is shown.

    Raises:
        InputError: the recording cannot be read, or no frame of it is damaged.
    """
    kinds = describe_damage(find_damage(recording))
    if not kinds:
        raise InputError(f"No frame of {recording.path} is damaged, so there is none to draw: choose --recording.")
    indices = sorted(kinds)
    if path.suffix.lower() == ".png" and len(indices) > _ON_SHEET:
        indices = [indices[place] for place in np.linspace(0, len(indices) - 1, _ON_SHEET).round().astype(int)]
    return (_draw(recording, index, kinds[index]) for index in indices), [_SHOWN] * len(indices)


def describe_damage(damage: Damage) -> dict[int, str]:
    """What is wrong with each damaged frame, by its index."""
    kinds = {}
    for index, repair in damage.repairs.items():
        if repair.starts is None:
            outcome = "unclear which"
        else:
            outcome = f"{repair.num_moved} put right"
        kinds[index] = f"{repair.num_lost} readings lost, {outcome}"
    for kind in ("torn", "frozen", "flashing"):
        for index in getattr(damage, kind):
            kinds[index] = f"{kinds[index]}, {kind}" if index in kinds else kind
    return kinds


def _draw(recording: Recording, index: int, kind: str) -> Image.Image:
    stored = recording.decode_stored(index, index + 1)[0]
    read = recording.read(np.array([index]))[0].numpy()
    limits, title = color_limits(read), f"{recording.name}, frame {index}: {kind}"
    left = draw_frame(stored, limits, [], [], f"{title}; as stored")
    right = draw_frame(read, limits, [], [], f"{title}; as read")
    picture = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width, 0))
    return picture
