#!/usr/bin/env python3
"""Prints what networks, trees on simple features, and the mean of both scores (what MODEL.TREES_WEIGHT 0.5 gives) reach.

projects/thermal_action/averaged_table.py --runs NAME RUN [RUN ...] [--runs NAME RUN ...] [--trees FOLDER]

A row for each --runs: mean and standard deviation of its RUNs, which are seeds of one training, and how far network and
mean are above the trees, with 95 % intervals by a bootstrap over stretches of 10 seconds.
"""

import argparse
from pathlib import Path
from statistics import fmean, stdev

from tabulate import tabulate

from slowfast_thermal.engine.trees import average
from slowfast_thermal.evaluation.bootstrap import difference, measure
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.evaluation.runs import read_run

HEADERS = ["", "seeds", "network", "trees", "mean of both", "network less trees", "mean of both less trees"]


def evaluate(run: Path, trees: Path | None) -> list[Evaluation]:
    """Of the network, the trees, and the mean of both."""
    tested = read_run(run)
    if trees:
        tested.predictions["feature_trees"] = read_run(trees / run.parent.name / run.name).predictions["predictions"]
    tested.predictions["mean"] = average(tested.predictions["predictions"], tested.predictions["feature_trees"], 0.5)
    return [tested.evaluate(name) for name in ("predictions", "feature_trees", "mean")]


def mean_and_spread(values: list[float]) -> str:
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{fmean(values):.3f}{spread}"


def rows(name: str, runs: list[Path], trees: Path | None, samples: int) -> list[list[object]]:
    """A row for the mAP and one for t5."""
    network, forest, both = zip(*(evaluate(run, trees) for run in runs))
    above = [difference(side, forest, samples) for side in (network, both)]
    measured = [[measure(evaluation) for evaluation in side] for side in (network, forest, both)]
    return [
        [
            f"{name}, {key}",
            len(runs),
            *(mean_and_spread([found[key] for found in side]) for side in measured),
            *("{:+.3f} ({:+.3f} to {:+.3f})".format(*found[key]) for found in above),
        ]
        for key in ("mAP", "t5")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", nargs="+", action="append", required=True, metavar="NAME RUN", help="OUTPUT_DIRs of finished runs"
    )
    parser.add_argument(
        "--trees",
        type=Path,
        metavar="FOLDER",
        help="learning curve of TREES.yaml, from which the trees come (default: the runs' own, of THERMAL.BASELINES)",
    )
    parser.add_argument("--samples", type=int, default=1000, help="of the bootstrap (default 1000)")
    args = parser.parse_args()
    table = [
        row for name, *runs in args.runs for row in rows(name, [Path(run) for run in runs], args.trees, args.samples)
    ]
    print(tabulate(table, HEADERS, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
