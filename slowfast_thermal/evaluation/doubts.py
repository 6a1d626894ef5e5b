"""Annotated people whose label may be wrong, for an annotator to look at again.

Two signs are looked for. Predictions of a model that did not see the person are confident in another class: more than it
usually is where that class is annotated, and less than usual in the annotated one (confident learning: Northcutt et al.,
arXiv:1911.00068). Or another person looks nearly the same, nearer than people of one label usually are to each other, and
has another label.

Letters: P people, F features, C classes.
"""

import csv
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.distance import cdist

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import Keyframe, load_annotations
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.baselines import predict_trees
from slowfast_thermal.evaluation.metrics import AvaBoxes
from slowfast_thermal.evaluation.people import Person, match_people
from slowfast_thermal.evaluation.pictures import draw_clip
from slowfast_thermal.evaluation.results import read_predictions
from slowfast_thermal.files import check_writable, temporary_folder
from slowfast_thermal.preparation.overlap import CLIP_FRAMES
from slowfast_thermal.trees.people import People, fit_trees, read_people

logger = logging.getLogger(__name__)

# Nearly the same are two people who are as near as this share of people are to the nearest one with their own label.
_NEAR = 0.75
# People who are compared with all others at a time.
_ROWS = 256


@dataclass(frozen=True)
class Doubt:
    """One person whose label may be wrong.

    Attributes:
        keyframe: of the person.
        person: the annotated person, with the held-out scores if there are any.
        reason: one sentence.
        strength: the larger, the sooner worth a look; from 0 to 1.
        neighbour: keyframe and person that looks nearly the same, None if the predictions are the reason.
    """

    keyframe: Keyframe
    person: Person
    reason: str
    strength: float
    neighbour: tuple[Keyframe, Person] | None = None


def list_doubts(
    cfg, folds: Mapping[str, Path], output_dir: Path, predictions: Path | None, num_pictures: int
) -> list[Doubt]:
    """Finds the doubtful people of a data set's folds and writes them into a folder.

    Args:
        cfg: tells where the recordings are and how they are read; the annotations are those of the folds.
        folds: folders with a `train.json` and a `val.json`, by name.
        output_dir: see `write_doubts`.
        predictions: a `predictions.csv` for the people in the folds' val; None: of trees that are fitted to each train.
        num_pictures: see `write_doubts`.

    Raises:
        InputError: something is missing or wrong in the files.
    """
    check_writable("The folder of the doubts", output_dir)
    val = [str(folder.resolve() / "val.json") for folder in folds.values()]
    cfg = cfg.clone()
    cfg.THERMAL.TEST_ANNOTATIONS, cfg.THERMAL.PEOPLE = val, "annotated"
    cfg.MODEL.NUM_CLASSES = len(load_annotations([Path(name) for name in val]).classes)
    dataset = Thermal(cfg, "test")
    held_out = read_predictions(predictions, dataset) if predictions else held_out_trees(cfg, folds)
    doubts = find_doubts(dataset, held_out)
    write_doubts(doubts, dataset, output_dir, num_pictures)
    return doubts


def held_out_trees(cfg, folds: Mapping[str, Path]) -> AvaBoxes:
    """What trees on simple features, fitted to each fold's train, predict for its val."""
    found: AvaBoxes = ({}, {}, {})
    for folder in folds.values():
        cfg = cfg.clone()
        cfg.THERMAL.TRAIN_ANNOTATIONS = [str(folder.resolve() / "train.json")]
        cfg.THERMAL.TEST_ANNOTATIONS = [str(folder.resolve() / "val.json")]
        train, test = Thermal(cfg, "train"), Thermal(cfg, "val")  # "val" may be without people, as a quiet stretch is
        if train.classes != test.classes:
            raise InputError(f"train.json and val.json in {folder} list other categories: give both the same list.")
        if not len(test):
            continue
        forest = fit_trees(read_people(train), train.classes, cfg.RNG_SEED)
        for together, part in zip(found, predict_trees(forest, test)):
            together.update(part)
    return found


def find_doubts(dataset: Thermal, held_out: AvaBoxes) -> list[Doubt]:
    """The doubtful people of a data set, the strongest doubt first; each at most once for each of the two reasons.

    Args:
        dataset: annotated people.
        held_out: predictions for them by models that did not see them.
    """
    people = read_people(dataset)
    persons = [
        person
        for keyframe in (dataset.keyframe(index) for index in range(len(dataset)))
        for person in match_people(keyframe, held_out)
        if person.actions
    ]
    if without := sum(person.scores is None for person in persons):
        logger.warning(
            "%d of %d people have no prediction and are only compared with each other.", without, len(persons)
        )
    doubts = _by_predictions(people, persons, dataset.classes) + _by_neighbours(people, persons, dataset.classes)
    return sorted(doubts, key=lambda doubt: -doubt.strength)


def _by_predictions(people: People, persons: list[Person], classes: list[str]) -> list[Doubt]:
    scores = np.array([np.full(len(classes), np.nan) if p.scores is None else p.scores for p in persons])
    usual = np.array(
        [
            np.nanmean(scores[of_class, c]) if np.isfinite(scores[of_class, c]).any() else np.inf
            for c, of_class in enumerate(people.labels.T > 0)
        ]
    )
    doubts = []
    for keyframe, person in zip(people.keyframes, persons):
        if person.scores is None or not person.is_wrong:
            continue
        own = max(person.actions, key=lambda action: person.scores[action])
        if person.scores[person.best] >= usual[person.best] and person.scores[own] < usual[own]:
            reason = (
                f"annotated {_names(person, classes)}, but held-out predictions say {classes[person.best]} "
                f"({person.scores[person.best]:.2f} against {person.scores[own]:.2f})"
            )
            doubts.append(Doubt(keyframe, person, reason, float(person.scores[person.best] - person.scores[own])))
    return doubts


def _by_neighbours(people: People, persons: list[Person], classes: list[str]) -> list[Doubt]:
    if len(persons) < 3:
        return []
    nearest_same, nearest_other, others = _nearest(people)
    near = np.quantile(nearest_same[np.isfinite(nearest_same)], _NEAR) if np.isfinite(nearest_same).any() else 0.0
    doubts = []
    for i, (j, distance) in enumerate(zip(others, nearest_other)):
        if distance >= min(near, nearest_same[i]):
            continue
        reason = (
            f"annotated {_names(persons[i], classes)}, but {people.keyframes[j].image_id}, annotated "
            f"{_names(persons[j], classes)}, looks nearly the same"
        )
        neighbour = people.keyframes[j], persons[j]
        doubts.append(Doubt(people.keyframes[i], persons[i], reason, float(1 - distance / near), neighbour))
    return doubts


def _nearest(people: People) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far (P,) the nearest person with a label in common is from each, how far the nearest without one, and who that is.

    Infinitely far where there is none.
    """
    from sklearn.preprocessing import StandardScaler  # takes a second, and few commands need it

    x = StandardScaler().fit_transform(people.features)
    same, other, others = np.full(len(x), np.inf), np.full(len(x), np.inf), np.zeros(len(x), int)
    for start in range(0, len(x), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(x)))
        distances = cdist(x[rows], x)
        distances[np.arange(len(rows)), rows] = np.inf
        has_common = people.labels[rows] @ people.labels.T > 0
        same[rows] = np.where(has_common, distances, np.inf).min(1)
        apart = np.where(has_common, np.inf, distances)
        other[rows], others[rows] = apart.min(1), apart.argmin(1)
    return same, other, others


def _names(person: Person, classes: list[str]) -> str:
    return " and ".join(classes[action] for action in person.actions)


def write_doubts(doubts: list[Doubt], dataset: Thermal, folder: Path, num_pictures: int) -> None:
    """Writes `doubts.csv`, and a picture of each of the first ones with the clip around it, and its neighbour's beside it.

    They take the place of earlier ones when all are drawn.

    Args:
        doubts: in the order of their strength.
        dataset: that the people belong to.
        folder: where the files go.
        num_pictures: at most.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with temporary_folder("doubts", folder) as new:
        with open(new / "doubts.csv", "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["keyframe", "x1", "y1", "x2", "y2", "strength", "reason", "picture"])
            for number, doubt in enumerate(doubts, start=1):
                name = f"doubt_{number:03d}.png" if number <= num_pictures else ""
                box = [f"{value:.4f}" for value in doubt.person.annotated_box]
                rows.writerow([doubt.keyframe.image_id, *box, f"{doubt.strength:.3f}", doubt.reason, name])
                if name:
                    shown = [(doubt.keyframe, doubt.person), *([doubt.neighbour] if doubt.neighbour else [])]
                    pictures = [draw_clip(dataset, keyframe, [person], CLIP_FRAMES) for keyframe, person in shown]
                    _beside(pictures).save(new / name)
        for earlier in folder.glob("doubt_*.png"):
            if re.fullmatch(r"doubt_\d{3,}\.png", earlier.name):
                earlier.unlink()
        for path in new.iterdir():
            path.replace(folder / path.name)


def _beside(pictures: list[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), "white")
    x = 0
    for picture in pictures:
        whole.paste(picture, (x, 0))
        x += picture.width
    return whole
