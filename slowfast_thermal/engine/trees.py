"""Trees on simple features in a run: in place of the network, or averaged with it (MODEL.TREES_WEIGHT).

They are fitted when a run starts, which takes seconds, and kept beside its checkpoints: a test, and a prediction elsewhere,
need no training data then.
"""

import logging
from dataclasses import replace
from pathlib import Path

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.origin import Labels, fingerprints, labels_of
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.baselines import predict_trees
from slowfast_thermal.evaluation.metrics import AvaBoxes, Evaluation, evaluate_detections
from slowfast_thermal.files import replacing
from slowfast_thermal.trees.features import BOX_FEATURES, FEATURES
from slowfast_thermal.trees.forest import Forest, load_forest
from slowfast_thermal.trees.people import fit_trees, knows_place, read_people

logger = logging.getLogger(__name__)

_FILE = "trees.npz"


def fit_run_trees(cfg) -> None:
    """Fits trees to the annotated training people and writes them where a test of this run looks for them."""
    dataset = Thermal(cfg, "train")
    people = read_people(dataset)
    path = run_trees(cfg.OUTPUT_DIR)
    path.parent.mkdir(parents=True, exist_ok=True)
    forest = fit_trees(people, dataset.classes, cfg.RNG_SEED, knows_place(cfg))
    labels = labels_of(cfg, "TRAIN", fingerprints(cfg))
    forest = replace(forest, learned_files=tuple(sorted(labels.files)), learned_recordings=labels.recordings)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        forest.save(file)
    logger.info("Fitted trees on simple features of %d people: %s.", len(people.boxes), path)


def run_trees(output_dir: str) -> Path:
    """Where a run keeps its trees."""
    return beside(pyslowfast.checkpoint_path(output_dir, 0))


def beside(checkpoint: Path) -> Path:
    """Where the trees of a network's checkpoint lie."""
    return checkpoint.with_name(_FILE)


def learned_by(trees: Forest) -> Labels | None:
    """What trees were fitted to, where they tell it."""
    return Labels(frozenset(trees.learned_files), trees.learned_recordings) if trees.learned_files else None


def evaluate_with_trees(evaluation: Evaluation, trees: Forest, dataset: Thermal, weight: float) -> Evaluation:
    """The evaluation of a network's people with its scores averaged with those of trees.

    Args:
        evaluation: of the network.
        trees: for the classes of the data set.
        dataset: the test keyframes.
        weight: of the trees, from 0 to 1.
    """
    averaged = average(evaluation.detections, predict_trees(trees, dataset), weight)
    return evaluate_detections(dataset.classes, evaluation.groundtruth, averaged)


def average(detections: AvaBoxes, trees: AvaBoxes, weight: float) -> AvaBoxes:
    """The scores of trees, averaged with a network's, for all that the network has scored; `weight` is that of the trees."""
    boxes, labels, scores = trees
    found = {
        (key, tuple(box), label): score
        for key in boxes
        for box, label, score in zip(boxes[key], labels[key], scores[key])
    }
    boxes, labels, scores = detections
    averaged = {
        key: [
            (1 - weight) * score + weight * found[key, tuple(box), label]
            for box, label, score in zip(boxes[key], labels[key], scores[key])
        ]
        for key in boxes
    }
    return boxes, labels, averaged


def load_trees(path: Path, classes: list[str] | None = None) -> Forest:
    """The trees of a run, for `classes` if they are given.

    Raises:
        InputError: there are none, or they are for other classes or features.
    """
    forest = load_forest(path)
    if classes is not None and forest.classes != classes:
        raise InputError(f"{path} holds trees for other classes than the annotations: train them on the same list.")
    if forest.features not in (FEATURES, FEATURES + BOX_FEATURES):
        raise InputError(f"{path} holds trees on other features than this version's: train them again.")
    return forest
