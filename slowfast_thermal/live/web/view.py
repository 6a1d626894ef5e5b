"""What the page reads of a watch, as bytes.

Every answer is kept for a moment, so that the work does not grow with the number of pages that are open.

Letters: H, W pixels.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from slowfast_thermal.live.sensors import Picture, Sensor
from slowfast_thermal.live.watch import Watcher
from slowfast_thermal.live.web.recent import KEPT, Recent
from slowfast_thermal.people.predicted import PredictedPerson

# Seconds for which an answer is kept.
_STATE_KEPT, _PICTURE_KEPT, _TIMELINE_KEPT = 0.5, 0.2, 1.0
# Answers that are kept.
_MOST_ANSWERS = 2000
# Pixels of the longer side that are sent, and percentiles of a frame that have the first and the last colour, which are at least
# so many degrees apart.
_MOST_PIXELS, _COLOURED, _LEAST_SPAN = 320, (1.0, 99.8), 4.0


class _Kept:
    """The last answer to each question, made anew when it is too old."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._answers: dict[str, tuple[float, bytes]] = {}

    def get(self, question: str, make: Callable[[], bytes]) -> bytes:
        now = time.monotonic()
        made, answer = self._answers.get(question, (-np.inf, b""))
        if now - made >= self._seconds:
            answer = make()
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[question] = now, answer
        return answer


class View:
    """Reads a watch, which another thread goes on with; for one thread.

    Args:
        watcher: of which only what is replaced as a whole is read.
        recent: what the watcher told.
        clips: the folder with the clips of events, if they are kept.
    """

    def __init__(self, watcher: Watcher, recent: Recent, clips: Path):
        self._watcher, self._recent, self._clips = watcher, recent, clips
        self._states, self._pictures, self._timelines = _Kept(_STATE_KEPT), _Kept(_PICTURE_KEPT), _Kept(_TIMELINE_KEPT)

    def unknown(self, sensors: Iterable[str]) -> list[str]:
        """Those that the watch does not have."""
        return [sensor for sensor in sensors if sensor not in self._watcher.sensors]

    def state(self) -> bytes:
        """JSON of `Watcher.status` with the last events, each with whether it has a clip."""
        return self._states.get("", self._state)

    def pictures(self, sensors: Sequence[str]) -> bytes:
        """Of each sensor a line of JSON and then height * width bytes: the colours of its last frame from 0 to 255.

        The line has `sensor`, `time` in milliseconds, `height` and `width` of what is sent, `low` and `high`, the degrees Celsius
        of the colours 0 and 255, and `people`: `track`, `box` (x1, y1, x2, y2 divided by the image size), `seen`, and `action` and
        `score` as last scored, null before it. Before its first frame a sensor has no pixels.
        """
        known = [self._watcher.sensors.get(name) for name in sensors]
        return b"".join(self._pictures.get(sensor.name, lambda: _picture(sensor)) for sensor in known if sensor)

    def timelines(self, sensors: Sequence[str]) -> bytes:
        """JSON: by sensor the moments of the last minutes, [milliseconds, [[track, class, score], ...]]."""
        parts = [self._timelines.get(name, lambda: self._timeline(name)) for name in sensors]
        return b'{"kept": %d, "sensors": {%s}}' % (KEPT, b", ".join(parts))

    def clip(self, id: str) -> Path | None:
        """The recording of an event, None where there is no such event or clip."""
        if not self._recent.has_event(id):
            return None
        path = self._clips / "frames" / f"{id}.h5"
        return path if path.is_file() else None

    def _state(self) -> bytes:
        events = [change.as_json() | {"clip": self.clip(change.id) is not None} for change in self._recent.events()]
        return _json(self._watcher.status() | {"recent": events})

    def _timeline(self, sensor: str) -> bytes:
        moments = [
            [seen.time, [[track, name, round(score, 2)] for track, name, score in seen.actions]]
            for seen in self._recent.moments(sensor)
        ]
        return _json(sensor) + b": " + _json(moments)


def _picture(sensor: Sensor) -> bytes:
    picture, scored = sensor.picture, {person.track: person for person in sensor.people}
    if picture is None:
        return _line({"sensor": sensor.name, "height": 0, "width": 0, "people": []})
    height, width = picture.temperatures.shape
    step = -(-max(height, width) // _MOST_PIXELS)
    shown = picture.temperatures[::step, ::step]
    low, high = np.percentile(shown, _COLOURED).tolist()
    middle, half = (low + high) / 2, max(high - low, _LEAST_SPAN) / 2
    low, high = middle - half, middle + half
    colours = np.clip((shown - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    header = {
        "sensor": sensor.name,
        "time": picture.time,
        "height": len(shown),
        "width": shown.shape[1],
        "low": round(low, 1),
        "high": round(high, 1),
        "people": _people(picture, scored),
    }
    return _line(header) + colours.tobytes()


def _people(picture: Picture, scored: dict[int, PredictedPerson]) -> list[dict[str, object]]:
    height, width = picture.temperatures.shape
    people = []
    for person in picture.people:
        scores = scored[person.track].scores if person.track in scored else {}
        action = max(scores, key=scores.get, default=None)
        box = np.clip(person.box / np.array([width, height] * 2), 0, 1)
        people.append(
            {
                "track": person.track,
                "box": [round(value, 4) for value in box.tolist()],
                "seen": bool(person.seen),
                "action": action,
                "score": None if action is None else round(scores[action], 2),
            }
        )
    return people


def _line(record: dict[str, object]) -> bytes:
    return _json(record) + b"\n"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
