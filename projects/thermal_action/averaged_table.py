#!/usr/bin/env python3
"""Prints mAP and t5 of finished runs, of trees on simple features, and of the mean of both scores (what MODEL.TREES_WEIGHT 0.5 gives).

projects/thermal_action/averaged_table.py RUN [RUN ...]      # OUTPUT_DIRs of runs with THERMAL.BASELINES
"""

import argparse
from pathlib import Path

from tabulate import tabulate

from slowfast_thermal.engine.trees import average
from slowfast_thermal.evaluation.bootstrap import measure
from slowfast_thermal.evaluation.runs import read_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    rows = []
    for folder in parser.parse_args().runs:
        tested = read_run(folder)
        tested.predictions["mean"] = average(
            tested.predictions["predictions"], tested.predictions["feature_trees"], 0.5
        )
        measures = [measure(tested.evaluate(name)) for name in ("predictions", "feature_trees", "mean")]
        rows.append([folder.name, *(f"{found['mAP']:.3f} / {found['t5']:.3f}" for found in measures)])
    print(tabulate(rows, ["run, mAP / t5", "network", "trees on features", "mean of both"], tablefmt="github"))


if __name__ == "__main__":
    main()
