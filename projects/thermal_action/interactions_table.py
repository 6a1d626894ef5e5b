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
VARIANTS = {
    "plain": "scratch",
    "plain, clipped": "scratch_clipped",
    "IA": "scratch_ia",
    "IA with objects": "scratch_ia_objects",
}
BASELINES = ["plain", "plain, clipped"]


def read_runs(protocol: str) -> dict[str, list[dict]]:
    """The test_metrics.json of each seed of the variants that ran."""
    paths = {name: sorted(RESULTS.glob(f"{stem}{PROTOCOLS[protocol]}_seed*.json")) for name, stem in VARIANTS.items()}
    return {name: [json.loads(path.read_text()) for path in found] for name, found in paths.items() if found}


def mean_and_spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{fmean(values):.3f}{spread}"


def difference(values: list[float], baseline: list[float]) -> str:
    """How far the mean lies above that of a baseline, and the 95 % interval of Welch's t-test; none for a single run."""
    if min(len(values), len(baseline)) < 2:
        return ""
    low, high = ttest_ind(values, baseline, equal_var=False).confidence_interval(0.95)
    return f"{fmean(values) - fmean(baseline):+.3f} ({low:+.3f} to {high:+.3f})"


def summary() -> str:
    rows = []
    for protocol in PROTOCOLS:
        scores: dict[str, list[float]] = {}
        for variant, runs in read_runs(protocol).items():
            values = [run["mAP"] for run in runs]
            rows.append(
                [
                    protocol,
                    variant,
                    ", ".join(f"{value:.3f}" for value in values),
                    f"**{mean_and_spread(values)}**",
                    *(difference(values, scores.get(baseline, [])) for baseline in BASELINES),
                ]
            )
            scores[variant] = values
    headers = ["", "", "mAP of each seed", "mean ± standard deviation", *(f"more than {name}" for name in BASELINES)]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def per_class(protocol: str) -> str:
    runs = read_runs(protocol)
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
