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
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from slowfast_thermal.datasets.records import field, read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import (
    THINGS,
    AnnotatedFrame,
    Contents,
    LabelledBox,
    enclosing,
    number_of,
)

# Numbers that this project gives to people, in the ids of their regions.
_PERSON = re.compile(r"^person(\d+)-")
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
        given = [each for each in field(task, "annotations", list, where) if not each.get("was_cancelled")]
        if not given:
            contents.notes["tasks that nobody annotated, left out"] += 1
            continue
        if len(given) > 1:
            contents.notes["tasks with several annotations, of which the last was taken"] += 1
        _read_task(field(given[-1], "result", list, where), source, where, contents)
    return contents


def _source(data: dict, where: str) -> str:
    """The name of the image or video."""
    values = [value for key in ("video", "image", "img", "url") if isinstance(value := data.get(key), str)]
    values += [v for v in data.values() if isinstance(v, str) and re.search(r"\.\w{2,4}($|\?)", v)]
    if not values:
        raise InputError(f"{where}: its data name no image and no video: {list(data)}.")
    name = urllib.parse.unquote(values[0]).split("?d=")[-1].split("?")[0]
    folder, _, file = name.rpartition("/")
    return f"{folder}/{_UPLOADED.sub('', file)}" if folder else _UPLOADED.sub("", file)


def _read_task(result: list, source: str, where: str, contents: Contents) -> None:
    choices: dict[str, dict[str, str]] = {}
    for region in result:
        value = region.get("value", {}) if isinstance(region, dict) else {}
        if region.get("type") in ("choices", "textarea", "labels") and "id" in region:
            words = value.get("choices") or value.get("text") or value.get("labels") or []
            if words:
                choices.setdefault(region["id"], {})[region.get("from_name", "choices")] = str(words[0])
    frames: dict[int | None, AnnotatedFrame] = {}
    moving, set_frames, is_video = [], set(), False
    for place, region in enumerate(result):
        kind, here = region.get("type"), f"{where}, result {place}"
        value, attributes = region.get("value", {}), choices.get(region.get("id"), {})
        if kind in ("rectanglelabels", "rectangle"):
            size = tuple(number_of(region.get(f"original_{side}", 100), here) for side in ("width", "height"))
            frame = frames.setdefault(None, AnnotatedFrame(here, source, None))
            known = _PERSON.match(str(region.get("id")))
            track = int(known[1]) if known else None
            box = _corners(value, size, here, contents.notes)
            frame.boxes.extend(
                LabelledBox(box, label, attributes, track) for label in value.get("rectanglelabels") or [""]
            )
        elif kind == "videorectangle":
            is_video = True
            label = next(iter(value.get("labels") or ()), "")
            sequence = sorted(field(value, "sequence", list, here), key=lambda at: number_of(at.get("frame"), here))
            boxes = [
                (int(at["frame"]) - 1, _corners(at, (100, 100), here, contents.notes), at.get("enabled", True))
                for at in sequence
            ]
            set_frames |= {frame for frame, _, _ in boxes}
            moving.append((len(moving), label, attributes, boxes, int(value.get("framesCount") or 0)))
        elif kind not in ("choices", "textarea", "labels"):
            contents.skipped[f"a {kind}, not a rectangle"] += 1
    if not is_video and None not in frames:
        frames[None] = AnnotatedFrame(where, source, None)
    for track, label, attributes, boxes, _ in moving:
        for frame in sorted(set_frames):
            if (found := _at(boxes, frame)) is not None:
                known = frames.setdefault(frame, AnnotatedFrame(f"{where}, frame {frame + 1}", source, frame))
                known.boxes.append(LabelledBox(found, label, attributes, track))
    contents.frames.extend(frames[number] for number in sorted(frames, key=lambda number: number or 0))


def _at(boxes: list[tuple[int, tuple[float, ...], bool]], frame: int) -> tuple[float, ...] | None:
    """The box in a frame: set there, or between two; None outside, and behind one that is not enabled."""
    before = after = None
    for at in boxes:
        if at[0] <= frame:
            before = at
        elif after is None:
            after = at
    if before is None or (before[0] < frame and not before[2]):
        return None
    if before[0] == frame or after is None:
        return before[1]
    share = (frame - before[0]) / (after[0] - before[0])
    return tuple(a + share * (b - a) for a, b in zip(before[1], after[1]))


def _corners(value: dict, size: tuple[float, float], where: str, notes: Counter) -> tuple[float, ...]:
    x, y, width, height = (number_of(value.get(key), where) / 100 for key in ("x", "y", "width", "height"))
    if turned := number_of(value.get("rotation") or 0, where):
        pixels = x * size[0], y * size[1], width * size[0], height * size[1]
        left, top, wide, high = enclosing(*pixels, turned, about_corner=True)
        x, y, width, height = left / size[0], top / size[1], wide / size[0], high / size[1]
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
