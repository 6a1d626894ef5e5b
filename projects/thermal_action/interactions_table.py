#!/usr/bin/env python3
"""Prints the tables of README.md on interactions from the runs in results/ that interactions.sh made.

projects/thermal_action/interactions_table.py
"""

import json
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import ttest_ind
from tabulate import tabulate

RESULTS = Path(__file__).parent / "results"
PROTOCOLS = {"Given split": "", "SL14 to SL18": "_sl14_to_sl18", "SL18 to SL14": "_sl18_to_sl14"}
VARIANTS = {"plain": "scratch", "IA": "scratch_ia", "IA with objects": "scratch_ia_objects"}


def read_runs(variant: str, protocol: str) -> list[dict]:
    """The test_metrics.json of each seed."""
    paths = sorted(RESULTS.glob(f"{VARIANTS[variant]}{PROTOCOLS[protocol]}_seed*.json"))
    return [json.loads(path.read_text()) for path in paths]


def mean_and_spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{fmean(values):.3f}{spread}"


def difference(values: list[float], plain: list[float]) -> str:
    """How far the mean lies above that of the plain network, and the 95 % interval of Welch's t-test."""
    low, high = ttest_ind(values, plain, equal_var=False).confidence_interval(0.95)
    return f"{fmean(values) - fmean(plain):+.3f} ({low:+.3f} to {high:+.3f})"


def summary() -> str:
    rows = []
    for protocol in PROTOCOLS:
        scores = {variant: [run["mAP"] for run in read_runs(variant, protocol)] for variant in VARIANTS}
        for variant, values in scores.items():
            compared = variant != "plain" and min(len(values), len(scores["plain"])) > 1
            rows.append(
                [
                    protocol,
                    variant,
                    ", ".join(f"{value:.3f}" for value in values),
                    f"**{mean_and_spread(values)}**",
                    difference(values, scores["plain"]) if compared else "",
                ]
            )
    headers = ["", "", "mAP of each seed", "mean ± standard deviation", "more than plain (95 % interval)"]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def per_class(protocol: str) -> str:
    runs = {variant: read_runs(variant, protocol) for variant in VARIANTS}
    boxes = runs["plain"][0]["num_boxes"]
    rows = [
        [name, count, *(mean_and_spread([run["per_class_ap"][name] for run in found]) for found in runs.values())]
        for name, count in boxes.items()
        if count
    ]
    headers = ["", "boxes", *(f"{variant}, n = {len(found)}" for variant, found in runs.items())]
    return tabulate(
        rows, headers, tablefmt="github", disable_numparse=True, colalign=("left", *["right"] * (len(headers) - 1))
    )


def main() -> None:
    print(summary())
    for protocol in PROTOCOLS:
        print(f"\n{protocol}:\n\n{per_class(protocol)}")


if __name__ == "__main__":
    main()
