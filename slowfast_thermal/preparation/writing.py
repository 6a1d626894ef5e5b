"""What every maker of recordings writes: HDF5 files, annotation files, and a summary."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import h5py
import numpy as np

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.folders import new_folder

FIRST_TIMESTAMP = 1_700_000_000_000
CHUNK_FRAMES = 64
# Pixels of a chunk, so that large frames do not make it larger.
_CHUNK_PIXELS = 2**22
MAC_ADDRESS = "02:00:00:00:00:01"

# Wraps a loop of this many steps.
Progress = Callable[[Iterable, int], Iterable]
# Writes all recordings into a folder, and gives of each its images, its annotations without ids, and its number of frames.
WriteRecordings = Callable[[Path], Iterable[tuple[list[dict], list[dict], int]]]


def no_progress(steps: Iterable, number: int) -> Iterable:
    """A `Progress` that shows none."""
    return steps


class Summary(NamedTuple):
    """What was written: the number of frames and, for "train" and "val", of keyframes and of boxes of each class."""

    num_frames: int
    num_keyframes: dict[str, int]
    num_boxes: dict[str, dict[str, int]]


def check_sizes(
    num_recordings: int, num_keyframes: int, height: int, width: int, val_fraction: float, seed: int
) -> None:
    """Raises InputError if no data set has these sizes."""
    if not 2 <= num_recordings <= num_keyframes:
        raise InputError(
            f"{num_keyframes} keyframes in {num_recordings} recordings: ask for two or more recordings with a keyframe each."
        )
    if not 16 <= height <= width:
        raise InputError(f"Frames of {height} x {width} pixels: choose a height of 16 or more and a width no smaller.")
    if not 0 < val_fraction < 1:
        raise InputError(f"A validation fraction of {val_fraction}: choose one between 0 and 1.")
    if seed < 0:
        raise InputError(f"A seed of {seed}: choose 0 or a positive number.")


def chunk_frames(height: int, width: int) -> int:
    """Frames of a chunk, in which recordings are compressed, and which are handled at a time."""
    return min(CHUNK_FRAMES, max(_CHUNK_PIXELS // (height * width), 1))


def create_frames(file: h5py.File, num_frames: int | None, height: int, width: int) -> h5py.Dataset:
    """The data set `frames` of a new recording, (N, height, width) float32 degrees Celsius; None lets it grow from 0."""
    at_once = chunk_frames(height, width)
    chunks = (at_once if num_frames is None else min(at_once, num_frames), height, width)
    most = (num_frames, height, width)
    return file.create_dataset(
        "frames", (num_frames or 0, height, width), np.float32, maxshape=most, chunks=chunks, compression=4
    )


def write_times(file: h5py.File, name: str, timestamps: np.ndarray, height: int, width: int, **further: object) -> None:
    """Writes the times of a new recording, and the attributes that tell about it."""
    file.attrs.update(sensor_id=name, total_frames=len(timestamps), frame_height=height, frame_width=width)
    file.attrs.update(compression="gzip", compression_level=4, **further)
    file.attrs.update(min_timestamp=timestamps[0], max_timestamp=timestamps[-1])
    file["timestamps"] = file["frame_seqs"] = timestamps


@contextmanager
def new_recording(
    path: Path, timestamps: np.ndarray, height: int, width: int, into: BinaryIO | None = None
) -> Iterator[h5py.Dataset]:
    """Gives the data set `frames` of a new recording, (N, height, width) float32 degrees Celsius, to be filled.

    Args:
        path: of the recording, which is called by it.
        timestamps: (N,) milliseconds.
        height, width: of a frame, pixels.
        into: is written in its place, if given.
    """
    with h5py.File(into or path, "w") as file:
        write_times(file, path.stem, timestamps, height, width, mac_address=MAC_ADDRESS, corrupted_count=0)
        yield create_frames(file, len(timestamps), height, width)


def image_record(name: str, timestamp: int, frame: int, height: int, width: int) -> dict:
    """A keyframe as the annotation files have it."""
    image = {"id": f"{name}_{timestamp}", "sensor_id": name, "mac_address": MAC_ADDRESS, "timestamp": timestamp}
    return {**image, "width": width, "height": height, "frame_idx": frame}


def box_record(image_id: str, bbox: list[float], class_id: int, name: str, object_id: int) -> dict:
    """A person's box as the annotation files have it, without its own id."""
    record = {"image_id": image_id, "bbox": bbox, "category_id": class_id, "category_name": name}
    return {**record, "object_id": object_id, "attribute_obscured": "0%"}


def write_data_set(
    output_dir: str | Path,
    classes: Sequence[str],
    description: str,
    num_recordings: int,
    val_fraction: float,
    write_recordings: WriteRecordings,
    progress: Progress,
) -> Summary:
    """Writes `frames/*.h5`, `annotations/train.json` and `annotations/val.json`; nothing is left behind if that fails.

    Args:
        output_dir: a folder that does not exist yet or is empty.
        classes: names in the order of their ids.
        description: for the annotation files.
        num_recordings: of which the last ones are for validation.
        val_fraction: fraction of the recordings for validation; each split has at least one.
        write_recordings: see `WriteRecordings`.
        progress: see `Progress`.

    Raises:
        InputError: the folder holds something already.
    """
    num_val = min(max(round(val_fraction * num_recordings), 1), num_recordings - 1)
    documents = {}
    for split in ("train", "val"):
        info = {"description": description.format(split=split), "version": "1.0"}
        categories = [{"id": index, "name": name} for index, name in enumerate(classes)]
        documents[split] = {"images": [], "annotations": [], "categories": categories, "info": info}
    num_frames = num_boxes = 0
    with new_folder(output_dir) as root:
        (root / "frames").mkdir()
        (root / "annotations").mkdir()
        for index, (images, annotations, count) in enumerate(progress(write_recordings(root), num_recordings)):
            document = documents["train" if index < num_recordings - num_val else "val"]
            document["images"] += images
            document["annotations"] += [{"id": num_boxes + i, **record} for i, record in enumerate(annotations)]
            num_boxes += len(annotations)
            num_frames += count
        for split, document in documents.items():
            (root / "annotations" / f"{split}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    boxes = {
        split: Counter(a["category_name"] for a in document["annotations"]) for split, document in documents.items()
    }
    return Summary(
        num_frames,
        {split: len(document["images"]) for split, document in documents.items()},
        {split: {name: counts[name] for name in classes} for split, counts in boxes.items()},
    )
