"""What is predicted of a person at one moment."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PredictedPerson:
    """A person at one moment.

    Attributes:
        recording: name of the recording.
        timestamp: milliseconds.
        track: number of the person in this recording, from 1; the same from moment to moment.
        box: (4,) float32 x1, y1, x2, y2 divided by the image size.
        box_score: how sure it is that this is a person, from 0 to 1.
        seen: whether the person was found in this frame; else the box lies between where they were found.
        scores: from 0 to 1, by class name.
    """

    recording: str
    timestamp: int
    track: int
    box: np.ndarray
    box_score: float
    seen: bool
    scores: dict[str, float]


def record_of(person: PredictedPerson) -> dict[str, object]:
    """The person as a line of `tracks.jsonl` has it."""
    return {
        "recording": person.recording,
        "timestamp": person.timestamp,
        "track": person.track,
        "box": [round(value, 6) for value in person.box.tolist()],
        "box_score": round(person.box_score, 6),
        "seen": person.seen,
        "scores": {name: float(f"{score:.6g}") for name, score in person.scores.items()},
    }
