"""What was predicted for recordings that nobody annotated: its files, and a video of each recording.

predictions.csv  AVA's format: recording, timestamp in ms, box, class from 1, score
tracks.jsonl     a line a person and moment, with the track
NAME.mp4         the recording with its people
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.records import are_four_numbers, field
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.people import Person
from slowfast_thermal.evaluation.pictures import color_limits, draw_frame
from slowfast_thermal.evaluation.results import write_predictions
from slowfast_thermal.evaluation.scores import to_ava_boxes
from slowfast_thermal.evaluation.video import frame_durations, write_pictures
from slowfast_thermal.files import replacing
from slowfast_thermal.people.predicted import PredictedPerson, record_of
from slowfast_thermal.people.tracks import TrackedPerson, relative_boxes

# Frames read at a time, and frames of which the colours are chosen.
_PART = 64
_NUM_SAMPLED = 16


def write_people(people: Sequence[PredictedPerson], folder: Path) -> None:
    """Writes `predictions.csv` and `tracks.jsonl`; each is whole or not there."""
    rows = (
        (f"{person.recording},{person.timestamp}", person.box[None], np.array([list(person.scores.values())]))
        for person in people
    )
    write_predictions(to_ava_boxes(rows), folder / "predictions.csv")
    with replacing(folder / "tracks.jsonl") as temporary, open(temporary, "w", encoding="utf-8") as file:
        for person in people:
            file.write(json.dumps(record_of(person), ensure_ascii=False) + "\n")


def person_of(record: object, where: str) -> PredictedPerson:
    """The person of a line of `tracks.jsonl`. Raises InputError if there is none."""
    box = field(record, "box", list, where)
    scores = field(record, "scores", dict, where)
    if not are_four_numbers(box) or not all(isinstance(score, (int, float)) for score in scores.values()):
        raise InputError(
            f"{where}: 'box' must be four numbers, and 'scores' a number for each class: write the file again."
        )
    return PredictedPerson(
        field(record, "recording", str, where),
        field(record, "timestamp", int, where),
        field(record, "track", int, where),
        np.array(box, np.float32),
        float(field(record, "box_score", (int, float), where)),
        bool(record.get("seen", True)),
        scores,
    )


def write_video(
    recording: Recording,
    followed: Sequence[list[TrackedPerson]],
    predicted: Sequence[PredictedPerson],
    classes: list[str],
    path: Path,
    progress: Callable[[Iterable, int], Iterable],
) -> None:
    """Writes a recording as MP4: each person's box, the letter and colour of the track, and the class of the last moment.

    Args:
        followed: the people of each frame.
        predicted: the people of each moment of this recording.
        classes: names of the classes.
        path: the file.
        progress: wraps the loop over this many pictures.
    """
    durations = frame_durations(recording.timestamps)
    pictures = draw_pictures(recording, followed, predicted, classes)
    write_pictures(path, progress(pictures, len(durations)), durations)


def draw_pictures(
    recording: Recording,
    followed: Sequence[list[TrackedPerson]],
    predicted: Sequence[PredictedPerson],
    classes: list[str],
) -> Iterator[Image.Image]:
    """Each frame of a recording with its people; arguments as those of `write_video`."""
    sampled = np.linspace(0, recording.num_frames - 1, _NUM_SAMPLED).astype(int)
    limits = color_limits(np.concatenate([recording.read(np.array([place])).numpy() for place in sampled]))
    longest = max(classes, key=len)
    crowd = [Person([], None, np.zeros(4), np.eye(len(classes))[classes.index(longest)], 1)] * max(map(len, followed))
    height = draw_frame(recording.read(sampled[:1])[0].numpy(), limits, crowd, classes, recording.name).height
    moments: dict[int, list[PredictedPerson]] = {}
    for person in predicted:
        moments.setdefault(person.timestamp, []).append(person)
    last: dict[int, np.ndarray] = {}
    for start in range(0, recording.num_frames, _PART):
        places = np.arange(start, min(start + _PART, recording.num_frames))
        for place, temperatures in zip(places, recording.read(places).numpy()):
            time = int(recording.timestamps[place])
            last |= {p.track: np.array(list(p.scores.values())) for p in moments.get(time, [])}
            boxes = relative_boxes(followed[place], recording.height, recording.width)
            people = [Person([], None, box, last.get(p.track), p.track) for p, box in zip(followed[place], boxes)]
            title = f"{recording.name}, {(time - recording.timestamps[0]) / 1000:.1f} s"
            yield draw_frame(temperatures, limits, people, classes, title, height)
