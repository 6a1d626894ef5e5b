"""Label Studio's JSON (https://labelstud.io/guide/task_format): rectangles on images and in videos, in percent of the image.

In a video a region has a box in some frames, counted from 1; it is interpolated between those, and ends where one is not enabled. The
frames that have a box of somebody are taken, with everyone who is there.
"""

import json
import re
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from slowfast_thermal.datasets.records import field, read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import (
    THINGS,
    AnnotatedFrame,
    Contents,
    KeyedBox,
    LabelledBox,
    box_at,
    enclosing,
    number_of,
    size_of,
    whole_number_of,
)
from slowfast_thermal.user_input import shortened

# Numbers that this project gives to people, in the ids of their regions.
_PERSON = re.compile(r"^person(\d{1,15})-")
# Kinds of regions that say something of a box.
_WORDS = ("choices", "textarea", "labels")
# What Label Studio puts before the name of a file that was uploaded.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


def read(path: Path) -> Contents:
    """The images and frames of all tasks that somebody annotated.

    Raises:
        InputError: it is not valid, or a record does not fit.
    """
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} is no list of tasks: export from Label Studio as JSON.")
    contents = Contents([])
    for position, task in enumerate(document):
        where = f"{path}, task {position}"
        if isinstance(task, dict) and "annotations" not in task and "data" not in task:
            raise InputError(f"{where} has no 'annotations': export from Label Studio as JSON, not as JSON-MIN.")
        source = _source(field(task, "data", dict, where), where)
        results = [
            field(each, "result", list, f"{where}, annotation {number}")
            for number, each in enumerate(field(task, "annotations", list, where))
            if not (isinstance(each, dict) and each.get("was_cancelled"))
        ]
        if not results:
            contents.notes["tasks that nobody annotated, left out"] += 1
            continue
        if len(results) > 1:
            contents.notes["tasks with several annotations, of which the last was taken"] += 1
        regions = [_region(region, f"{where}, result {place}") for place, region in enumerate(results[-1])]
        _read_task(regions, source, where, contents)
    return contents


class _Region(NamedTuple):
    """What a task says of a box, or of the words beside it, which have the same id.

    Attributes:
        where: its place in the file, for messages.
        kind: such as "rectanglelabels".
        id: of the box, "" without.
        name: of what the words answer.
        value: of the kind.
        size: width and height of the image in pixels, as far as is known.
    """

    where: str
    kind: str
    id: str
    name: str
    value: dict
    size: tuple[float, float]

    def words(self) -> list[str]:
        """Labels, choices or text."""
        for key in ("rectanglelabels", "choices", "text", "labels"):
            if words := self.value.get(key):
                words = [words] if isinstance(words, str) else words
                if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                    raise InputError(f"{self.where}: '{key}' is {shortened(words)}, but must be a list of words.")
                return words
        return []


def _region(region: object, where: str) -> _Region:
    kind = field(region, "type", str, where)
    size = size_of(region.get("original_width", 100), region.get("original_height", 100), where)
    number = str(region.get("id", ""))
    value = field(region, "value", dict, where) if "value" in region else {}  # a relation has none
    return _Region(where, kind, number, str(region.get("from_name", kind)), value, size)


def _source(data: dict, where: str) -> str:
    """The name of the image or video."""
    values = [value for key in ("video", "image", "img", "url") if isinstance(value := data.get(key), str)]
    values += [v for v in data.values() if isinstance(v, str) and re.search(r"\.\w{2,4}($|\?)", v)]
    if not values:
        raise InputError(f"{where}: its data name no image and no video: {shortened(list(data))}.")
    name = urllib.parse.unquote(values[0]).split("?d=")[-1].split("?")[0]
    folder, _, file = name.rpartition("/")
    return f"{folder}/{_UPLOADED.sub('', file)}" if folder else _UPLOADED.sub("", file)


def _read_task(regions: list[_Region], source: str, where: str, contents: Contents) -> None:
    answers: dict[str, dict[str, str]] = {}
    for region in regions:
        if region.kind in _WORDS and (words := region.words()):
            answers.setdefault(region.id, {})[region.name] = words[0]
    of_picture = AnnotatedFrame(where, source, None)
    people, is_video = [], False
    for region in regions:
        attributes = answers.get(region.id, {}) if region.id else {}
        if region.kind in ("rectanglelabels", "rectangle"):
            known = _PERSON.match(region.id)
            box = _corners(region.value, region, contents.notes)
            of_picture.boxes.extend(
                LabelledBox(box, label, attributes, int(known[1]) if known else None)
                for label in region.words() or [""]
            )
        elif region.kind == "videorectangle":
            is_video = True
            label = next(iter(region.words()), "")
            people.append(_keyed(region, LabelledBox((), label, attributes, len(people)), contents.notes))
        elif region.kind not in _WORDS:
            contents.skipped[f"a {region.kind}, not a rectangle"] += 1
    if of_picture.boxes or not is_video:
        contents.frames.append(of_picture)
    for frame in sorted({at.frame for keyed in people for at in keyed}):
        boxes = [box for keyed in people if (box := box_at(keyed, frame)) is not None]
        if boxes:
            contents.frames.append(AnnotatedFrame(f"{where}, frame {frame + 1}", source, frame, boxes))


def _keyed(region: _Region, person: LabelledBox, notes: Counter) -> list[KeyedBox]:
    """The frames of a video in which a person's box was set."""
    keyed = []
    for place, at in enumerate(field(region.value, "sequence", list, region.where)):
        here = region._replace(where=f"{region.where}, sequence {place}")
        frame = whole_number_of(field(at, "frame", (int, float), here.where), here.where)
        box = person._replace(corners=_corners(at, here, notes))
        keyed.append(KeyedBox(frame - 1, box, True, bool(at.get("enabled", True))))
    return sorted(keyed, key=lambda at: at.frame)


def _corners(value: dict, region: _Region, notes: Counter) -> tuple[float, ...]:
    x, y, width, height = (number_of(value.get(key), region.where) / 100 for key in ("x", "y", "width", "height"))
    if turned := number_of(value.get("rotation") or 0, region.where):
        across, down = region.size
        left, top, wide, high = enclosing(
            x * across, y * down, width * across, height * down, turned, about_corner=True
        )
        x, y, width, height = left / across, top / down, wide / across, high / down
        notes["turned boxes, of which the upright box around them was taken"] += 1
    return x, y, x + width, y + height


def write(
    folder: Path, frames: Sequence[tuple[str, tuple[int, int], list[LabelledBox]]], classes: Sequence[str]
) -> None:
    """Writes `tasks.json`, whose pictures Label Studio finds as local files, and `label_config.xml` of the project.

    What was annotated is an annotation, what was predicted a prediction with its score.

    Args:
        folder: with the pictures in `images`.
        frames: name, width and height, and boxes of each picture.
        classes: the actions.
    """
    tasks = []
    for name, size, boxes in frames:
        drawn = [box for box in boxes if box.score is None]
        guessed = [box for box in boxes if box.score is not None]
        task = {"data": {"image": f"/data/local-files/?d=images/{urllib.parse.quote(name)}"}}
        if drawn or not boxes:
            task["annotations"] = [{"result": _results(drawn, size)}]
        if guessed:
            score = sum(box.score for box in guessed) / len(guessed)
            task["predictions"] = [
                {"model_version": "slowfast_thermal", "score": score, "result": _results(guessed, size)}
            ]
        tasks.append(task)
    (folder / "tasks.json").write_text(json.dumps(tasks, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    names = [*classes, *(name for name in THINGS if any(box.label == name for _, _, boxes in frames for box in boxes))]
    view = Element("View")
    SubElement(view, "Image", name="image", value="$image")
    labels = SubElement(view, "RectangleLabels", name="label", toName="image", choice="multiple")
    for name in names:
        SubElement(labels, "Label", value=name)
    SubElement(view, "TextArea", name="subcategory", toName="image", perRegion="true")
    indent(view)
    ElementTree(view).write(folder / "label_config.xml", encoding="utf-8")


def _results(boxes: list[LabelledBox], size: tuple[int, int]) -> list[dict]:
    """A region for each person, with all actions of the same box."""
    regions: dict[tuple, dict] = {}
    told = []
    for box in boxes:
        known = box.corners, box.track
        if known not in regions:
            number = "" if box.track is None else f"person{box.track}-"
            region = f"{number}{len(regions)}"
            x1, y1, x2, y2 = (100 * value for value in box.corners)
            value = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0, "rectanglelabels": []}
            regions[known] = {
                "id": region, "type": "rectanglelabels", "from_name": "label", "to_name": "image",
                "original_width": size[0], "original_height": size[1], "image_rotation": 0, "value": value,
            }  # fmt: skip
            regions[known] |= {} if box.score is None else {"score": box.score}
            if word := box.attributes.get("subcategory"):
                told.append(
                    {
                        "id": region,
                        "type": "textarea",
                        "from_name": "subcategory",
                        "to_name": "image",
                        "value": {"text": [word]},
                    }
                )
        regions[known]["value"]["rectanglelabels"].append(box.label)
    return [*regions.values(), *told]
