"""What can be looked at in a data set: a keyframe, a list of mistakes, or a whole recording.

As a still, a scene is its keyframes; moving, it is all its frames at the speed at which they were recorded.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.metrics import AvaBoxes
from slowfast_thermal.evaluation.people import Person, find_mistakes, match_people
from slowfast_thermal.evaluation.pictures import color_limits, draw_frame, draw_keyframe
from slowfast_thermal.evaluation.video import HOLD, frame_durations, write_pictures

# Milliseconds before and after a keyframe in which its boxes are shown; no one annotated where people are in between.
SHOWN_FOR = 250
# Frames read at a time, and keyframes for which the colours of a scene are chosen.
_CHUNK = 64
_NUM_SAMPLED = 16


@dataclass(frozen=True)
class Scene:
    """Frames of a recording with the people of some of its keyframes.

    Attributes:
        recording: its name.
        start, stop: frames [start, stop).
        keyframes: at least one, each with its people.
    """

    recording: str
    start: int
    stop: int
    keyframes: list[tuple[Keyframe, list[Person]]]


def keyframe_scenes(dataset: Thermal, image_id: str, detections: AvaBoxes, num_frames: int) -> list[Scene]:
    """A keyframe and the `num_frames` frames around it.

    Raises:
        InputError: there is no such keyframe.
    """
    keyframes = {str(keyframe.image_id): keyframe for keyframe in dataset.keyframes}
    if image_id not in keyframes:
        nearest = difflib.get_close_matches(image_id, keyframes, n=1, cutoff=0.0)[0]
        raise InputError(f"There is no keyframe '{image_id}' in the test annotations: did you mean '{nearest}'?")
    keyframe = keyframes[image_id]
    return [_clip(dataset, keyframe, match_people(keyframe, detections), num_frames)]


def mistake_scenes(dataset: Thermal, number: int, detections: AvaBoxes, num_frames: int) -> list[Scene]:
    """The keyframes with the most confident mistakes, at most `number`, as `keyframe_scenes` gives them.

    Raises:
        InputError: there are no predictions, none is wrong, or `number` is not positive.
    """
    if number < 1 or not detections[0]:
        raise InputError("--mistakes takes a number from 1 on, and --predictions or --checkpoint to find them in.")
    mistakes = find_mistakes(dataset.keyframes, detections)[:number]
    if not mistakes:
        raise InputError("No prediction is wrong, so there is no mistake to draw: choose --keyframe or --recording.")
    return [_clip(dataset, keyframe, people, num_frames) for keyframe, people in mistakes]


def recording_scenes(dataset: Thermal, name: str, detections: AvaBoxes) -> list[Scene]:
    """A whole recording.

    Raises:
        InputError: there is no such recording.
    """
    if name not in dataset.recordings:
        raise InputError(
            f"There is no recording '{name}' in the test annotations: choose one of {', '.join(dataset.recordings)}."
        )
    keyframes = [keyframe for keyframe in dataset.keyframes if keyframe.recording == name]
    people = [(keyframe, match_people(keyframe, detections)) for keyframe in keyframes]
    return [Scene(name, 0, len(dataset.timestamps(name)), people)]


def _clip(dataset: Thermal, keyframe: Keyframe, people: list[Person], num_frames: int) -> Scene:
    start = keyframe.frame_index - num_frames // 2
    stop = min(start + num_frames, len(dataset.timestamps(keyframe.recording)))
    return Scene(keyframe.recording, max(start, 0), stop, [(keyframe, people)])


def write_scenes(
    dataset: Thermal,
    scenes: Sequence[Scene],
    path: Path,
    progress: Callable[[Iterator[Image.Image], int], Iterable[Image.Image]],
) -> None:
    """Writes the scenes as the suffix of `path` says: a PNG of their keyframes, or a GIF or an MP4 of all their frames.

    Args:
        dataset, scenes: what to draw.
        path: the file.
        progress: gives the pictures on, knowing their number.

    Raises:
        InputError: as `write_pictures`.
    """
    if path.suffix.lower() == ".png":
        durations = [HOLD for scene in scenes for _ in scene.keyframes]
        pictures = (draw_keyframe(dataset, *keyframe) for scene in scenes for keyframe in scene.keyframes)
    else:
        durations = [duration for scene in scenes for duration in _durations(dataset, scene)]
        pictures = draw_frames(dataset, scenes)
    write_pictures(path, progress(pictures, len(durations)), durations)


def _durations(dataset: Thermal, scene: Scene) -> list[int]:
    return frame_durations(dataset.timestamps(scene.recording)[scene.start : scene.stop])


def draw_frames(dataset: Thermal, scenes: Sequence[Scene]) -> Iterator[Image.Image]:
    """All frames of the scenes, in one size, each with the people of the nearest keyframe if it is near enough.

    A frame is near enough up to SHOWN_FOR milliseconds; its title then gives the time of that keyframe.
    """
    height = max(_height(dataset, scene) for scene in scenes)
    for scene in scenes:
        timestamps = dataset.timestamps(scene.recording)
        key_times = np.array([keyframe.timestamp for keyframe, _ in scene.keyframes])
        limits = color_limits(_sample(dataset, scene))
        for start in range(scene.start, scene.stop, _CHUNK):
            indices = np.arange(start, min(start + _CHUNK, scene.stop))
            for index, temperatures in zip(indices, dataset.temperatures(scene.recording, indices)):
                title, people = f"{scene.recording}, {_seconds(timestamps, timestamps[index])}", []
                nearest = np.abs(key_times - timestamps[index]).argmin()
                if abs(key_times[nearest] - timestamps[index]) <= SHOWN_FOR:
                    title += f", boxes of {_seconds(timestamps, key_times[nearest])}"
                    people = scene.keyframes[nearest][1]
                yield draw_frame(temperatures, limits, people, dataset.classes, title, height)


def _sample(dataset: Thermal, scene: Scene) -> np.ndarray:
    """(K, H, W) degrees Celsius of some of a scene's keyframes."""
    step = -(-len(scene.keyframes) // _NUM_SAMPLED)
    indices = [keyframe.frame_index for keyframe, _ in scene.keyframes[::step]]
    return np.concatenate([dataset.temperatures(scene.recording, np.array([index])) for index in indices])


def _seconds(timestamps: np.ndarray, timestamp: int) -> str:
    return f"{(timestamp - timestamps[0]) / 1000:.1f} s"


def _height(dataset: Thermal, scene: Scene) -> int:
    """Pixels of the highest picture of a scene, which has the most lines below the frame."""
    frame = dataset.temperatures(scene.recording, np.array([scene.start]))[0]
    timestamps = dataset.timestamps(scene.recording)
    last = _seconds(timestamps, timestamps[-1])
    title = f"{scene.recording}, {last}, boxes of {last}"
    return max(
        draw_frame(frame, color_limits(frame), people, dataset.classes, title).height for _, people in scene.keyframes
    )
