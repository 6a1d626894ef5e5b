#!/usr/bin/env python3
"""Prints the tables of README.md on simulated people from the runs in results/ that simulated.sh made.

projects/thermal_action/simulated_table.py
"""

import json
from pathlib import Path
from statistics import fmean, stdev

from tabulate import tabulate

RESULTS = Path(__file__).parent / "results"
RUNS = {
    "simulated alone, 23 unseen simulated rooms": "simulated_rooms",
    "simulated alone, SL18": "simulated_to_sl18",
    "simulated alone, SL14": "simulated_to_sl14",
    "SL14 and simulated, SL18": "from_simulated_sl14_to_sl18",
    "SL18 and simulated, SL14": "from_simulated_sl18_to_sl14",
}
LYING = "lying down-lying with risk"
# Classes with so many boxes make up t5.
MIN_BOXES = 5


def t5(run: dict) -> float:
    """Mean AP of the classes with enough boxes."""
    return fmean(run["per_class_ap"][name] for name, count in run["num_boxes"].items() if count >= MIN_BOXES)


def mean_and_spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{fmean(values):.3f}{spread}"


def print_tables(stems: dict[str, str]) -> None:
    """A table of the runs, by what they were trained and tested on, and one of their classes."""
    rows, classes = [], {}
    for name, stem in stems.items():
        runs = [json.loads(path.read_text()) for path in sorted(RESULTS.glob(f"{stem}_seed*.json"))]
        if not runs:
            continue
        scores = {"mAP": [run["mAP"] for run in runs], "t5": [t5(run) for run in runs]}
        scores["lying with risk"] = [run["per_class_ap"][LYING] for run in runs]
        rows.append([name, len(runs), *(mean_and_spread(values) for values in scores.values())])
        for label, count in runs[0]["num_boxes"].items():
            if count:
                found = mean_and_spread([run["per_class_ap"][label] for run in runs])
                classes.setdefault(label, {})[name] = f"{found} ({count})"
    print(tabulate(rows, ["trained on, tested on", "seeds", "mAP", "t5", "AP of lying with risk"], tablefmt="github"))
    named = [row[0] for row in rows]
    table = [[label, *(found.get(name, "") for name in named)] for label, found in classes.items()]
    print("\n" + tabulate(table, ["AP (boxes)", *named], tablefmt="github"))


if __name__ == "__main__":
    print_tables(RUNS)
