"""Annotations of others become `train.json` and `val.json`."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations import ava, coco, cvat, label_studio, voc, yolo
from slowfast_thermal.preparation.annotations.images import PEOPLE, THINGS, AnnotatedFrame, Contents, LabelledBox
from slowfast_thermal.preparation.annotations.naming import Naming, Place, guess_first, known_recordings, read_pattern
from slowfast_thermal.preparation.conversion import Record, Summary, convert


class Format(NamedTuple):
    """A format of annotations: what people call it, its reader, and the ending of its files; "" where a folder is read as a whole."""

    title: str
    read: Callable[[Path], Contents]
    suffix: str


FORMATS = {
    "coco": Format("COCO JSON", coco.read, ".json"),
    "cvat": Format("CVAT XML 1.1, of images or a video", cvat.read, ".xml"),
    "label-studio": Format("Label Studio JSON", label_studio.read, ".json"),
    "ava": Format("AVA CSV", ava.read, ".csv"),
    "yolo": Format("a folder of YOLO's text files", yolo.read, ""),
    "voc": Format("a folder of Pascal VOC's XML files", voc.read, ""),
}
"""By name. Of those with files a folder may be given too."""

# Attributes that tell what somebody does, by what tools and people call them.
_ACTIONS = ("action", "actions", "activity", "subcategory", "posture", "pose", "behaviour", "behavior")


def import_annotations(
    kind: str,
    source: str | Path,
    frames_dir: str | Path,
    output_dir: str | Path,
    *,
    action: str = "",
    names: str = "",
    first_frame: int | None = None,
    tell: Callable[[str], None] = print,
    **settings,
) -> Summary:
    """Writes `train.json` and `val.json` from annotations of another tool.

    Args:
        kind: one of FORMATS.
        source: its file, or a folder.
        frames_dir: folder of recordings `NAME.h5`.
        output_dir: a folder that does not exist yet or is empty.
        action: where a person's action stands: "label", or the name of an attribute; guessed if empty.
        names: regular expression for the names of pictures, see `naming.Naming`; guessed if empty.
        first_frame: number of the first frame in names, 0 or 1; guessed if None.
        tell: is given what was guessed and found.
        settings: see `conversion.convert`.

    Raises:
        InputError: the file is of another format, a record does not fit, or see `conversion.convert`.
    """
    source, frames_dir = Path(source), Path(frames_dir)
    pattern = read_pattern(names) if names else None
    recordings = known_recordings(frames_dir)
    contents = _read(kind, source)
    skipped_keyframes: Counter[str] = Counter()

    def records() -> list[Record]:
        clocks = _Clocks(frames_dir)
        naming = Naming(recordings, pattern)
        first = first_frame
        if first is None:
            first = guess_first(contents.frames, naming, {name: clocks.length(name) for name in recordings})
            if any(frame.number is None and frame.time is None for frame in contents.frames):
                tell(f"The names of pictures count frames from {first} (--first-frame).")
        naming = Naming(recordings, pattern, first)
        where = action or _guess_action(contents.frames)
        tell(
            "The action is " + ("the box's label" if where == "label" else f"the attribute '{where}'") + " (--action)."
        )
        places = [naming.place(frame) for frame in contents.frames]
        in_seconds = any(frame.time is not None for frame in contents.frames) and _are_seconds(places, clocks)
        if in_seconds:
            tell("Times are seconds from a recording's first frame.")
        found = []
        for frame, place in zip(contents.frames, places):
            if place is None:
                skipped_keyframes["its name tells no frame of a recording that is there"] += 1
                continue
            annotations = [_annotation(box, where, contents.skipped) for box in frame.boxes]
            found.append(_record(place, [each for each in annotations if each], clocks, in_seconds))
        for note, count in contents.notes.items():
            tell(f"{count} {note}.")
        # Of a frame that stands in several files `convert` takes the first, which may be one of images alone.
        return sorted(found, key=lambda record: -len(record.annotations))

    return convert(
        records,
        frames_dir,
        output_dir,
        source=str(source),
        remedy="check with --action where a person's action stands, and with --names how frames are named",
        skipped_keyframes=skipped_keyframes,
        skipped_boxes=contents.skipped,
        **settings,
    )


class _Clocks:
    """Lengths, and first and last times, of recordings."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._known: dict[str, tuple[int, int, int]] = {}

    def length(self, name: str) -> int:
        return self._read(name)[0]

    def first(self, name: str) -> int:
        return self._read(name)[1]

    def seconds(self, name: str) -> float:
        """From the first frame to the last."""
        _, first, last = self._read(name)
        return (last - first) / 1000

    def _read(self, name: str) -> tuple[int, int, int]:
        if name not in self._known:
            path = self._folder / f"{name}.h5"
            try:
                with h5py.File(path, "r") as file:
                    times = file["timestamps"]
                    self._known[name] = len(times), int(times[0]), int(times[-1])
            except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
                raise InputError(f"{path} has no timestamps that can be read ({error}): see 'validate'.") from None
        return self._known[name]


def _are_seconds(places: Sequence[Place | None], clocks: _Clocks) -> bool:
    """Whether no time is beyond the length of its recording in seconds, as milliseconds soon are."""
    return all(place.time <= clocks.seconds(place.recording) + 1 for place in places if place)


def _record(place: Place, annotations: list[dict], clocks: _Clocks, in_seconds: bool) -> Record:
    if place.time is None:
        return Record(place.recording, None, place.frame, annotations)
    time = clocks.first(place.recording) + 1000 * place.time if in_seconds else place.time
    return Record(place.recording, round(time), None, annotations)


def _guess_action(frames: Sequence[AnnotatedFrame]) -> str:
    """The attribute that is called like one, or the only one of those whose label says no more than that somebody is there."""
    names: Counter[str] = Counter()
    for frame in frames:
        for box in frame.boxes:
            if box.label.lower() not in THINGS:
                names.update(box.attributes.keys())
    for name in _ACTIONS:
        for found in names:
            if found.lower() == name:
                return found
    labels = {box.label.lower() for frame in frames for box in frame.boxes}
    if len(names) == 1 and labels <= {*PEOPLE, *THINGS, ""}:
        return next(iter(names))
    return "label"


def _annotation(box: LabelledBox, where: str, skipped: Counter) -> dict | None:
    """A box as `conversion` takes it; None, with the reason counted, if it tells no action and is no thing."""
    x1, y1, x2, y2 = box.corners
    found = {"bbox": [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]}
    if box.track is not None:
        found["object_id"] = box.track
    label = box.label.lower()
    if label in THINGS:
        return {**found, "category": label, "subcategory": box.attributes.get("subcategory", box.label)}
    action = box.label if where == "label" else box.attributes.get(where, "")
    if not action or (where == "label" and label in PEOPLE):
        skipped["a person without an action" if label in PEOPLE else f"'{box.label}' without an action"] += 1
        return None
    return {**found, "category": "person", "subcategory": action}


def _read(kind: str, source: Path) -> Contents:
    title, read, suffix = FORMATS[kind]
    if not source.exists():
        raise InputError(f"'{source}' does not exist: correct its name.")
    if source.is_file() and not suffix:
        raise InputError(f"'{source}' is a file, and not {title}{_hint(source, kind)}")
    paths = [source]
    if source.is_dir() and suffix:
        paths = sorted(source.glob(f"*{suffix}"))
        if not paths:
            raise InputError(f"'{source}' holds no *{suffix} file, as {title} is{_hint(source, kind)}")
    try:
        parts = [read(path) for path in paths]
    except InputError as error:
        if (hint := _hint(source, kind)) == ".":
            raise
        raise InputError(f"'{source}' is not {title}{hint}") from error
    return Contents(
        [frame for part in parts for frame in part.frames],
        sum((part.skipped for part in parts), Counter()),
        sum((part.notes for part in parts), Counter()),
    )


def _hint(source: Path, kind: str) -> str:
    """The end of a sentence: what a file looks like, if it is not like this kind."""
    likely = guess_format(source)
    return "." if likely in (None, kind) else f": it looks like {FORMATS[likely].title}, so import it as '{likely}'."


def guess_format(source: Path) -> str | None:
    """What a file or folder looks like, None if like nothing that is known."""
    if source.is_dir():
        inside = (next(source.rglob(f"*.{suffix}"), None) for suffix in ("xml", "json", "csv"))
        known = (guess_format(path) for path in inside if path and path.is_file())
        return next(filter(None, known), "yolo" if any(source.rglob("*.txt")) else None)
    with open(source, encoding="utf-8-sig", errors="replace") as file:
        text = file.read(4096).lstrip()
    if text.startswith("<"):
        return "cvat" if "<annotations" in text else "voc" if "<annotation" in text else None
    if text.startswith(("{", "[")):
        try:
            document = json.loads(source.read_text(encoding="utf-8-sig", errors="replace"))
        except (ValueError, RecursionError):
            return None
        if isinstance(document, dict) and {"images", "annotations", "categories"} <= document.keys():
            return "coco"
        is_task = isinstance(document, list) and document and isinstance(document[0], dict) and "data" in document[0]
        return "label-studio" if is_task else None
    fields = text.partition("\n")[0].split(",")
    return "ava" if len(fields) in (7, 8) else None
