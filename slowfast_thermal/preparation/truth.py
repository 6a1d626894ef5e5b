"""What truly happened, by which events are judged: a JSON file of two lists.

`recordings` has the stretches that were watched, {sensor, start, end}, of which rates are made. `intervals` has what people
did, {sensor, person, class, start, end}: the sensor is the recording's name, a person a number that is theirs throughout it,
times are milliseconds of its timestamps.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast_thermal.datasets.records import field, read_json
from slowfast_thermal.errors import InputError
from slowfast_thermal.files import replacing


class Span(NamedTuple):
    """A stretch of a sensor that was watched, in milliseconds."""

    sensor: str
    start: int
    end: int


class Interval(NamedTuple):
    """What a person of a sensor did from `start` to `end`, in milliseconds."""

    sensor: str
    person: int
    label: str
    start: int
    end: int


class Truth(NamedTuple):
    """What truly happened in the stretches that were watched."""

    recordings: list[Span]
    intervals: list[Interval]

    @classmethod
    def joined(cls, truths: Sequence["Truth"]) -> "Truth":
        return cls([s for truth in truths for s in truth.recordings], [i for truth in truths for i in truth.intervals])

    @classmethod
    def read(cls, path: Path) -> "Truth":
        """Raises InputError if the file is missing or a record in it is wrong."""
        document = read_json(path)
        recordings = [
            Span(*_record(record, {"sensor": str}, f"{path}, recordings[{place}]"))
            for place, record in enumerate(field(document, "recordings", list, str(path)))
        ]
        intervals = [
            Interval(*_record(record, {"sensor": str, "person": int, "class": str}, f"{path}, intervals[{place}]"))
            for place, record in enumerate(field(document, "intervals", list, str(path)))
        ]
        if not recordings:
            raise InputError(f"{path} lists no recordings: rates need the time that was watched, so add it.")
        for sensor in sorted({interval.sensor for interval in intervals} - {span.sensor for span in recordings}):
            raise InputError(f"{path} has intervals of '{sensor}', but recordings without it: add when it was watched.")
        return cls(recordings, intervals)

    def write(self, path: Path) -> None:
        """Writes the file; it is whole or not there."""
        document = {
            "recordings": [span._asdict() for span in self.recordings],
            "intervals": [
                {"sensor": i.sensor, "person": i.person, "class": i.label, "start": i.start, "end": i.end}
                for i in self.intervals
            ],
        }
        with replacing(path) as temporary:
            Path(temporary).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _record(record: object, kinds: dict[str, type], where: str) -> list:
    """The values of a record's fields, then its start and end."""
    *values, start, end = [field(record, key, kind, where) for key, kind in {**kinds, "start": int, "end": int}.items()]
    if end < start:
        raise InputError(f"{where} ends ({end}) before it starts ({start}): correct its times.")
    return [*values, start, end]


def truth_of_keyframes(paths: Sequence[Path], longest_gap: float) -> Truth:
    """The truth as far as annotated keyframes tell it.

    A keyframe stands for the time halfway to the keyframes before and after it. A person's consecutive keyframes with the
    same class, by `object_id`, make one interval. Where two keyframes are further apart than `longest_gap` nobody knows what
    was between them: nothing was watched there.

    Args:
        paths: annotation files.
        longest_gap: seconds.

    Raises:
        InputError: a file is missing, a record in it is wrong, or no keyframe is near another.
    """
    keyframes: dict[str, dict[int, set[tuple[int, str]]]] = {}
    for path in paths:
        document = read_json(path)
        images = {}
        for place, image in enumerate(field(document, "images", list, str(path))):
            where = f"{path}, images[{place}]"
            sensor, time = field(image, "sensor_id", str, where), field(image, "timestamp", int, where)
            images[field(image, "id", (str, int), where)] = keyframes.setdefault(sensor, {}).setdefault(time, set())
        names = {
            field(c, "id", int, f"{path}, categories[{place}]"): field(c, "name", str, f"{path}, categories[{place}]")
            for place, c in enumerate(field(document, "categories", list, str(path)))
        }
        for place, record in enumerate(field(document, "annotations", list, str(path))):
            where = f"{path}, annotations[{place}]"
            image, category = field(record, "image_id", (str, int), where), field(record, "category_id", int, where)
            if image not in images or category not in names:
                raise InputError(f"{where} names an image or a category that the file does not list: correct it.")
            images[image].add((field(record, "object_id", int, where), names[category]))
    truths = [
        _of_stretch(sensor, stretch)
        for sensor, people in sorted(keyframes.items())
        for stretch in _stretches(people, round(1000 * longest_gap))
    ]
    if not truths:
        raise InputError(
            f"No two keyframes of {', '.join(map(str, paths))} lie within {longest_gap:g} s: raise --gap, or annotate more densely."
        )
    return Truth.joined(truths)


def _stretches(
    people: dict[int, set[tuple[int, str]]], longest_gap: int
) -> list[list[tuple[int, set[tuple[int, str]]]]]:
    """The keyframes of a recording in the order of their times, parted where they lie too far apart."""
    stretches = [[]]
    for time in sorted(people):
        if stretches[-1] and time - stretches[-1][-1][0] > longest_gap:
            stretches.append([])
        stretches[-1].append((time, people[time]))
    return [stretch for stretch in stretches if len(stretch) > 1]


def _of_stretch(sensor: str, stretch: list[tuple[int, set[tuple[int, str]]]]) -> Truth:
    times = [time for time, _ in stretch]
    edges = [times[0], *[(before + after) // 2 for before, after in zip(times, times[1:])], times[-1]]
    intervals, begun = [], {}
    for place, people in enumerate([*(people for _, people in stretch), set()]):
        edge = edges[place]
        for person, label in sorted(begun.keys() - people):
            intervals.append(Interval(sensor, person, label, begun.pop((person, label)), edge))
        begun |= {key: edge for key in people - begun.keys()}
    return Truth([Span(sensor, times[0], times[-1])], sorted(intervals, key=lambda i: (i.start, i.person, i.label)))
