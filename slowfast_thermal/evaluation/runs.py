"""The tests of finished runs, read from their folders: to be evaluated together, or beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.ava_files import read_ava_files
from slowfast_thermal.evaluation.baselines import BASELINES
from slowfast_thermal.evaluation.bootstrap import difference
from slowfast_thermal.evaluation.metrics import AvaBoxes, Evaluation, evaluate_detections
from slowfast_thermal.evaluation.results import METRICS, read_boxes


@dataclass(frozen=True)
class Tested:
    """What was tested, and what was predicted.

    Attributes:
        classes: names of the C classes.
        groundtruth: the annotated people of the test keyframes.
        predictions: by the name of their file: those of the run, "predictions", and of the BASELINES that it has.
    """

    classes: list[str]
    groundtruth: AvaBoxes
    predictions: dict[str, AvaBoxes]

    def evaluate(self, name: str = "predictions") -> Evaluation:
        """The evaluation of the run's predictions, or of a baseline's."""
        return evaluate_detections(self.classes, self.groundtruth, self.predictions[name])


def read_run(folder: Path) -> Tested:
    """A finished run, or all those in the folders inside, such as the folds of one seed, as one.

    Raises:
        InputError: there is none, or two of them do not fit together.
    """
    if (folder / "ava").is_dir():
        return _read_single(folder)
    inside = [path.parent.parent for path in sorted(folder.glob("*/ava/rank0"))]
    if not inside:
        raise InputError(
            f"'{folder}' holds no tested run: give the OUTPUT_DIR of one, or a seed_N of a cross-validation."
        )
    return together([_read_single(path) for path in inside], str(folder))


def together(parts: Sequence[Tested], where: str) -> Tested:
    """Several tests as one.

    Raises:
        InputError: their classes differ, or they share a keyframe; named with `where` they are.
    """
    first, *others = parts
    groundtruth = _copy(first.groundtruth)
    names = [name for name in first.predictions if all(name in part.predictions for part in parts)]
    predictions = {name: _copy(first.predictions[name]) for name in names}
    for part in others:
        if part.classes != first.classes:
            raise InputError(f"The runs in {where} have different classes: give runs of one data set.")
        for found, new in ((groundtruth, part.groundtruth), *((predictions[n], part.predictions[n]) for n in names)):
            shared = sorted(found[0].keys() & new[0].keys())
            if shared:
                raise InputError(f"Two runs in {where} test the keyframe {shared[0]}: give runs that share none.")
            for known, added in zip(found, new):
                known.update(added)
    return Tested(first.classes, groundtruth, predictions)


def compare(
    first: tuple[Path, str], second: tuple[Path, str], num_samples: int, session_pattern: str
) -> dict[str, tuple[float, float, float]]:
    """By how much the first run is above the second in each of `bootstrap.MEASURES`, and the interval of that.

    Args:
        first, second: a run's folder as of `read_run`, and whose predictions: "predictions", or one of BASELINES.
        num_samples, session_pattern: of the bootstrap.

    Raises:
        InputError: a run or its predictions are not there, nobody is annotated, or the two were tested on other keyframes or
            boxes.
    """
    runs = []
    for folder, name in (first, second):
        run = read_run(folder)
        if name not in run.predictions:
            raise InputError(f"{folder} holds no {name}.csv: test it with THERMAL.BASELINES True.")
        runs.append(run)
    (a, name_a), (b, name_b) = zip(runs, (first[1], second[1]))
    if a.classes != b.classes or a.groundtruth != b.groundtruth:
        differing = sorted(key for key in a.groundtruth[0].keys() ^ b.groundtruth[0].keys())
        what = f"the keyframe {differing[0]}, for one," if differing else "what is annotated in the keyframes"
        raise InputError(
            f"{first[0]} and {second[0]} were tested on different annotations ({what} differs): compare runs with the same "
            "test keyframes."
        )
    boxes_a, boxes_b = a.predictions[name_a][0], b.predictions[name_b][0]
    if {key: _distinct(boxes) for key, boxes in boxes_a.items()} != {
        key: _distinct(boxes) for key, boxes in boxes_b.items()
    }:
        raise InputError(
            f"{first[0]} and {second[0]} were tested on different boxes: test both with the same THERMAL.PEOPLE and "
            "THERMAL.TEST_DETECTIONS."
        )
    evaluations = a.evaluate(name_a), b.evaluate(name_b)
    if evaluations[0].json_map is None:
        raise InputError(f"Nobody is annotated in the keyframes of {first[0]}, so there is no score to compare.")
    return difference(*([evaluation] for evaluation in evaluations), num_samples, session_pattern)


def _distinct(boxes: list[list[float]]) -> set[tuple[float, ...]]:
    return {tuple(box) for box in boxes}


def _copy(found: AvaBoxes) -> AvaBoxes:
    boxes, labels, scores = map(dict, found)
    return boxes, labels, scores


def _read_single(folder: Path) -> Tested:
    if not (folder / METRICS).is_file():
        raise InputError(f"'{folder}' holds a test that is not finished: start the same command again.")
    classes, groundtruth = read_ava_files(folder / "ava" / "rank0")
    predictions = {
        name: read_boxes(folder / f"{name}.csv", None, len(classes))
        for name in ("predictions", *BASELINES)
        if name == "predictions" or (folder / f"{name}.csv").is_file()
    }
    return Tested(classes, groundtruth, predictions)
