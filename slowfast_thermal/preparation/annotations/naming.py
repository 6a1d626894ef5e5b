"""Which frame of which recording a picture or a video's frame is.

A picture's name tells it: `HALL_R1_000123.png`, `HALL_R1/frame_123.jpg`, or with the time, `HALL_R1_1700000000000.png`. A video is its
recording's whole, frame by frame.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.images import AnnotatedFrame
from slowfast_thermal.user_input import recording_name

# A number of a picture's name from here on is a time in milliseconds: no recording has so many frames.
_FIRST_TIME = 10**11
_NUMBER = re.compile(r"(?<!\d)(\d{1,15})\D*$")


@dataclass(frozen=True)
class Place:
    """A frame of a recording: its number from 0 on, or its time, which in files of times alone may be in seconds."""

    recording: str
    frame: int | None
    time: float | None


@dataclass(frozen=True)
class Naming:
    """How names are read.

    Attributes:
        recordings: the names that there are, without ".h5".
        pattern: of a name, with groups `recording`, and `frame` or `time`; None: as above.
        first: the number of a recording's first frame in names, 0 or 1.
    """

    recordings: Sequence[str]
    pattern: re.Pattern | None = None
    first: int = 0

    def place(self, frame: AnnotatedFrame) -> Place | None:
        """Where a frame lies; None if its name does not tell."""
        recording, number = self._read(frame.source)
        if recording is None:
            return None
        if frame.time is not None:
            return Place(recording, None, frame.time)
        if frame.number is not None:
            return Place(recording, frame.number, None)
        if number is None:
            return None
        return Place(recording, None, number) if number >= _FIRST_TIME else Place(recording, number - self.first, None)

    def _read(self, name: str) -> tuple[str | None, int | None]:
        """Recording and number of a name."""
        if self.pattern:
            match = self.pattern.search(name)
            if not match:
                return None, None
            groups = match.groupdict()
            number = groups.get("time") or groups.get("frame") or ""
            recording = groups.get("recording")
            is_number = number.isdecimal() and len(number) <= 15
            return recording_name(recording) if recording else self._only(), int(number) if is_number else None
        path = PurePosixPath(*map(recording_name, PurePosixPath(name.replace("\\", "/")).parts))
        stem = path.name if path.name in self.recordings else path.stem
        for recording in sorted(self.recordings, key=len, reverse=True):
            if stem == recording:
                return recording, None
            if stem.startswith(recording) and not stem[len(recording)].isalnum():
                match = _NUMBER.search(stem[len(recording) :])
                return recording, int(match[1]) if match else None
        match = _NUMBER.search(stem)
        number = int(match[1]) if match else None
        inside = [part for part in path.parts[:-1] if part in self.recordings]
        return inside[-1] if inside else self._only(), number

    def _only(self) -> str | None:
        return self.recordings[0] if len(self.recordings) == 1 else None


def read_pattern(text: str) -> re.Pattern:
    """A pattern for names. Raises InputError if it is none, or lacks its groups."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"The pattern '{text}' for names is no regular expression ({error}): correct it.") from None
    if not {"frame", "time"} & pattern.groupindex.keys():
        raise InputError(
            f"The pattern '{text}' for names has no group: give (?P<frame>...) or (?P<time>...), and (?P<recording>...) where there "
            "are several."
        )
    for group in ("frame", "time"):
        if group in pattern.groupindex and f"(?P<{group}>\\d" not in text:
            raise InputError(
                f"The pattern '{text}' for names: its group {group} must be a number, as in (?P<{group}>\\d+)."
            )
    return pattern


def guess_first(frames: Sequence[AnnotatedFrame], naming: Naming, lengths: dict[str, int]) -> int:
    """1 where the names count a recording's frames from 1: its last frame then has the number of all frames, or none is 0.

    Args:
        frames: of a file.
        naming: with first 0.
        lengths: number of frames of each recording.
    """
    numbers: Counter[int] = Counter()
    is_beyond = False
    for frame in frames:
        place = naming.place(frame) if frame.number is None else None
        if place and place.frame is not None:
            numbers[place.frame] += 1
            is_beyond |= place.frame == lengths.get(place.recording)
    return int(is_beyond and not numbers[0])


def known_recordings(folder: Path) -> list[str]:
    """The names of the recordings in a folder. Raises InputError if there is none."""
    if not folder.is_dir():
        raise InputError(f"Folder of recordings '{folder}' does not exist: correct its name.")
    names = sorted(path.stem for path in folder.glob("*.h5"))
    if not names:
        raise InputError(f"{folder} holds no recording (*.h5): import the recordings first.")
    return names
