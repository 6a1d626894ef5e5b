"""YOLO's text files: one a picture, a line a box: class, centre x, centre y, width, height, divided by the image size.

The names of the classes stand in `classes.txt`, `obj.names` or a `data.yaml` in the folder or above it.
"""

from pathlib import Path

import yaml

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import AnnotatedFrame, Contents, LabelledBox, number_of
from slowfast_thermal.user_input import shortened

_LISTS, _SETTINGS = ("classes.txt", "obj.names", "labels.txt"), ("data.yaml", "dataset.yaml", "data.yml")


def read(folder: Path) -> Contents:
    """The pictures of a folder of text files, by name. Raises InputError if it holds none, or a line does not fit."""
    names = _class_names(folder)
    paths = [
        path for path in sorted(folder.rglob("*.txt")) if path.name not in (*_LISTS, "train.txt", "val.txt", "test.txt")
    ]
    if not paths:
        raise InputError(f"{folder} holds no text file of boxes: give the folder of YOLO's labels.")
    return Contents([_read(path, names) for path in paths])


def _read(path: Path, names: dict[int, str]) -> AnnotatedFrame:
    frame = AnnotatedFrame(str(path), path.with_suffix("").name, None)
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        where, words = f"{path}, line {number}", line.split()
        if not words:
            continue
        if len(words) not in (5, 6):
            raise InputError(
                f"{where} has {len(words)} numbers, but a box has five, class, centre x and y, width and height: export boxes, not "
                "outlines."
            )
        label, x, y, width, height, *score = (number_of(word, where) for word in words)
        if label not in names:
            raise InputError(
                f"{where}: there is no class {shortened(words[0])} among {shortened(list(names.values()))}."
            )
        box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        frame.boxes.append(LabelledBox(box, names[int(label)], score=score[0] if score else None))
    return frame


def _class_names(folder: Path) -> dict[int, str]:
    for root in (folder, folder.parent):
        for name in _LISTS:
            if (root / name).is_file():
                lines = (root / name).read_text(encoding="utf-8-sig", errors="replace").splitlines()
                return dict(enumerate(line.strip() for line in lines if line.strip()))
        for name in _SETTINGS:
            if (root / name).is_file():
                return _of_settings(root / name)
    raise InputError(
        f"{folder}: the names of the classes stand in none of {', '.join((*_LISTS, *_SETTINGS))} there or above: add classes.txt, "
        "a name a line."
    )


def _of_settings(path: Path) -> dict[int, str]:
    try:
        names = yaml.safe_load(path.read_text(encoding="utf-8-sig"))["names"]
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} has no list 'names' of classes ({error}): add it.") from None
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    return {int(number): str(name) for number, name in pairs if str(number).isdecimal()}
