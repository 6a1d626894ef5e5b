#!/usr/bin/env python3
"""Trains and tests on each fold of a data set and evaluates their scores together.

tools/cross_validate.py --cfg FILE --folds FOLDER [--seeds N] [KEY VALUE ...]

The same command goes on where an earlier one was interrupted. OUTPUT_DIR/table.md holds the table.

Example: trees on folds of stretches of time.

    tools/thermal_data.py split my_data folds --by block --folds 5 --guard 16
    tools/cross_validate.py --cfg configs/Thermal/TREES.yaml --folds folds --seeds 3 DATA.PATH_TO_DATA_DIR my_data \\
        OUTPUT_DIR output/blocks
"""

import argparse
import signal
from pathlib import Path

# A signal waits until all is imported and can answer it.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT))
import slowfast_thermal  # noqa: E402, F401, registers the data set, the model and the configuration keys
from slowfast_thermal.config import load_config  # noqa: E402
from slowfast_thermal.engine.cross_validation import cross_validate  # noqa: E402
from slowfast_thermal.engine.interruption import watched_signals  # noqa: E402
from slowfast_thermal.errors import exit_codes  # noqa: E402
from slowfast_thermal.preparation.folds import read_folds  # noqa: E402
from slowfast_thermal.user_input import count  # noqa: E402


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cfg", required=True, metavar="FILE", help="configuration of all runs")
    parser.add_argument(
        "--folds", required=True, type=Path, metavar="FOLDER", help="holds a folder with train.json and val.json a fold"
    )
    parser.add_argument("--seeds", type=count, default=1, help="runs of each fold, from RNG_SEED on (default 1)")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    return parser.parse_intermixed_args()


def main() -> None:
    with exit_codes():
        args = parse_args()
    with exit_codes(), watched_signals():
        folds = read_folds(args.folds)
        cfg = load_config(args.cfg, args.overrides)
        table = cross_validate(cfg, folds, args.seeds)
        print(table.to_markdown(index=False, disable_numparse=True))
        print(f"Wrote {Path(cfg.OUTPUT_DIR) / 'table.md'}")


if __name__ == "__main__":
    main()
