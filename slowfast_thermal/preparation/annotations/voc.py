"""Pascal VOC: a folder of XML files, one a picture (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html).

Pixels are counted from 1 and the last one belongs to the box, unless a number has a fraction, as tools write that count from 0.
"""

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
)


def read(folder: Path) -> Contents:
    """The pictures of a folder, by name. Raises InputError if it holds none, or one does not fit."""
    paths = sorted(folder.glob("*.xml"))
    if not paths:
        raise InputError(f"{folder} holds no *.xml file: give the folder of Pascal VOC's annotations.")
    return Contents([_read(path) for path in paths])


def _read(path: Path) -> AnnotatedFrame:
    root = read_xml(path)
    if root.tag != "annotation":
        raise InputError(f"{path} begins with <{root.tag}>, not with <annotation>: it is no file of Pascal VOC.")
    size = tuple(number_of(root.findtext(f"size/{key}"), f"{path}, size") for key in ("width", "height"))
    if min(size) <= 0:
        raise InputError(f"{path}: the size is {size[0]:g} x {size[1]:g}: both must be positive.")
    frame = AnnotatedFrame(str(path), root.findtext("filename") or path.name, None)
    for place, thing in enumerate(root.findall("object")):
        where = f"{path}, object {place}"
        edges = [number_of(thing.findtext(f"bndbox/{key}"), where) for key in ("xmin", "ymin", "xmax", "ymax")]
        if all(edge.is_integer() for edge in edges):
            edges[0], edges[1] = edges[0] - 1, edges[1] - 1
        left, top, right, bottom = edges
        frame.boxes.append(
            LabelledBox(
                corners(left, top, right - left, bottom - top, size), thing.findtext("name") or "", _attributes(thing)
            )
        )
    return frame


def _attributes(thing: Element) -> dict[str, str]:
    """What CVAT and others add, and VOC's own pose."""
    found = {
        each.findtext("name") or "": each.findtext("value") or "" for each in thing.iterfind("attributes/attribute")
    }
    pose = thing.findtext("pose")
    return found | ({"pose": pose} if pose and pose != "Unspecified" else {})
