"""Pascal VOC: a folder of XML files, one a picture (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html).

Pixels are counted from 1 and the last one belongs to the box, unless a box of the folder has an edge at 0 or between two pixels, as
only tools write that count from 0.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import (
    AnnotatedFrame,
    Contents,
    LabelledBox,
    corners,
    number_of,
    read_xml,
    size_of,
)


def read(folder: Path) -> Contents:
    """The pictures of a folder, by name. Raises InputError if it holds none, or one does not fit."""
    paths = sorted(folder.rglob("*.xml"))
    if not paths:
        raise InputError(f"{folder} holds no *.xml file: give the folder of Pascal VOC's annotations.")
    pictures = [(path, _root(path)) for path in paths]
    boxes = [edges for path, root in pictures for _, edges in _objects(path, root)]
    first = 0 if any(edge == 0 or not edge.is_integer() for edges in boxes for edge in edges) else 1
    notes = Counter({f"boxes in pixels that are counted from {first}": len(boxes)})
    return Contents([_frame(path, root, first) for path, root in pictures], notes=notes)


def _root(path: Path) -> Element:
    root = read_xml(path)
    if root.tag != "annotation":
        raise InputError(f"{path} begins with <{root.tag}>, not with <annotation>: it is no file of Pascal VOC.")
    return root


def _objects(path: Path, root: Element) -> Iterator[tuple[Element, list[float]]]:
    """Each with its left, top, right and bottom edge in pixels."""
    for place, thing in enumerate(root.findall("object")):
        keys = ("xmin", "ymin", "xmax", "ymax")
        yield thing, [number_of(thing.findtext(f"bndbox/{key}"), f"{path}, object {place}") for key in keys]


def _frame(path: Path, root: Element, first: int) -> AnnotatedFrame:
    size = size_of(root.findtext("size/width"), root.findtext("size/height"), f"{path}, size")
    frame = AnnotatedFrame(str(path), root.findtext("filename") or path.name, None)
    for thing, (left, top, right, bottom) in _objects(path, root):
        left, top = left - first, top - first
        box = corners(left, top, right - left, bottom - top, size)
        frame.boxes.append(LabelledBox(box, thing.findtext("name") or "", _attributes(thing)))
    return frame


def _attributes(thing: Element) -> dict[str, str]:
    """What CVAT and others add, and VOC's own pose."""
    found = {
        each.findtext("name") or "": each.findtext("value") or "" for each in thing.iterfind("attributes/attribute")
    }
    pose = thing.findtext("pose")
    return found | ({"pose": pose} if pose and pose != "Unspecified" else {})
