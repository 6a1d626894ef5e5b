#!/usr/bin/env python3
"""Tells by how much one run is above another on the same test keyframes, and how sure that is.

tools/compare.py RUN_A RUN_B                      OUTPUT_DIR of two tests, or seed_N of two cross-validations
tools/compare.py RUN_A RUN_A --second feature_trees

Example: a network and trees on the same data; the network and its baseline.

    tools/run_net.py --cfg configs/Thermal/TREES.yaml DATA.PATH_TO_DATA_DIR my_data
    tools/run_net.py --cfg configs/Thermal/PEOPLE_FROM_SIMULATED.yaml DATA.PATH_TO_DATA_DIR my_data
    tools/compare.py output/PEOPLE_FROM_SIMULATED output/TREES
    tools/compare.py output/PEOPLE_FROM_SIMULATED output/PEOPLE_FROM_SIMULATED --second feature_trees
"""

import argparse
import math
from pathlib import Path

from tabulate import tabulate

from slowfast_thermal.errors import exit_codes
from slowfast_thermal.evaluation.baselines import BASELINES
from slowfast_thermal.evaluation.runs import compare
from slowfast_thermal.preparation.splits import SESSION_PATTERN, check_session_pattern
from slowfast_thermal.user_input import count


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("first", "second"):
        parser.add_argument(f"{name}_run", metavar=f"RUN_{'A' if name == 'first' else 'B'}", type=Path)
        parser.add_argument(
            f"--{name}",
            choices=("predictions", *BASELINES),
            default="predictions",
            help=f"whose predictions of the {name} run (default the run's own)",
        )
    parser.add_argument("--samples", type=count, default=1000, help="bootstrap samples (default 1000)")
    parser.add_argument(
        "--session-pattern",
        metavar="REGEX",
        default=SESSION_PATTERN,
        help=f"as THERMAL.SESSION_PATTERN (default '{SESSION_PATTERN}')",
    )
    return parser.parse_args()


def shown(mean: float, low: float, high: float) -> tuple[str, str]:
    """A difference and its interval; "-" where there is none, as of t5 with few boxes or of keyframes of a few seconds."""
    return (
        "-" if math.isnan(mean) else f"{mean:+.3f}",
        "-" if math.isnan(low) else f"{low:+.3f} to {high:+.3f}",
    )


def main() -> None:
    args = parse_args()
    with exit_codes():
        check_session_pattern(args.session_pattern)
        runs = (args.first_run, args.first), (args.second_run, args.second)
        found = compare(*runs, args.samples, args.session_pattern)
        rows = [(name, *shown(*values)) for name, values in found.items()]
        for letter, (folder, what) in zip("AB", runs):
            print(f"{letter}: {BASELINES.get(what, what)} of {folder}")
        print(tabulate(rows, headers=["", "A less B", "95 % interval"], disable_numparse=True))


if __name__ == "__main__":
    main()
