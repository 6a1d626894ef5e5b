#!/usr/bin/env python3
"""Trains and tests on more and more of the training keyframes: would more labels help?

tools/learning_curve.py --cfg FILE [--seeds N] [--size N ...] [KEY VALUE ...]

The same command goes on where an earlier one was interrupted. OUTPUT_DIR/table.md and curve.png show the scores.

Example: trees.

    tools/learning_curve.py --cfg configs/Thermal/TREES.yaml --seeds 3 DATA.PATH_TO_DATA_DIR my_data OUTPUT_DIR output/curve
"""

import argparse
import signal
from pathlib import Path

# A signal waits until all is imported and can answer it.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT))
import slowfast_thermal  # noqa: E402, F401, registers the data set, the model and the configuration keys
from slowfast_thermal.config import load_config  # noqa: E402
from slowfast_thermal.engine.interruption import watched_signals  # noqa: E402
from slowfast_thermal.engine.learning_curve import learning_curve  # noqa: E402
from slowfast_thermal.errors import exit_codes  # noqa: E402
from slowfast_thermal.user_input import count  # noqa: E402


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cfg", required=True, metavar="FILE", help="configuration of all runs")
    parser.add_argument(
        "--size",
        type=count,
        action="append",
        dest="sizes",
        metavar="N",
        default=[],
        help="keyframes of a subset; may be given several times (default all, and half as many up to four times, where they fill a batch)",
    )
    parser.add_argument("--seeds", type=count, default=3, help="runs of each size, from RNG_SEED on (default 3)")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    return parser.parse_intermixed_args()


def main() -> None:
    with exit_codes():
        args = parse_args()
    with exit_codes(), watched_signals():
        cfg = load_config(args.cfg, args.overrides)
        learning_curve(cfg, args.sizes, args.seeds)
        print((Path(cfg.OUTPUT_DIR) / "table.md").read_text(encoding="utf-8"), end="")
        for name in ("table.md", "curve.png"):
            print(f"Wrote {Path(cfg.OUTPUT_DIR) / name}")


if __name__ == "__main__":
    main()
