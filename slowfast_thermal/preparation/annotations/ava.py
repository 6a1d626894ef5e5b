"""AVA's CSV (https://research.google.com/ava/download.html): video, time, x1, y1, x2, y2 divided by the image size, action, person.

AVA counts whole seconds; this project's own files count milliseconds. The label map stands beside it (`*.pbtxt`) or the numbers
are the names.
"""

import re
from collections import Counter
from pathlib import Path

from slowfast_thermal.datasets.records import read_csv
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import AnnotatedFrame, Contents, LabelledBox, number_of
from slowfast_thermal.user_input import LARGEST_WHOLE, shortened

_ITEM = re.compile(r"(?:item|label)\s*\{([^}]*)\}")
_NAME, _ID = re.compile(r'name:\s*"([^"]*)"'), re.compile(r"(?:label_)?id:\s*(\d+)")


def read(path: Path) -> Contents:
    """The moments of a file, by video and time. Raises InputError if a line does not fit."""
    labels = _label_map(path)
    frames: dict[tuple[str, float], AnnotatedFrame] = {}
    skipped: Counter[str] = Counter()
    for where, row in read_csv(path):
        if len(row) == 2:  # a moment without people
            time = _time(row[1], where)
            frames.setdefault((row[0], time), AnnotatedFrame(where, row[0], None, [], time))
            continue
        if len(row) not in (7, 8):
            raise InputError(
                f"{where} has {len(row)} fields, but AVA's lines have video, time, x1, y1, x2, y2, action and perhaps person."
            )
        time, box = _time(row[1], where), [number_of(word, where) for word in row[2:6]]
        frame = frames.setdefault((row[0], time), AnnotatedFrame(where, row[0], None, [], time))
        if labels and row[6] not in labels:
            skipped["an action that the label map does not name"] += 1
            continue
        track = int(row[7]) if len(row) == 8 and row[7].isdecimal() and len(row[7]) < 16 else None
        frame.boxes.append(LabelledBox(tuple(box), labels.get(row[6], row[6]), track=track))
    return Contents(list(frames.values()), skipped)


def _time(text: str, where: str) -> float:
    time = number_of(text, where)
    if abs(time) > LARGEST_WHOLE:
        raise InputError(f"{where}: {shortened(text)} is no time in seconds or milliseconds: correct it.")
    return time


def _label_map(path: Path) -> dict[str, str]:
    maps = sorted(path.parent.glob("*.pbtxt"))
    if len(maps) > 1:
        raise InputError(f"{path.parent} holds {len(maps)} label maps (*.pbtxt): leave the one of {path.name}.")
    labels = {}
    for item in _ITEM.findall(maps[0].read_text(encoding="utf-8-sig", errors="replace")) if maps else ():
        name, number = _NAME.search(item), _ID.search(item)
        if name and number:
            labels[number[1]] = name[1]
    return labels
