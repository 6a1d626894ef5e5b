"""What a file of annotations says, whatever its format."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from slowfast_thermal.errors import InputError

PEOPLE = ("person", "people", "human", "pedestrian")
"""Labels that say that somebody is there, and not what they do."""

THINGS = ("furniture", "object")
"""Labels of what is no person."""


class LabelledBox(NamedTuple):
    """A box as somebody drew it.

    Attributes:
        corners: x1, y1, x2, y2, divided by the image size; may reach over the edge.
        label: of the box.
        attributes: further names with their values.
        track: a number that stays the same for a person, None where the file has none.
        score: of a prediction, None for what somebody drew.
    """

    corners: tuple[float, float, float, float]
    label: str
    attributes: Mapping[str, str] = {}
    track: int | None = None
    score: float | None = None


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame that somebody looked at.

    Attributes:
        where: its place in the file, for messages.
        source: name of the picture or video, as the file has it.
        number: of the frame in the video, from 0; None for pictures, whose name has to tell.
        boxes: of people and things; there may be none.
        time: milliseconds or seconds, where the file tells times and no frames.
    """

    where: str
    source: str
    number: int | None
    boxes: list[LabelledBox] = field(default_factory=list)
    time: float | None = None


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes:
        frames: in its order.
        skipped: boxes that were left out, by reason.
        notes: what the user should know of how it was read.
    """

    frames: list[AnnotatedFrame]
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


def corners(x: float, y: float, width: float, height: float, size: tuple[float, float]) -> tuple[float, ...]:
    """A box from its left, top, width and height in pixels of an image of this width and height."""
    return x / size[0], y / size[1], (x + width) / size[0], (y + height) / size[1]


def enclosing(x: float, y: float, width: float, height: float, degrees: float, about_corner: bool) -> tuple[float, ...]:
    """Left, top, width and height of the upright box around a turned one.

    Args:
        x, y, width, height: before it was turned, in pixels.
        degrees: clockwise.
        about_corner: it was turned around its left upper corner, not around its middle.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    pivot = (x, y) if about_corner else (x + width / 2, y + height / 2)
    places = [
        (pivot[0] + cosine * dx - sine * dy, pivot[1] + sine * dx + cosine * dy)
        for px, py in ((x, y), (x + width, y), (x, y + height), (x + width, y + height))
        for dx, dy in ((px - pivot[0], py - pivot[1]),)
    ]
    left, top = min(place[0] for place in places), min(place[1] for place in places)
    return left, top, max(place[0] for place in places) - left, max(place[1] for place in places) - top


def number_of(value: object, where: str) -> float:
    """A finite number. Raises InputError if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {value!r} is no finite number: correct it.")
    return number


def read_xml(path: Path) -> Element:
    """The root of an XML file. Raises InputError if it is none, or declares entities, which could fill the memory."""
    try:
        return defusedxml.ElementTree.parse(path, forbid_dtd=True).getroot()
    except DefusedXmlException:
        raise InputError(
            f"{path} declares a document type or entities, which no annotation tool does: remove them."
        ) from None
    except (ParseError, ValueError) as error:
        raise InputError(f"{path} is not valid XML ({error}): export it again.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its name and permissions.") from None
