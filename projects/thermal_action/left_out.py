#!/usr/bin/env python3
"""Which ingredients of PEOPLE_SMALL matter: each left out in turn, on real sessions held apart.

projects/thermal_action/left_out.py DATA OUTPUT [--seeds N]     # trains and tests what results/left_out.json lacks
projects/thermal_action/left_out.py                             # prints the table

All boxes are moved by what the training session tells (THERMAL.BOX_SHIFT). Differences are those of runs of the same seed.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean, stdev

from simulated_table import t5
from tabulate import tabulate

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "left_out.json"
EVERY_KEYFRAME = "['annotations/train.json','annotations/val.json']"
# Train, test, and where the training session's boxes lie.
SESSIONS = (("SL14", "SL18", "[0.0103,0.0158]"), ("SL18", "SL14", "[0.0140,0.0125]"))
ONE_CHANNEL = "DATA.INPUT_CHANNEL_NUM [1,1] DATA.MEAN [0.0] DATA.STD"
VARIANTS = {
    "nothing left out": "",
    "difference to a moment earlier": f"THERMAL.CHANNELS ['less_median'] {ONE_CHANNEL} [0.1]",
    "temperature less the median": f"THERMAL.CHANNELS ['difference'] {ONE_CHANNEL} [0.05]",
    "size of the box in the head": "THERMAL.BOX_FEATURES none",
    "turning": "THERMAL.AUG.ROTATION 0.0",
    "flips": "THERMAL.AUG.FLIP False",
    "turning and flips": "THERMAL.AUG.ROTATION 0.0 THERMAL.AUG.FLIP False",
    "scaling and shifting": "THERMAL.AUG.SCALE 0.0 THERMAL.AUG.SHIFT 0.0",
    "temperature gain": "THERMAL.AUG.TEMPERATURE_GAIN 0.0",
    "shift in time": "THERMAL.AUG.TEMPORAL_SHIFT 0 THERMAL.AUG.SLOW_JITTER False",
    "sampling by class": "THERMAL.CLASS_SAMPLING_POWER 0.0",
    "repair of frames": "THERMAL.REPAIR_FRAMES False",
    "half of the seconds": "THERMAL.CLIP_SECONDS 2.0",
    "moving the boxes": "THERMAL.BOX_SHIFT [0.0,0.0]",
    "(added) less the background": "THERMAL.CHANNELS ['less_median','difference','less_background'] "
    "DATA.INPUT_CHANNEL_NUM [3,3] DATA.MEAN [0.0,0.0,0.0] DATA.STD [0.1,0.05,0.1]",
}


def run(data: Path, folder: Path, seed: int, train: str, test: str, overrides: list[str]) -> dict:
    """The test's metrics of a training."""
    command = [sys.executable, "-W", "ignore", "tools/run_net.py", "--cfg", "configs/Thermal/PEOPLE_SMALL.yaml"]
    command += ["DATA.PATH_TO_DATA_DIR", str(data), "OUTPUT_DIR", str(folder), "RNG_SEED", str(seed)]
    command += ["TRAIN.EVAL_PERIOD", "1000", "THERMAL.BASELINES", "False", "TENSORBOARD.ENABLE", "False"]
    for split, session in (("TRAIN", train), ("TEST", test)):
        command += [f"THERMAL.{split}_ANNOTATIONS", EVERY_KEYFRAME, f"THERMAL.{split}_RECORDINGS", f"['{session}_*']"]
    subprocess.run(command + overrides, cwd=HERE.parents[1], check=True, stdout=subprocess.DEVNULL)
    metrics = json.loads((folder / "test_metrics.json").read_text())
    return {key: metrics[key] for key in ("mAP", "per_class_ap", "num_boxes")}


def train_all(data: Path, output: Path, seeds: int) -> None:
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in range(seeds):
        for name, overrides in VARIANTS.items():
            for train, test, shift in SESSIONS:
                of = found.setdefault(name, {}).setdefault(f"{train} to {test}", {})
                if str(seed) in of:
                    continue
                folder = output / f"{name.replace(' ', '_')}_{train}_{seed}"
                of[str(seed)] = run(data, folder, seed, train, test, ["THERMAL.BOX_SHIFT", shift, *overrides.split()])
                written = RESULTS.with_suffix(".part")
                written.write_text(json.dumps(found, indent=1) + "\n")
                os.replace(written, RESULTS)


def cell(runs: dict, whole: dict, score) -> str:
    """Mean and standard deviation of the differences from the runs with nothing left out, or of these themselves."""
    values = [score(each) - (0 if runs is whole else score(whole[seed])) for seed, each in runs.items()]
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{fmean(values):.3f}{spread}" if runs is whole else f"{fmean(values):+.3f}{spread}"


def print_table() -> None:
    found = json.loads(RESULTS.read_text())
    whole = found["nothing left out"]
    rows = []
    for name, directions in found.items():
        scores = [lambda each: each["mAP"], t5]
        cells = [cell(of, whole[direction], score) for direction, of in directions.items() for score in scores]
        rows.append([name, min(map(len, directions.values())), *cells])
    columns = [f"{direction}, {score}" for direction in whole for score in ("mAP", "t5")]
    print(tabulate(rows, ["left out", "seeds", *columns], tablefmt="github", disable_numparse=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder of the recordings")
    parser.add_argument("output", type=Path, nargs="?", help="folder for the runs")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (default: 3)")
    arguments = parser.parse_args()
    if arguments.data:
        train_all(arguments.data.resolve(), arguments.output.resolve(), arguments.seeds)
    print_table()


if __name__ == "__main__":
    main()
