#!/usr/bin/env python3
"""Whether moments that `suggest` chooses teach trees more than random ones: projects/thermal_action/suggest.py [--seed S] [--repeats N]

Each repeat simulates 12 rooms to label and 12 others to test on. 12 random keyframes are labelled at first; trees on these predict
the others, of which 24 more are labelled: random ones, random ones that lie as far apart as suggested ones, or suggested ones. Prints
the mean AP of trees on all of them in the other rooms, and the differences of each repeat's.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.preparation.suggestions import GAP, Moment, choose
from slowfast_thermal.trees.forest import fit_forest
from slowfast_thermal.trees.people import People, read_people

ROOMS, KEYFRAMES, FIRST, MORE = 24, 960, 12, 24


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean AP of the classes that occur, of (P, C) scores and labels."""
    found = []
    for score, label in zip(scores.T, labels.T):
        if label.any():
            hits = label[np.argsort(-score, kind="stable")] > 0
            found.append((hits.cumsum() / np.arange(1, len(hits) + 1))[hits].mean())
    return float(np.mean(found))


def people_of(root: Path, split: str) -> People:
    cfg = load_config("configs/Thermal/TREES.yaml", ["DATA.PATH_TO_DATA_DIR", str(root), "MODEL.NUM_CLASSES", "14"])
    return read_people(Thermal(cfg, split))


def spread(order: np.ndarray, keyframes: list, wanted: int, first: list) -> list:
    """The first so many keyframes of an order that lie apart from each other and from the first ones."""
    chosen = []
    for place in order:
        keyframe = keyframes[place]
        near = [k for k in chosen + first if k.recording == keyframe.recording]
        if all(abs(k.timestamp - keyframe.timestamp) >= 1000 * GAP for k in near):
            chosen.append(keyframe)
        if len(chosen) == wanted:
            break
    return chosen


def compare(seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        simulate_rooms(
            Path(folder) / "data", num_rooms=ROOMS, num_keyframes=KEYFRAMES, val_fraction=0.5, seed=1000 + seed
        )
        pool, test = (people_of(Path(folder) / "data", split) for split in ("train", "val"))
    classes = [str(number) for number in range(pool.labels.shape[1])]
    keyframes = list({k.image_id: k for k in pool.keyframes}.values())
    rows = {k.image_id: [i for i, of in enumerate(pool.keyframes) if of.image_id == k.image_id] for k in keyframes}
    order = rng.permutation(len(keyframes))
    first = [keyframes[place] for place in order[:FIRST]]
    rest = order[FIRST:]

    def fit(chosen: list):
        used = [row for k in chosen for row in rows[k.image_id]]
        return fit_forest(pool.features[used], pool.labels[used], classes, [""] * pool.features.shape[1], seed)

    predicted = fit(first).predict(pool.features)
    moments = [
        Moment(keyframes[i].recording, keyframes[i].timestamp, predicted[rows[keyframes[i].image_id]]) for i in rest
    ]
    times: dict[str, list[int]] = {}
    for keyframe in first:
        times.setdefault(keyframe.recording, []).append(keyframe.timestamp)
    labelled = pool.labels[[row for k in first for row in rows[k.image_id]]].sum(0)
    places = {(keyframes[i].recording, keyframes[i].timestamp): keyframes[i] for i in rest}
    suggested = [places[s.recording, s.timestamp] for s in choose(moments, classes, MORE, labelled, times)]
    more = {
        "random": [keyframes[place] for place in rest[:MORE]],
        "random, spread": spread(rest, keyframes, MORE, first),
        "suggested": suggested,
    }
    scores = {"none": fit(first)} | {name: fit(first + chosen) for name, chosen in more.items()}
    return {name: average_precision(forest.predict(test.features), test.labels) for name, forest in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the first repeat")
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    found = [compare(seed) for seed in range(args.seed, args.seed + args.repeats)]
    print("| labelled besides | mAP | above random |\n| --- | ---: | ---: |")
    for name in found[0]:
        scores, above = (np.array([each[name] - base * each["random"] for each in found]) for base in (0, 1))
        print(
            f"| {name} | {scores.mean():.3f} ± {scores.std(ddof=1):.3f} | {above.mean():+.3f} ± {above.std(ddof=1) / len(above) ** 0.5:.3f} |"
        )


if __name__ == "__main__":
    main()
