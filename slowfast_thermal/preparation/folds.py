"""Folds: a data set parted several times into train and val, so that every keyframe is in val once.

Keyframes of one session depend on each other: neighbours in time show nearly the same. Folds either leave out whole sessions
or recordings, or stretches of time with a guard: training keyframes near the stretch are left out too.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.folders import new_folder
from slowfast_thermal.preparation.splits import (
    SESSION_PATTERN,
    SPLITS,
    check_session_pattern,
    count_people,
    groups_of,
    known_session,
    read_pool,
    session_of,
    write_annotation_files,
)

FOLD_SPLITS = (*SPLITS, "block")
# A pause between keyframes counts as no longer than this when a session is cut into stretches, milliseconds.
_LONGEST_PAUSE = 60_000


@dataclass(frozen=True)
class Fold:
    """What one fold holds.

    Attributes:
        name: of its folder.
        num_keyframes: for "train" and "val", with people and without.
        num_guarded: keyframes too near to val to be in train.
        num_boxes: people's boxes of each class, for "train" and "val".
    """

    name: str
    num_keyframes: dict[str, int]
    num_guarded: int
    num_boxes: dict[str, dict[str, int]]

    @property
    def absent_classes(self) -> list[str]:
        """Classes with boxes in val and none in train: no training can find them."""
        train, val = self.num_boxes["train"], self.num_boxes["val"]
        return [name for name in val if val[name] and not train[name]]


def split_folds(
    paths: Sequence[Path],
    output_dir: str | Path,
    *,
    split: str,
    num_folds: int,
    guard: float = 0.0,
    session_pattern: str = SESSION_PATTERN,
    seed: int = 0,
) -> list[Fold]:
    """Writes a folder for each fold with its `train.json` and `val.json`. Nothing is left behind if the writing fails.

    Args:
        paths: annotation files with one class list and without a keyframe in common.
        output_dir: a folder that does not exist yet or is empty.
        split: what a fold holds out: whole sessions, recordings or keyframes, dealt out at random; or a "block", one of
            as many stretches of time, equally long, as each session is cut into.
        num_folds: as many as there are sessions leave out one session at a time.
        guard: seconds; training keyframes nearer to a keyframe of val in the same session are left out.
        session_pattern: tells the session from a recording's name.
        seed: of the dealing out.

    Raises:
        InputError: the output folder holds something already; a file or a setting is wrong; or there is too little to
            fill each fold.
    """
    check_session_pattern(session_pattern)
    if split not in FOLD_SPLITS:
        raise InputError(f"Folds by '{split}': choose one of {', '.join(FOLD_SPLITS)}.")
    if num_folds < 2:
        raise InputError(f"{num_folds} folds: give at least 2.")
    if not 0 <= guard < float("inf"):
        raise InputError(f"A guard of {guard} seconds: give 0 or more.")
    pool = read_pool(paths)
    if split == "block":
        names = _stretches(pool.images, num_folds, session_pattern)
    else:
        names = _deal(groups_of(pool.images, split, session_pattern), split, num_folds, seed)

    folds = []
    with new_folder(output_dir) as root:
        for name in sorted(set(names)):
            in_val = np.array(names) == name
            guarded = _near(pool.images, in_val, guard * 1000, session_pattern) if guard else np.zeros_like(in_val)
            documents = {
                part: pool.only({image["id"] for image, is_in in zip(pool.images, chosen) if is_in})
                for part, chosen in (("train", ~in_val & ~guarded), ("val", in_val))
            }
            if not documents["train"]["images"]:
                raise InputError(f"A guard of {guard} seconds leaves fold '{name}' no training keyframe: give fewer.")
            (root / name).mkdir()
            write_annotation_files(root / name, documents, f"fold {name} of {num_folds} by {split}, guard {guard} s")
            folds.append(
                Fold(
                    name,
                    {part: len(document["images"]) for part, document in documents.items()},
                    int(guarded.sum()),
                    {part: count_people(document) for part, document in documents.items()},
                )
            )
    return folds


def read_folds(folder: Path) -> dict[str, Path]:
    """The folders of folds by name: those inside `folder` with a `train.json` and a `val.json`, or itself.

    Raises:
        InputError: there is none.
    """
    candidates = (folder, *sorted(path for path in folder.glob("*") if path.is_dir()))
    folds = {
        path.name: path for path in candidates if (path / "train.json").is_file() and (path / "val.json").is_file()
    }
    if not folds:
        raise InputError(
            f"'{folder}' holds no fold, a folder with a train.json and a val.json: write some with "
            "tools/thermal_data.py split --folds."
        )
    return folds


def _deal(groups: list[str], split: str, num_folds: int, seed: int) -> list[str]:
    """For each keyframe the name of its fold: the one group that the fold holds out, or a number."""
    names = sorted(set(groups))
    if len(names) == 1:
        others = "" if split == "keyframe" else ", or split by block"
        raise InputError(f"There is one {split} alone, so none can be held out: add another{others}.")
    if len(names) < num_folds:
        raise InputError(
            f"{num_folds} folds by {split}, but there are {len(names)}: give --folds {len(names)} or less."
        )
    dealt = np.array_split(np.random.default_rng(seed).permutation(names), num_folds)
    fold_names = {}
    for number, part in enumerate(dealt, start=1):
        alone = len(part) == 1 and re.fullmatch(r"\w[\w.-]*", part[0])
        fold_names |= dict.fromkeys(part.tolist(), part[0] if alone else f"fold_{number}")
    return [str(fold_names[group]) for group in groups]


def _stretches(images: list[dict], num_folds: int, session_pattern: str) -> list[str]:
    """For each keyframe the name of its stretch, counted from the start of its session."""
    numbers = np.zeros(len(images), int)
    for places, times in _by_session(images, lambda recording: known_session(recording, session_pattern)):
        order = np.argsort(times, kind="stable")
        passed = np.concatenate([[0], np.minimum(np.diff(times[order]), _LONGEST_PAUSE).cumsum()])
        numbers[places[order]] = passed * num_folds // (passed[-1] + 1)
    absent = sorted(set(range(num_folds)) - set(numbers.tolist()))
    if absent:
        raise InputError(f"No keyframe lies in stretch {absent[0] + 1} of {num_folds}: give fewer folds.")
    digits = len(str(num_folds))
    return [f"block_{number + 1:0{digits}}" for number in numbers.tolist()]


def _near(images: list[dict], in_val: np.ndarray, guard: float, session_pattern: str) -> np.ndarray:
    """Which keyframes outside val lie nearer than `guard` milliseconds to one of val in the same session."""
    near = np.zeros(len(images), bool)
    for places, times in _by_session(images, lambda recording: session_of(recording, session_pattern) or recording):
        val = np.sort(times[in_val[places]])
        if len(val):
            after = np.searchsorted(val, times)
            gaps = [np.abs(times - val[np.clip(after + step, 0, len(val) - 1)]) for step in (-1, 0)]
            near[places] = np.minimum(*gaps) < guard
    return near & ~in_val


def _by_session(images: list[dict], session: Callable[[str], str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each session, as a recording's name tells it, the places of its images in the list and their times in milliseconds."""
    places = defaultdict(list)
    for place, image in enumerate(images):
        places[session(image["sensor_id"])].append(place)
    times = np.array([image["timestamp"] for image in images])
    return [(np.array(of_session), times[of_session]) for of_session in places.values()]
