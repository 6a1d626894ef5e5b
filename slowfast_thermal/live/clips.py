"""The seconds around events as recordings, so that false alarms become training data.

A folder of clips is a data set: `frames/ID.h5` for each confirmed event, and `annotations/events.json` with one keyframe each, at
the confirmation, in which the person has the first class of the kind. Whoever looks at the clips corrects it there. Where the clips
take more than they may, the oldest ones are removed.
"""

import io
import json
import logging
import math
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slowfast_thermal.files import full_disk_error, replacing
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
        most_bytes: that all clips may take.

    Attributes:
        problem: why the last clip is missing, in a sentence, or empty.
    """

    def __init__(
        self,
        folder: Path,
        frames_between: FramesBetween,
        kinds: Sequence[EventSettings],
        classes: Sequence[str],
        most_bytes: float = math.inf,
    ):
        self._folder, self._frames_between, self._most_bytes = folder, frames_between, most_bytes
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
                self._remove_oldest(but=clip.change.id)
                self.problem = ""
            except Exception as error:  # a full disk, for example; the watch goes on
                self._tell(clip.change, error)

    def _tell(self, change: EventChange, error: Exception) -> None:
        reason = "the disk is full: make room" if full_disk_error(error) else f"{type(error).__name__}: {error}"
        self.problem = f"The clip of event {change.id} is missing ({reason})."
        logger.warning("%s", self.problem)

    def _write(self, clip: _Clip) -> None:
        change, (_, height, width) = clip.change, clip.frames.shape
        name = change.id
        path, made = self._folder / "frames" / f"{name}.h5", io.BytesIO()
        # In memory first: HDF5 itself ends the process where the disk is full.
        with new_recording(path, clip.timestamps, height, width, made) as stored:
            stored[:] = clip.frames
        with replacing(path, made.getbuffer().nbytes) as temporary:
            Path(temporary).write_bytes(made.getbuffer())
        index = int(np.abs(clip.timestamps - change.confirmed).argmin())
        image = image_record(name, int(clip.timestamps[index]), index, height, width)
        x1, y1, x2, y2 = change.box
        label = self._labels[change.kind]
        box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        record = box_record(image["id"], box, self._classes.index(label), label, change.track)
        self._annotate(image, record | {"event": change.as_json()})

    def _annotate(self, image: dict, record: dict) -> None:
        """Adds a keyframe with its person, unless the clip has one, which somebody may have corrected."""
        document = self._read_annotations()
        if image["sensor_id"] in [other["sensor_id"] for other in document["images"]]:
            return
        number = 1 + max((other["id"] for other in document["annotations"]), default=-1)
        document["images"].append(image)
        document["annotations"].append({"id": number, **record})
        self._write_annotations(document)

    def _remove_oldest(self, but: str) -> None:
        """Removes the oldest clips with their keyframes until the others take no more than they may."""
        found = [(path.stat(), path) for path in (self._folder / "frames").glob("*.h5")]
        left, removed = sum(status.st_size for status, _ in found), set()
        for status, path in sorted(found, key=lambda each: (each[0].st_mtime_ns, each[1].name)):
            if left > self._most_bytes and path.stem != but:
                path.unlink(missing_ok=True)
                left -= status.st_size
                removed.add(path.stem)
        if removed:
            document = self._read_annotations()
            images = {image["id"] for image in document["images"] if image["sensor_id"] in removed}
            document["images"] = [image for image in document["images"] if image["id"] not in images]
            document["annotations"] = [each for each in document["annotations"] if each["image_id"] not in images]
            self._write_annotations(document)

    @property
    def _annotations(self) -> Path:
        return self._folder / "annotations" / "events.json"

    def _read_annotations(self) -> dict:
        if self._annotations.exists():
            return json.loads(self._annotations.read_text(encoding="utf-8"))
        categories = [{"id": number, "name": name} for number, name in enumerate(self._classes)]
        return {"images": [], "annotations": [], "categories": categories}

    def _write_annotations(self, document: dict) -> None:
        with replacing(self._annotations) as temporary:
            text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
            Path(temporary).write_text(text, encoding="utf-8")
