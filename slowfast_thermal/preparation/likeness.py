"""How alike the frames of two data sets are: which simple numbers of a keyframe tell from which of them it comes.

An area under the curve (AUC) of 0.5 says that a number, or a forest on all of them, tells nothing; 1 that it tells always.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from slowfast_thermal.datasets.annotations import Keyframe, load_annotations
from slowfast_thermal.datasets.recordings import Recording, frame_faults
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.splits import session_of

_PERCENTILES = (1, 5, 25, 75, 95, 99)


class Likeness(NamedTuple):
    """How alike two data sets are.

    Attributes:
        counts: keyframes of each.
        auc: of a forest on all numbers, fitted on half of the recordings of each and tested on the others, both ways.
        features: for each number its name, its own AUC, and its median in either data set.
    """

    counts: tuple[int, int]
    auc: float
    features: list[tuple[str, float, float, float]]


def likeness(first: Path, second: Path, settings: DataSettings, seed: int = 0) -> Likeness:
    """Compares the annotated keyframes of two data folders, all of train.json and val.json.

    Args:
        first, second: folders.
        settings: how recordings are read, and which are of one session, which is not parted between the halves.
        seed: of the forest.

    Raises:
        InputError: the files do not fit, or a data set has fewer than two sessions.
    """
    names, parts, halves = None, [], []
    for root in (first, second):
        values, sessions = [], []
        for keyframe, frames in _keyframes(root, settings):
            described = describe(keyframe, frames)
            names = list(described)
            values.append(list(described.values()))
            sessions.append(session_of(keyframe.recording, settings.session_pattern) or keyframe.recording)
        known = sorted(set(sessions))
        if len(known) < 2:
            raise InputError(
                f"{root} has keyframes of {len(known)} session: a comparison needs two or more in each folder."
            )
        parts.append(np.array(values))
        halves.append(np.array([known.index(session) % 2 for session in sessions]))
    from sklearn.ensemble import ExtraTreesClassifier  # takes a second, and few commands need it
    from sklearn.metrics import roc_auc_score

    values, half = np.concatenate(parts), np.concatenate(halves)
    belongs = np.repeat([0, 1], [len(part) for part in parts])
    scores = np.zeros(len(values))
    for number in (0, 1):
        forest = ExtraTreesClassifier(300, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=1)
        forest.fit(values[half != number], belongs[half != number])
        scores[half == number] = forest.predict_proba(values[half == number])[:, 1]
    auc = np.mean([roc_auc_score(belongs[half == number], scores[half == number]) for number in (0, 1)])
    features = []
    for name, column in zip(names, values.T):
        single = roc_auc_score(belongs, column)
        features.append(
            (name, float(max(single, 1 - single)), *(float(np.median(part)) for part in _split(column, parts)))
        )
    return Likeness((len(parts[0]), len(parts[1])), float(auc), sorted(features, key=lambda f: -f[1]))


def describe(keyframe: Keyframe, frames: np.ndarray) -> dict[str, float]:
    """Numbers of (3, H, W) degrees Celsius, the keyframe's own frame between its neighbours, in degrees and parts of the height.

    The keyframe has a person.
    """
    frame = frames[1] - np.median(frames[1])
    height, width = frame.shape
    numbers = {f"percentile {p}": float(np.percentile(frame, p)) for p in _PERCENTILES}
    numbers["hottest"] = float(frame.max())
    fine = frame - gaussian_filter(frame, 1.0)
    numbers["fine detail"] = float(1.48 * np.median(np.abs(fine)))
    numbers["coarse detail"] = float(gaussian_filter(frame, 1.0).std())
    numbers["change from frame to frame"] = float(1.48 * np.median(np.abs(np.diff(frames, axis=0))))
    boxes = np.round(keyframe.boxes * [width, height, width, height]).astype(int)
    starts = np.minimum(boxes[:, :2], [width - 1, height - 1])
    ends = np.maximum(boxes[:, 2:], starts + 1)
    insides = [frame[y1:y2, x1:x2] for (x1, y1), (x2, y2) in zip(starts, ends)]
    numbers["people"] = len(insides)
    for name, function in {
        "hottest in a box": np.max,
        "mean in a box": np.mean,
        "deviation in a box": np.std,
        "height of a box": lambda inside: inside.shape[0] / height,
        "width of a box": lambda inside: inside.shape[1] / height,
    }.items():
        numbers[name] = float(np.mean([function(inside) for inside in insides]))
    return numbers


def _keyframes(root: Path, settings: DataSettings) -> Iterator[tuple[Keyframe, np.ndarray]]:
    """Keyframes with people, each with its frame and its neighbours."""
    annotations = load_annotations([root / "annotations" / f"{part}.json" for part in ("train", "val")])
    recordings: dict[str, Recording] = {}
    for keyframe in annotations.keyframes:
        if not len(keyframe.boxes):
            continue
        name = keyframe.recording
        if name not in recordings:
            recordings[name] = settings.open(root / settings.frames_dir / f"{name}.h5")
        for fault in frame_faults([keyframe], recordings):
            raise fault
        yield keyframe, recordings[name].read(keyframe.frame_index + np.array([-1, 0, 1])).numpy()


def _split(column: np.ndarray, parts: list[np.ndarray]) -> list[np.ndarray]:
    return np.split(column, [len(parts[0])])
