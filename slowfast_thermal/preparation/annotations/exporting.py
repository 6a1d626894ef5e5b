"""Annotated and predicted people for a labelling tool, with pictures or videos that it opens."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.records import are_four_numbers, read_json_lines
from slowfast_thermal.datasets.records import field as record_field
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations import coco, cvat, label_studio
from slowfast_thermal.preparation.annotations.images import THINGS, LabelledBox
from slowfast_thermal.preparation.annotations.pictures import ENLARGED, write_pictures, write_video
from slowfast_thermal.preparation.folders import new_folder
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.splits import read_pool
from slowfast_thermal.preparation.writing import Progress, no_progress

EXPORTS = {
    "cvat": "a video and CVAT XML 1.1 of each recording",
    "coco": "pictures and COCO JSON",
    "label-studio": "pictures and tasks",
}
"""What is written, by the name of the format."""


@dataclass
class LabelledRecording:
    """A recording with the boxes of its frames.

    Attributes:
        recording: with its frames.
        boxes: by the frame's index; a frame without people has none.
    """

    recording: Recording
    boxes: dict[int, list[LabelledBox]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures."""
        return self.recording.width * self.factor, self.recording.height * self.factor

    @property
    def factor(self) -> int:
        """By which pictures are enlarged: even, so that videos can hold them."""
        return max(2 * round(ENLARGED / max(self.recording.width, self.recording.height) / 2), 2)


def export_annotations(
    kind: str,
    root: str | Path,
    output_dir: str | Path,
    *,
    annotations: Sequence[str] = ("annotations/train.json", "annotations/val.json"),
    predictions: str | Path | None = None,
    moments: Collection[tuple[str, int]] | None = None,
    settings: DataSettings | None = None,
    progress: Progress = no_progress,
) -> dict[str, int]:
    """Writes what a labelling tool opens.

    Args:
        kind: one of EXPORTS.
        root: folder of a data set, with recordings in `frames`.
        output_dir: a folder that does not exist yet or is empty.
        annotations: annotation files by their paths from there; those that do not exist are passed over if there are predictions.
        predictions: `tracks.jsonl` of tools/predict.py, whose people are suggested where nobody was annotated.
        moments: recording and milliseconds of the predicted moments that are wanted; None: all.
        settings: of a run; None for the defaults.
        progress: wraps the loop over the recordings.

    Returns:
        Number of "recordings", "frames", "annotated people" and "suggested people".

    Raises:
        InputError: the output folder holds something already, or a file is wrong.
    """
    root, settings = Path(root), settings or DataSettings.default()
    paths = [root / name for name in annotations if (root / name).is_file() or not predictions]
    labelled: dict[str, LabelledRecording] = {}

    def of(name: str) -> LabelledRecording:
        if name not in labelled:
            labelled[name] = LabelledRecording(settings.open(root / settings.frames_dir / f"{name}.h5"))
        return labelled[name]

    classes = _add_annotated(paths, of) if paths else []
    num_annotated = sum(
        box.label not in THINGS for each in labelled.values() for boxes in each.boxes.values() for box in boxes
    )
    if predictions:
        classes = _add_predicted(Path(predictions), of, moments, classes)
    count = Counter({"recordings": len(labelled), "annotated people": num_annotated})
    for each in labelled.values():
        count["frames"] += len(each.boxes)
        count["suggested people"] += sum(box.score is not None for boxes in each.boxes.values() for box in boxes)
    with new_folder(output_dir) as folder:
        if kind == "cvat":
            for name, each in progress(sorted(labelled.items()), len(labelled)):
                write_video(folder / f"{name}.mp4", each.recording, each.factor, settings.temperature_range)
                cvat.write(folder / f"{name}.xml", f"{name}.mp4", each.recording.num_frames, each.size, each.boxes)
            cvat.write_labels(folder / "labels.json", classes)
        else:
            (folder / "images").mkdir()
            frames = []
            for name, each in progress(sorted(labelled.items()), len(labelled)):
                names = {frame: f"{name}_{frame:06}.png" for frame in sorted(each.boxes)}
                write_pictures(folder / "images", each.recording, names, each.factor, settings.temperature_range)
                frames += [(names[frame], each.size, each.boxes[frame]) for frame in names]
            {"coco": coco.write, "label-studio": label_studio.write}[kind](folder, frames, classes)
    return dict(count)


def _add_annotated(paths: Sequence[Path], of: Callable[[str], LabelledRecording]) -> list[str]:
    """Adds the annotated people and things; gives the classes."""
    pool = read_pool(paths)
    names = {category["id"]: category["name"] for category in pool.categories}
    boxes: dict[object, list[LabelledBox]] = {}
    for image in pool.images:
        boxes[image["id"]] = of(image["sensor_id"]).boxes.setdefault(image["frame_idx"], [])
        for thing in image.get("objects", ()):
            told = {"subcategory": str(thing.get("subcategory", ""))}
            boxes[image["id"]].append(LabelledBox(_corners(thing["bbox"]), str(thing.get("category", "object")), told))
    for person in pool.people:
        track = person.get("object_id")
        box = LabelledBox(
            _corners(person["bbox"]), names[person["category_id"]], track=track if type(track) is int else None
        )
        boxes[person["image_id"]].append(box)
    return [names[number] for number in sorted(names)]


def _corners(box: Sequence[float]) -> tuple[float, ...]:
    x, y, width, height = box
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _add_predicted(
    path: Path, of: Callable[[str], LabelledRecording], moments: Collection[tuple[str, int]] | None, classes: list[str]
) -> list[str]:
    """Adds the people of the frames that nobody annotated; gives the classes, those of the predictions too."""
    places: dict[str, dict[int, int]] = {}
    suggested: dict[tuple[str, int], list[LabelledBox]] = {}
    for where, record in read_json_lines(path):
        name, time = record_field(record, "recording", str, where), record_field(record, "timestamp", int, where)
        box, scores = record_field(record, "box", list, where), record_field(record, "scores", dict, where)
        if (
            not are_four_numbers(box)
            or not scores
            or not all(isinstance(score, (int, float)) for score in scores.values())
        ):
            raise InputError(
                f"{where}: 'box' must be four numbers, and 'scores' a number for each class: predict again."
            )
        classes = classes + [each for each in scores if each not in classes]
        if moments is not None and (name, time) not in moments:
            continue
        if name not in places:
            places[name] = {int(at): place for place, at in enumerate(of(name).recording.timestamps)}
        if time not in places[name]:
            raise InputError(f"{where}: {name} has no frame at {time} ms: predict this recording again.")
        action = max(scores, key=scores.get)
        found = LabelledBox(tuple(box), action, {}, record_field(record, "track", int, where), float(scores[action]))
        suggested.setdefault((name, places[name][time]), []).append(found)
    for (name, frame), boxes in suggested.items():
        of(name).boxes.setdefault(frame, boxes)
    return classes
