#!/usr/bin/env python3
"""Prints how well each choice of EVENTS' settings does on hours on which they may be chosen, best F1 first.

projects/thermal_action/events_choice.py SCORES TRUTH      # choose.jsonl and choose/truth.json of events.sh
"""

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

from tabulate import tabulate

from slowfast_thermal.config import load_config
from slowfast_thermal.evaluation.events import judge
from slowfast_thermal.live.events import EventSettings
from slowfast_thermal.preparation.truth import Truth
from tools.evaluate_events import events_at, read_events

SMOOTHING = (2.0, 5.0, 10.0)
DURATION = (5.0, 10.0, 20.0)
THRESHOLD = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, metavar="SCORES", help="tracks.jsonl of tools/predict.py")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="truth.json of tools/thermal_data.py")
    args = parser.parse_args()
    truth, (people, _) = Truth.read(args.truth), read_events(args.scores)
    cfg = load_config("configs/Thermal/SIMULATED.yaml", ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0"])
    (kind,) = EventSettings.from_config(cfg, list(people[0].scores))
    rows = []
    for smoothing, duration, threshold in product(SMOOTHING, DURATION, THRESHOLD):
        settings = replace(kind, smoothing=smoothing, duration=duration)
        found = judge(events_at(threshold, people, settings), truth, kind.classes).measures()
        alarms = found["false_alarms"] + found["repeats"]
        rows.append([smoothing, duration, threshold, found["found"], found["truths"], alarms, found["f1"]["value"]])
    rows.sort(key=lambda row: -(row[-1] or 0))
    headers = ["smoothing", "duration", "threshold", "found", "of", "false alarms", "F1"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("g", "g", "g", "d", "d", "d", ".3f")))


if __name__ == "__main__":
    main()
