"""CVAT's XML 1.1, of images and of videos (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

In a video a person is a track: boxes in frames that somebody set (`keyframe="1"`), and between them boxes that CVAT interpolates,
which a file may hold or leave to the reader. Frames that somebody set a box in are taken, with everyone who is there.
"""

import itertools
import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import (
    THINGS,
    AnnotatedFrame,
    Contents,
    KeyedBox,
    LabelledBox,
    box_at,
    corners,
    enclosing,
    number_of,
    read_xml,
    size_of,
    whole_number_of,
)
from slowfast_thermal.user_input import shortened

# What CVAT calls a frame of a video among images.
_FRAME = re.compile(r"frame_(\d{1,15})")


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
    contents = Contents([])
    for kind in ("polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton"):
        if count := sum(1 for _ in root.iter(kind)):
            contents.skipped[f"a {kind}, not a box"] += count
    videos = _Videos(path, root)
    tracks: dict[_Video, list[Element]] = {}
    for place, track in enumerate(root.findall("track")):
        tracks.setdefault(videos.of(track, f"{path}, track {place}"), []).append(track)
    for video, of in tracks.items():
        contents.frames.extend(_of_video(path, video, of, contents.notes))
    for place, image in enumerate(root.findall("image")):
        contents.frames.append(_of_image(f"{path}, image {place}", image, videos, contents.notes))
    return contents


class _Video(NamedTuple):
    """The name of a task's video, and its width and height; None where the file does not tell them."""

    name: str
    size: tuple[float, float] | None


class _Videos:
    """The videos of a file, which holds a task, or a project of several."""

    def __init__(self, path: Path, root: Element):
        tasks = root.findall("meta//task")
        self._by_task = {task.findtext("id"): _video(path, task) for task in tasks}
        self._only = None if len(tasks) > 1 else _video(path, root.find("meta"))

    def of(self, element: Element, where: str) -> _Video:
        """That of a track or image. Raises InputError if there are several, and it is of none."""
        video = self._only or self._by_task.get(element.get("task_id"))
        if video is None:
            raise InputError(
                f"{where}: its task_id {shortened(element.get('task_id'))} is none of the {len(self._by_task)} tasks of the "
                "file: export the project again, or a task at a time."
            )
        return video


def _video(path: Path, meta: Element | None) -> _Video:
    told = [] if meta is None else [node.text for tag in ("source", "name") for node in meta.iter(tag) if node.text]
    size = None if meta is None else next(meta.iter("original_size"), None)
    if size is not None:
        size = size_of(size.findtext("width"), size.findtext("height"), f"{path}, original_size")
    return _Video(told[0] if told else path.stem, size)


def _of_image(where: str, image: Element, videos: _Videos, notes: Counter) -> AnnotatedFrame:
    size = size_of(image.get("width"), image.get("height"), where)
    boxes = [
        LabelledBox(_corners(box, size, where, notes), box.get("label", ""), _attributes(box))
        for box in image.findall("box")
    ]
    name = image.get("name", "")
    if of_video := _FRAME.fullmatch(name):
        return AnnotatedFrame(where, videos.of(image, where).name, int(of_video[1]), boxes)
    return AnnotatedFrame(where, name, None, boxes)


def _of_video(path: Path, video: _Video, tracks: list[Element], notes: Counter) -> list[AnnotatedFrame]:
    if video.size is None:
        raise InputError(
            f"{path} does not say how large the video '{video.name}' is (meta, original_size): export its task alone."
        )
    set_frames: set[int] = set()
    people = []
    for place, track in enumerate(tracks):
        where = f"{path}, {video.name}, track {place}"
        people.append(
            _keyed(track, whole_number_of(track.get("id", place), where), video.size, where, notes, set_frames)
        )
    if left := _num_frames(people) - len(set_frames):
        notes["frames in which nobody set a box, left out"] += left
    wanted = sorted(set_frames)
    boxes: dict[int, list[LabelledBox]] = {frame: [] for frame in wanted}
    for keyed in filter(None, people):
        for frame in wanted[bisect_left(wanted, keyed[0].frame) : bisect_right(wanted, keyed[-1].frame)]:
            if (box := box_at(keyed, frame)) is not None:
                boxes[frame].append(box)
    return [AnnotatedFrame(f"{path}, frame {number}", video.name, number, found) for number, found in boxes.items()]


def _keyed(
    track: Element, number: int, size: tuple[float, float], where: str, notes: Counter, set_frames: set[int]
) -> list[KeyedBox]:
    """The boxes of a track by frame; those frames that somebody set one in are added."""
    keyed = []
    for element in track.findall("box"):
        frame, is_there = whole_number_of(element.get("frame"), f"{where}, box frame"), element.get("outside") != "1"
        box = LabelledBox(_corners(element, size, where, notes), track.get("label", ""), _attributes(element), number)
        keyed.append(KeyedBox(frame, box, is_there, is_there))
        if is_there and element.get("keyframe", "1") == "1":
            set_frames.add(frame)
    keyed.sort(key=lambda at: at.frame)
    keyed[-1:] = [at._replace(stays=False) for at in keyed[-1:]]
    return keyed


def _num_frames(tracks: list[list[KeyedBox]]) -> int:
    """In how many frames somebody is there."""
    spans = sorted(
        (at.frame, after.frame if after else at.frame + 1)
        for keyed in tracks
        for at, after in itertools.zip_longest(keyed, keyed[1:])
        if at.is_there
    )
    count = reached = 0
    for first, end in spans:
        count += max(0, end - max(first, reached))
        reached = max(reached, end)
    return count


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
