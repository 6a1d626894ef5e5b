"""Frames of recordings as pictures, with the annotated and predicted people in them.

A picture is the enlarged frame with a letter at each person's box, a scale of temperatures beside it, and below it a
line for each letter with the actions. (Names do not fit beside boxes of a few pixels.)

Letters: H, W sensor pixels, C classes.
"""

import string
import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.evaluation.figures import ANNOTATED, CORRECT, HEAT_MAP, TRACKS, WRONG
from slowfast_thermal.evaluation.people import Person

# Pixels: the longer side to which a frame is enlarged, the least width of a picture, and the room for the scale.
_LONGER_SIDE = 720
_LEAST_WIDTH = 560
_SCALE_WIDTH = 100
_MARGIN = 10
_FONT = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 21)
_LINE_HEIGHT = 28
_TEXT = "#111111"


def draw_frame(
    temperatures: np.ndarray,
    limits: tuple[float, float],
    people: Sequence[Person],
    classes: list[str],
    title: str,
    min_height: int = 0,
) -> Image.Image:
    """A frame with its people.

    Args:
        temperatures: (H, W) degrees Celsius; NaN, a missing reading, is white.
        limits: temperatures at the ends of the colours.
        people: that are shown.
        classes: names of the C classes.
        title: the first line below the frame.
        min_height: pixels that the picture is high at least, so that the frames of a video are of one size.
    """
    frame = _enlarge(temperatures, limits)
    draw = ImageDraw.Draw(frame)
    letters = [_letter(place + 1 if person.track is None else person.track) for place, person in enumerate(people)]
    for person in people:
        _draw_boxes(draw, person, frame.size)
    _draw_letters(draw, people, letters, frame.size)

    width = max(frame.width + _SCALE_WIDTH, _LEAST_WIDTH)
    lines = [(line, _TEXT) for line in _wrap(title, width)]
    for letter, person in zip(letters, people):
        lines += [(line, _TEXT) for line in _wrap(f"{letter}  {describe(person, classes)}", width)]
    height = max(frame.height + 2 * _MARGIN + _LINE_HEIGHT * len(lines), min_height)
    # Video codecs take sides of an even number of pixels.
    picture = Image.new("RGB", (width + width % 2, height + height % 2), "white")
    picture.paste(frame, (0, 0))
    draw = ImageDraw.Draw(picture)
    _draw_scale(picture, limits, frame.size)
    for place, (line, color) in enumerate(lines):
        draw.text((_MARGIN, frame.height + _MARGIN + place * _LINE_HEIGHT), line, fill=color, font=_FONT)
    return picture


def draw_keyframe(dataset: Thermal, keyframe: Keyframe, people: Sequence[Person]) -> Image.Image:
    """A keyframe of `dataset` with its people."""
    temperatures = dataset.temperatures(keyframe.recording, np.array([keyframe.frame_index]))[0]
    return draw_frame(
        temperatures, color_limits(temperatures), people, dataset.classes, f"Keyframe {keyframe.image_id}"
    )


def draw_clip(dataset: Thermal, keyframe: Keyframe, people: Sequence[Person], num_frames: int) -> Image.Image:
    """A keyframe with its people, and below it how the clip of `num_frames` around it begins, goes on and ends."""
    picture = draw_keyframe(dataset, keyframe, people)
    indices = keyframe.frame_index + np.linspace(-num_frames // 2, num_frames // 2 - 1, 5).round().astype(int)
    frames = dataset.temperatures(keyframe.recording, indices)
    timestamps = dataset.timestamps(keyframe.recording)
    limits = color_limits(frames)
    width = picture.width // len(frames) - 4
    strip = [_enlarge(frame, limits) for frame in frames]
    strip = [
        frame.resize((width, round(width * frame.height / frame.width)), Image.Resampling.BICUBIC) for frame in strip
    ]
    whole = Image.new("RGB", (picture.width, picture.height + strip[0].height + _LINE_HEIGHT + _MARGIN), "white")
    whole.paste(picture, (0, 0))
    draw = ImageDraw.Draw(whole)
    for place, (frame, index) in enumerate(zip(strip, np.clip(indices, 0, len(timestamps) - 1))):
        x = place * (width + 4)
        whole.paste(frame, (x, picture.height))
        seconds = (timestamps[index] - keyframe.timestamp) / 1000
        draw.text((x + 4, picture.height + frame.height + 2), f"{seconds:+.1f} s", fill=_TEXT, font=_FONT)
    return whole


def color_limits(temperatures: np.ndarray) -> tuple[float, float]:
    """The temperatures between which the colours of a picture are best spent."""
    low, high = np.percentile(temperatures, [1, 99.7]).tolist()
    return low, max(high, low + 1.0)


def describe(person: Person, classes: list[str]) -> str:
    """What a person is annotated with and predicted as, in words."""
    if person.track is not None and person.scores is None:
        return "not scored yet"
    annotated = f"annotated {', '.join(classes[action] for action in person.actions)}"
    if person.scores is None:
        return annotated
    predicted = f"{classes[person.best]} {person.scores[person.best]:.2f}"
    if person.track is not None:
        return predicted
    if not person.actions:
        return f"{predicted}, not annotated"
    return f"{predicted}, {'as annotated' if person.actions == [person.best] else annotated}"


def _enlarge(temperatures: np.ndarray, limits: tuple[float, float]) -> Image.Image:
    low, high = limits
    heat_map = matplotlib.colormaps[HEAT_MAP].with_extremes(bad="white")
    colors = heat_map(np.clip((temperatures - low) / (high - low), 0, 1), bytes=True)
    picture = Image.fromarray(colors[..., :3])
    factor = max(round(_LONGER_SIDE / max(picture.size)), 1)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _letter(number: int) -> str:
    return string.ascii_uppercase[number - 1] if number <= 26 else str(number)


def _color(person: Person) -> str:
    if person.track is not None:
        return TRACKS[(person.track - 1) % len(TRACKS)]
    if person.scores is None:
        return ANNOTATED
    return WRONG if person.is_wrong else CORRECT


def _corners(box: np.ndarray, size: tuple[int, int]) -> list[float]:
    """Pixels of a box that is drawn inside the picture."""
    return (np.clip(box, 0, 1) * (np.tile(size, 2) - 1)).tolist()


def _draw_boxes(draw: ImageDraw.ImageDraw, person: Person, size: tuple[int, int]) -> None:
    """The predicted box, and in white the annotated one where it is another or there is no predicted one."""
    boxes = []
    if person.annotated_box is not None and (
        person.predicted_box is None or np.abs(person.annotated_box - person.predicted_box).max() > 0.01
    ):
        boxes.append((person.annotated_box, ANNOTATED))
    if person.predicted_box is not None:
        boxes.append((person.predicted_box, _color(person)))
    for box, color in boxes:
        x1, y1, x2, y2 = _corners(box, size)
        draw.rectangle([x1 - 1, y1 - 1, x2 + 1, y2 + 1], outline="black", width=5)
        draw.rectangle([x1, y1, x2, y2], outline=color, width=3)


def _draw_letters(
    draw: ImageDraw.ImageDraw, people: Sequence[Person], letters: Sequence[str], size: tuple[int, int]
) -> None:
    """Each person's letter at a corner of its box, where it covers other letters and boxes least."""
    side = _LINE_HEIGHT
    boxes = [_corners(p.annotated_box if p.predicted_box is None else p.predicted_box, size) for p in people]
    taken = []
    for letter, person, (x1, y1, x2, y2) in zip(letters, people, boxes):
        wide = max(side, _FONT.getlength(letter) + 10)
        places = [
            (np.clip(x, 0, size[0] - wide), np.clip(y, 0, size[1] - side))
            for y in (y1 - side, y2, y1)
            for x in (x1, x2 - wide, x1 - wide, x2)
        ]
        areas = [(x, y, x + wide, y + side) for x, y in places]
        best = min(
            areas, key=lambda area: sum(_shared(area, t) * 10 for t in taken) + sum(_shared(area, b) for b in boxes)
        )
        taken.append(best)
        draw.rectangle(best, fill=_color(person), outline="black")
        draw.text(((best[0] + best[2]) / 2, best[1] + side / 2), letter, fill="black", font=_FONT, anchor="mm")


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    """Area that two boxes x1, y1, x2, y2 have in common."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def _draw_scale(picture: Image.Image, limits: tuple[float, float], size: tuple[int, int]) -> None:
    """The colours from the lowest temperature at the bottom to the highest, with temperatures in degrees Celsius."""
    width, height = size
    shades = matplotlib.colormaps[HEAT_MAP](np.linspace(1, 0, height), bytes=True)[:, None, :3]
    picture.paste(Image.fromarray(np.repeat(shades, 18, axis=1)), (width + 4, 0))
    draw = ImageDraw.Draw(picture)
    low, high = limits
    for share, anchor in ((1.0, "la"), (0.5, "lm"), (0.0, "ls")):
        label = f"{low + share * (high - low):.0f}" + ("°C" if share == 1.0 else "")
        draw.text((width + 25, (1 - share) * height), label, fill=_TEXT, font=_FONT, anchor=anchor)


def _wrap(text: str, width: int) -> list[str]:
    """The text on as many lines as a picture of this width needs."""
    for columns in range(max(len(text), 1), 0, -1):
        lines = textwrap.wrap(text, columns, subsequent_indent="    ")
        if all(_FONT.getlength(line) <= width - 2 * _MARGIN for line in lines):
            return lines
    return [text]
