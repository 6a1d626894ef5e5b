"""What a file of annotations says, whatever its format."""

import bisect
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import LARGEST_WHOLE, shortened

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


class KeyedBox(NamedTuple):
    """A frame of a video in which somebody's box is told, whether they are there, and whether they stay after it."""

    frame: int
    box: LabelledBox
    is_there: bool
    stays: bool


def box_at(keyed: Sequence[KeyedBox], frame: int) -> LabelledBox | None:
    """Somebody's box in a frame, interpolated between those that are told, which are in the order of frames; None without them."""
    after = bisect.bisect_right(keyed, frame, key=lambda at: at.frame)
    if after == 0:
        return None
    before = keyed[after - 1]
    if before.frame == frame:
        return before.box if before.is_there else None
    if not before.stays or after == len(keyed):
        return before.box if before.stays else None
    share = (frame - before.frame) / (keyed[after].frame - before.frame)
    edges = zip(before.box.corners, keyed[after].box.corners)
    return before.box._replace(corners=tuple(a + share * (b - a) for a, b in edges))


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
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {shortened(value)} is no finite number: correct it.")
    return number


def whole_number_of(value: object, where: str) -> int:
    """A whole number, such as that of a frame. Raises InputError if it is none, or larger than any file has frames."""
    number = number_of(value, where)
    if not number.is_integer() or abs(number) > LARGEST_WHOLE:
        raise InputError(f"{where}: {shortened(value)} is no whole number of a sensible size: correct it.")
    return int(number)


def size_of(width: object, height: object, where: str) -> tuple[float, float]:
    """Width and height of a picture. Raises InputError if they are no positive numbers."""
    size = number_of(width, where), number_of(height, where)
    if min(size) <= 0:
        raise InputError(f"{where}: the size is {size[0]:g} x {size[1]:g}: both must be positive.")
    return size


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
