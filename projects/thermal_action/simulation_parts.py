#!/usr/bin/env python3
"""Trains SIMULATED without one part of the simulation at a time, and tests it on real sessions and in simulated rooms.

projects/thermal_action/simulation_parts.py DATA ROOMS OUTPUT [--seeds N]      # ROOMS of rooms.sh; goes on where it was stopped

Each training has a fifth of SIMULATED's iterations. No real label is trained on.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from tabulate import tabulate

import slowfast_thermal  # noqa: F401, registers the data sets
from slowfast_thermal.config import load_config
from slowfast_thermal.engine.launch import launch_run
from slowfast_thermal.simulation.parameters import BROAD, CEILING, PRIORS, Parameters

NONE, NOTHING = (0, 0), (0.0, 0.0)
PARTS = {
    "everything": {},
    "any camera": {"camera": vars(BROAD.camera)},
    "one camera": {
        "camera": dict(height=(2.7, 2.7), tilt=NOTHING, off_centre=NOTHING, field_of_view=(115.0, 115.0), lens=(0.3, 0.3), shift=NOTHING)
    },
    "bare rooms": {
        "room": dict(patches=NONE, furniture=NONE, things=NONE, on_walls=NONE, trace=0.0, gradient=NOTHING, stains=NOTHING)
    },
    "bodies of one kind": {
        "body": dict(
            stature=(1.7, 1.7), girth=(1.1, 1.1), warmth=(0.9, 0.9), texture=NOTHING, blanket=NOTHING,
            **dict.fromkeys(("head", "torso", "upper_arm", "forearm", "thigh", "shin", "foot"), (5.5, 5.5)),
        )
    },
    "one person alone": {"people": dict(count=(1.0, 0.0, 0.0, 0.0), meet=0.0, pet=0.0)},
    "one way to move": {
        "motion": dict(tempo=(1.0, 1.0), speed=(0.7, 0.7), spread=NOTHING, sway=NOTHING, change=(1.4, 1.4), restless=0.0)
    },
    "a sensor without faults": {
        "sensor": dict(
            noise=NOTHING, pixel_offset=NOTHING, column_offset=NOTHING, frame_offset=NOTHING, drift=NOTHING, ring=0.0,
            dead_pixels=0.0, lossy=0.0,
        )
    },
    "frames at even times": {"sensor": dict(interval=(0.16, 0.16), jitter=NOTHING, bursts=0.0)},
}  # fmt: skip
"""What takes the place of which parameters."""


def without(changes: dict[str, dict[str, object]]) -> Parameters:
    """The ceiling cameras' parameters but for some."""
    return replace(CEILING, **{part: replace(getattr(CEILING, part), **values) for part, values in changes.items()})


def tested(name: str, seed: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The scores of a network of one prior and seed, by what it is tested on; trains it first where that was not done."""
    trained, every_keyframe = args.output / name.replace(" ", "_") / f"seed_{seed}", "['annotations/train.json','annotations/val.json']"
    tests = {
        "rooms": (args.rooms, "['annotations/test.json']", "['SIM02*','SIM03*']"),
        "SL18": (args.data, every_keyframe, "['SL18_*']"),
        "SL14": (args.data, every_keyframe, "['SL14_*']"),
    }
    found = {}
    for number, (what, (data, annotations, recordings)) in enumerate(tests.items()):
        folder = trained if number == 0 else trained / what
        path = folder / "test_metrics.json"
        if not path.is_file():
            overrides = [
                *("DATA.PATH_TO_DATA_DIR", str(data), "THERMAL.TEST_ANNOTATIONS", annotations, "THERMAL.TEST_RECORDINGS", recordings),
                *("RNG_SEED", str(seed), "OUTPUT_DIR", str(folder), "SOLVER.EPOCH_ITERS", "60"),
                *("TRAIN.EVAL_PERIOD", "1000", "THERMAL.BASELINES", "False", "TENSORBOARD.ENABLE", "False", "LOG_PERIOD", "50"),
            ]
            if number:
                checkpoint = trained / "checkpoints" / "checkpoint_epoch_00005.pyth"
                overrides += ["TRAIN.ENABLE", "False", "TEST.CHECKPOINT_FILE_PATH", str(checkpoint)]
            PRIORS["ceiling"] = without(PARTS[name])
            launch_run(load_config("configs/Thermal/SIMULATED.yaml", overrides), "tcp://localhost:9999")
        found[what] = json.loads(path.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "rooms", "output"):
        parser.add_argument(name, type=lambda text: Path(text).resolve(), metavar=name.upper())
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each (default 1)")
    args = parser.parse_args()
    rows = []
    for name in PARTS:
        runs = [tested(name, seed, args) for seed in range(args.seeds)]
        scores = [("rooms", "mAP"), ("SL18", "mAP"), ("SL18", "t5"), ("SL14", "mAP"), ("SL14", "t5")]
        rows.append([name, *(fmean(run[what][measure] for run in runs) for what, measure in scores)])
    headers = ["", "19 unseen rooms, mAP", "SL18, mAP", "SL18, t5", "SL14, mAP", "SL14, t5"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3f"))


if __name__ == "__main__":
    main()
