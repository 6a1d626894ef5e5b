"""The seconds around events as recordings, so that false alarms become training data.

A folder of clips is a data set: `frames/ID.h5` for each confirmed event, and `annotations/events.json` with one keyframe each, at
the confirmation, in which the person has the first class of the kind. Whoever looks at the clips corrects it there.
"""

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.files import replacing, temporary_folder
from slowfast_thermal.live.events import EventChange, EventSettings
from slowfast_thermal.preparation.writing import box_record, image_record, new_recording

logger = logging.getLogger(__name__)

FramesBetween = Callable[[str, int, int], tuple[np.ndarray, np.ndarray]]
"""Gives what a window still holds of a sensor between two times in milliseconds: (N, H, W) degrees Celsius, with NaN for
missing readings, and (N,) int64 times; a copy."""

# Seconds before an event's start.
_BEFORE = 10.0
# Clips that wait to be written.
_MOST_WAITING = 8


class _Clip(NamedTuple):
    change: EventChange
    frames: np.ndarray
    timestamps: np.ndarray


class Clips:
    """Writes the seconds around events, in a thread of its own.

    The clip is written at the confirmation, so that it is there when somebody is told, and again at the end if the window
    still reaches back to its beginning.

    Args:
        folder: of the data set.
        frames_between: see `FramesBetween`.
        kinds: of events.
        classes: names of the network's classes, in their order.

    Attributes:
        problem: why the last clip is missing, in a sentence, or empty.
    """

    def __init__(
        self, folder: Path, frames_between: FramesBetween, kinds: Sequence[EventSettings], classes: Sequence[str]
    ):
        self._folder, self._frames_between = folder, frames_between
        self._labels = {kind.name: kind.classes[0] for kind in kinds}
        self._classes = list(classes)
        self._first: dict[str, int] = {}
        self._waiting: queue.Queue[_Clip | None] = queue.Queue(_MOST_WAITING)
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name="clips of events", daemon=True)
        self._thread.start()

    def send(self, change: EventChange) -> None:
        """Keeps the seconds around an event that was confirmed now, or that ends; never raises and hardly waits."""
        is_confirmation = change.state == "confirmed" and change.confirmed == change.decided
        if not is_confirmation and change.id not in self._first:
            return
        if not is_confirmation and change.type != "end":
            return
        start = change.start - round(1000 * _BEFORE)
        try:
            frames, timestamps = self._frames_between(change.sensor, start, change.decided)
            first = self._first.pop(change.id, None)
            if not len(timestamps) or (first is not None and timestamps[0] > first):
                return
            if is_confirmation:
                self._first[change.id] = int(timestamps[0])
            self._waiting.put_nowait(_Clip(change, frames, timestamps))
        except Exception as error:
            self._tell(change, error)

    def close(self) -> None:
        """Waits until all clips are written."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (clip := self._waiting.get()) is not None:
            try:
                self._write(clip)
                self.problem = ""
            except Exception as error:  # a full disk, for example; the watch goes on
                self._tell(clip.change, error)

    def _tell(self, change: EventChange, error: Exception) -> None:
        self.problem = f"The clip of event {change.id} is missing ({type(error).__name__}: {error})."
        logger.warning("%s", self.problem)

    def _write(self, clip: _Clip) -> None:
        change, (_, height, width) = clip.change, clip.frames.shape
        name = change.id
        (self._folder / "frames").mkdir(parents=True, exist_ok=True)
        with temporary_folder("clip", self._folder) as temporary:
            with new_recording(temporary / f"{name}.h5", clip.timestamps, height, width) as stored:
                stored[:] = clip.frames
            os.replace(temporary / f"{name}.h5", self._folder / "frames" / f"{name}.h5")
        index = int(np.abs(clip.timestamps - change.confirmed).argmin())
        image = image_record(name, int(clip.timestamps[index]), index, height, width)
        x1, y1, x2, y2 = change.box
        label = self._labels[change.kind]
        box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        record = box_record(image["id"], box, self._classes.index(label), label, change.track)
        self._annotate(image, record | {"event": change.as_json()})

    def _annotate(self, image: dict, record: dict) -> None:
        """Adds a keyframe with its person, unless the clip has one, which somebody may have corrected."""
        annotations = self._folder / "annotations"
        path = annotations / "events.json"
        if path.exists():
            document = json.loads(path.read_text(encoding="utf-8"))
        else:
            categories = [{"id": number, "name": name} for number, name in enumerate(self._classes)]
            document = {"images": [], "annotations": [], "categories": categories}
        if image["sensor_id"] in [other["sensor_id"] for other in document["images"]]:
            return
        number = 1 + max((other["id"] for other in document["annotations"]), default=-1)
        document["images"].append(image)
        document["annotations"].append({"id": number, **record})
        with replacing(path) as temporary:
            text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
            Path(temporary).write_text(text, encoding="utf-8")
