"""CVAT's XML 1.1, of images and of videos (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

In a video a person is a track: boxes in frames that somebody set (`keyframe="1"`), and between them boxes that CVAT interpolates,
which a file may hold or leave to the reader. Frames that somebody set a box in are taken, with everyone who is there.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import (
    THINGS,
    AnnotatedFrame,
    Contents,
    LabelledBox,
    corners,
    enclosing,
    number_of,
    read_xml,
)


def read(path: Path) -> Contents:
    """The frames of a file of either kind.

    Raises:
        InputError: it is not valid, or a record does not fit.
    """
    root = read_xml(path)
    if root.tag != "annotations":
        raise InputError(
            f"{path} begins with <{root.tag}>, not with <annotations>: export the task as 'CVAT for video 1.1'."
        )
    skipped, notes = Counter(), Counter()
    for kind in ("polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton"):
        if count := sum(1 for _ in root.iter(kind)):
            skipped[f"a {kind}, not a box"] += count
    images, tracks = root.findall("image"), root.findall("track")
    frames = _of_video(path, root, tracks, skipped, notes) if tracks else _of_images(path, images, notes)
    return Contents(frames, skipped, notes)


def _of_images(path: Path, images: list[Element], notes: Counter) -> list[AnnotatedFrame]:
    frames = []
    for place, image in enumerate(images):
        where = f"{path}, image {place}"
        size = _number(image, "width", where), _number(image, "height", where)
        frame = AnnotatedFrame(where, image.get("name", ""), None)
        frame.boxes.extend(
            LabelledBox(_corners(box, size, where, notes), box.get("label", ""), _attributes(box))
            for box in image.findall("box")
        )
        frames.append(frame)
    return frames


def _of_video(
    path: Path, root: Element, tracks: list[Element], skipped: Counter, notes: Counter
) -> list[AnnotatedFrame]:
    meta = root.find("meta")
    size = next(root.iter("original_size"), None)
    if meta is None or size is None:
        raise InputError(f"{path} does not say how large its video is (meta, original_size): export the task again.")
    pixels = tuple(number_of(size.findtext(key), f"{path}, original_size") for key in ("width", "height"))
    source = next((node.text for tag in ("source", "name") for node in meta.iter(tag) if node.text), path.stem)
    boxes: dict[int, list[LabelledBox]] = {}
    set_frames = set()
    for place, track in enumerate(tracks):
        where = f"{path}, track {place}"
        number = int(number_of(track.get("id", place), where))
        for frame, box, is_set in _filled(track, pixels, where, notes):
            boxes.setdefault(frame, []).append(LabelledBox(box.corners, track.get("label", ""), box.attributes, number))
            if is_set:
                set_frames.add(frame)
    if left := len(boxes.keys() - set_frames):
        notes["frames in which nobody set a box, left out"] += left
    return [AnnotatedFrame(f"{path}, frame {number}", source, number, boxes[number]) for number in sorted(set_frames)]


def _filled(
    track: Element, size: tuple[float, float], where: str, notes: Counter
) -> Iterator[tuple[int, LabelledBox, bool]]:
    """The frames in which someone is there, each with the box and whether somebody set it; those between two are interpolated."""
    before = None
    for element in sorted(track.findall("box"), key=lambda box: _number(box, "frame", where)):
        frame, is_set = int(_number(element, "frame", where)), element.get("keyframe", "1") == "1"
        box = LabelledBox(_corners(element, size, where, notes), "", _attributes(element))
        if before:
            for between in range(before[0] + 1, frame):
                share = (between - before[0]) / (frame - before[0])
                moved = tuple(a + share * (b - a) for a, b in zip(before[1].corners, box.corners))
                yield between, before[1]._replace(corners=moved), False
        if element.get("outside") == "1":
            before = None
        else:
            before = frame, box
            yield frame, box, is_set


def _number(element: Element, key: str, where: str) -> float:
    return number_of(element.get(key), f"{where}, {element.tag} {key}")


def _corners(box: Element, size: tuple[float, float], where: str, notes: Counter) -> tuple[float, ...]:
    left, top, right, bottom = (_number(box, key, where) for key in ("xtl", "ytl", "xbr", "ybr"))
    whole = left, top, right - left, bottom - top
    if turned := number_of(box.get("rotation", 0), where):
        whole = enclosing(*whole, turned, about_corner=False)
        notes["turned boxes, of which the upright box around them was taken"] += 1
    return corners(*whole, size)


def _attributes(element: Element) -> dict[str, str]:
    return {attribute.get("name", ""): (attribute.text or "").strip() for attribute in element.findall("attribute")}


def write(
    path: Path, video: str, num_frames: int, size: tuple[int, int], boxes: Mapping[int, list[LabelledBox]]
) -> None:
    """Writes tracks of a video: people with the attribute `action`, and things with `subcategory`.

    Args:
        path: of the file.
        video: name of the video.
        num_frames: of the video.
        size: its width and height.
        boxes: by frame; whoever is not in one of these frames is outside there.
    """
    tracks: dict[tuple, dict[int, LabelledBox]] = {}
    for frame in sorted(boxes):
        for place, box in enumerate(boxes[frame]):
            kind = box.label if box.label in THINGS else "person"
            known = kind, box.track, box.score is None, None
            if box.track is None or frame in tracks.get(known, ()):
                known = (
                    kind,
                    None,
                    box.score is None,
                    (frame, place),
                )  # nobody's number, or one more action of the same person
            tracks.setdefault(known, {})[frame] = box
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    task = SubElement(SubElement(root, "meta"), "task")
    for key, value in (("name", path.stem), ("size", num_frames), ("mode", "interpolation"), ("source", video)):
        SubElement(task, key).text = str(value)
    original = SubElement(task, "original_size")
    for key, value in zip(("width", "height"), size):
        SubElement(original, key).text = str(value)
    numbers = {number for _, number, _, _ in tracks}
    free, used = (number for number in itertools.count() if number not in numbers), set()
    for (kind, wanted, _, _), at in tracks.items():
        number = next(free) if wanted is None or wanted in used else wanted
        used.add(number)
        _write_track(root, number, kind, at, sorted(boxes), num_frames, size)
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _write_track(
    root: Element,
    number: int,
    label: str,
    at: Mapping[int, LabelledBox],
    frames: Sequence[int],
    num_frames: int,
    size: tuple[int, int],
) -> None:
    track = SubElement(root, "track", id=str(number), label=label, source="manual")
    last = None
    after = [frame + 1 for frame in at if frame + 1 < num_frames and frame + 1 not in frames]
    for frame in sorted({*frames, *after}):
        box = at.get(frame)
        if box is None and last is None:
            continue
        shown = box or last
        edges = (f"{value * side:.4f}" for value, side in zip(shown.corners, size * 2))
        element = SubElement(track, "box", frame=str(frame), keyframe="1", outside="0" if box else "1", occluded="0")
        element.attrib.update(zip(("xtl", "ytl", "xbr", "ybr"), edges), z_order="0")
        told = dict(shown.attributes) if label in THINGS else {"action": shown.label, **shown.attributes}
        told |= {} if shown.score is None else {"score": f"{shown.score:.2f}"}
        for name, value in told.items():
            SubElement(element, "attribute", name=name).text = value
        last = box


def write_labels(path: Path, classes: Sequence[str]) -> None:
    """Writes the labels that a task of CVAT needs, for its 'Raw' constructor."""
    action = {
        "name": "action",
        "mutable": True,
        "input_type": "select",
        "default_value": classes[0],
        "values": list(classes),
    }
    score = {"name": "score", "mutable": True, "input_type": "text", "default_value": "", "values": [""]}
    thing = {"name": "subcategory", "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
    labels = [{"name": "person", "type": "rectangle", "attributes": [action, score]}]
    labels += [{"name": name, "type": "rectangle", "attributes": [thing]} for name in THINGS]
    path.write_text(json.dumps(labels, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
