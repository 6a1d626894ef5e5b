"""Train and val: which keyframes go where, so that the two share no keyframe, recording or session.

A session is a stretch in one room before one sensor; its recordings may overlap in time and then hold the same frames.
A regular expression for a recording's whole name tells it: its first group is the session.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast_thermal.datasets.annotations import Keyframe, load_annotations
from slowfast_thermal.datasets.records import read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.folders import new_folder

SPLITS = ("keyframe", "recording", "session")
SESSION_PATTERN = r"(.+)_R.*"


@dataclass(frozen=True)
class Summary:
    """What a split holds, each for "train" and "val".

    Attributes:
        recordings: names of the recordings with keyframes there.
        num_keyframes: with people and without.
        num_boxes: people's boxes of each class.
    """

    recordings: dict[str, list[str]]
    num_keyframes: dict[str, int]
    num_boxes: dict[str, dict[str, int]]


def check_session_pattern(pattern: str) -> None:
    """Raises InputError unless the pattern is a regular expression with a group."""
    try:
        has_group = re.compile(pattern).groups > 0
    except re.error as error:
        raise InputError(f"The session pattern '{pattern}' is no regular expression ({error}): correct it.") from None
    if not has_group:
        raise InputError(f"The session pattern '{pattern}' has no group: put the session's part in parentheses.")


def check_split(split: str, session_pattern: str, val_fraction: float, seed: int) -> None:
    """Raises InputError for settings with which nothing can be split."""
    if split not in SPLITS:
        raise InputError(f"A split by '{split}': choose one of {', '.join(SPLITS)}.")
    check_session_pattern(session_pattern)
    if not 0 < val_fraction < 1:
        raise InputError(f"A validation fraction of {val_fraction}: choose one between 0 and 1.")
    if seed < 0:
        raise InputError(f"A seed of {seed}: choose 0 or a positive number.")


def session_of(recording: str, pattern: str) -> str | None:
    """The session of a recording, None if the pattern does not tell it."""
    match = re.fullmatch(pattern, recording)
    return match[1] or None if match else None


def known_session(recording: str, pattern: str) -> str:
    """The session of a recording. Raises InputError if the pattern does not tell it."""
    session = session_of(recording, pattern)
    if session is None:
        raise InputError(
            f"Recording '{recording}' does not tell its session by the pattern '{pattern}': give a session pattern that "
            "fits all names, or split by recording."
        )
    return session


def groups_of(images: list[dict], split: str, session_pattern: str) -> list[str]:
    """For each image of annotation files the keyframe, recording or session it belongs to, as `split` says."""
    if split == "keyframe":
        return [str(image["id"]) for image in images]
    if split == "recording":
        return [image["sensor_id"] for image in images]
    return [known_session(image["sensor_id"], session_pattern) for image in images]


def draw_val(images: list[dict], split: str, session_pattern: str, val_fraction: float, seed: int) -> list[bool]:
    """For each image, whether it belongs to the validation set. The draw takes at least one group, and not all.

    Args:
        images: of annotation files.
        split: what train and val do not share: "keyframe", "recording" or "session".
        session_pattern: tells the session from a recording's name.
        val_fraction: of the keyframes, recordings or sessions.
        seed: of the draw.

    Raises:
        InputError: there is only one group, or a recording's name does not tell its session.
    """
    groups = groups_of(images, split, session_pattern)
    names = sorted(set(groups))
    if len(names) < 2:
        remedy = (
            "add keyframes"
            if split == "keyframe"
            else f"add another {split}, or make folds by block with tools/thermal_data.py split"
        )
        raise InputError(
            f"All keyframes belong to one {split}, '{names[0]}', and train and val need one each: {remedy}."
        )
    num_val = min(max(round(val_fraction * len(names)), 1), len(names) - 1)
    val_names = set(np.random.default_rng(seed).permutation(names)[:num_val].tolist())
    return [group in val_names for group in groups]


def keyframes_in_both(train: Sequence[Keyframe], val: Sequence[Keyframe]) -> list[Keyframe]:
    """The keyframes of val whose recording and time are those of one in train."""
    in_train = {(keyframe.recording, keyframe.timestamp) for keyframe in train}
    return [keyframe for keyframe in val if (keyframe.recording, keyframe.timestamp) in in_train]


@dataclass(frozen=True)
class Pool:
    """What annotation files hold together: `images`, `people` and `categories` as they stand there."""

    images: list[dict]
    people: list[dict]
    categories: list[dict]

    def only(self, image_ids: set) -> dict:
        """The document of an annotation file with these images, in the order of the pool."""
        return {
            "images": [image for image in self.images if image["id"] in image_ids],
            "annotations": [person for person in self.people if person["image_id"] in image_ids],
            "categories": self.categories,
        }


def read_pool(paths: Sequence[Path]) -> Pool:
    """The records of annotation files with one class list and without a keyframe in common.

    Raises:
        InputError: a file is wrong, or there is no keyframe.
    """
    load_annotations(paths)
    given = [read_json(path) for path in paths]
    pool = Pool(
        [image for document in given for image in document["images"]],
        [person for document in given for person in document["annotations"]],
        given[0]["categories"],
    )
    if not pool.images:
        raise InputError(f"{', '.join(map(str, paths))}: there is no keyframe to split, so annotate some.")
    return pool


def count_people(document: dict) -> dict[str, int]:
    """The boxes of each class, by its name in the order of the ids."""
    count = Counter(person["category_id"] for person in document["annotations"])
    return {c["name"]: count[c["id"]] for c in sorted(document["categories"], key=lambda category: category["id"])}


def write_annotation_files(folder: Path, documents: dict[str, dict], origin: str) -> None:
    """Writes "train" and "val" of `documents` to `train.json` and `val.json`, with a word on where the split is from."""
    for part, document in documents.items():
        info = {"description": f"Thermal recordings ({part}), {origin}", "version": "1.0"}
        text = json.dumps({**document, "info": info}, indent=2)
        (folder / f"{part}.json").write_text(text + "\n", encoding="utf-8")


def split_again(
    paths: Sequence[Path],
    output_dir: str | Path,
    *,
    split: str = "session",
    session_pattern: str = SESSION_PATTERN,
    val_fraction: float = 0.2,
    seed: int = 0,
) -> Summary:
    """Writes `train.json` and `val.json` with the keyframes of annotation files, split anew.

    Images and annotations keep all their fields and their order. The same input gives the same files. Nothing is left
    behind if the writing fails.

    Args:
        paths: annotation files with one class list and without a keyframe in common.
        output_dir: a folder that does not exist yet or is empty.
        split, session_pattern, val_fraction, seed: see `draw_val`.

    Raises:
        InputError: the output folder holds something already; a file or a setting is wrong; or there are too few
            keyframes, recordings or sessions to split.
    """
    check_split(split, session_pattern, val_fraction, seed)
    pool = read_pool(paths)
    in_val = draw_val(pool.images, split, session_pattern, val_fraction, seed)
    documents = {
        part: pool.only({image["id"] for image, is_val in zip(pool.images, in_val) if is_val == (part == "val")})
        for part in ("train", "val")
    }
    with new_folder(output_dir) as root:
        write_annotation_files(root, documents, f"split by {split}, seed {seed}")
    return Summary(
        {part: sorted({image["sensor_id"] for image in document["images"]}) for part, document in documents.items()},
        {part: len(document["images"]) for part, document in documents.items()},
        {part: count_people(document) for part, document in documents.items()},
    )
