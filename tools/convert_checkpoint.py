#!/usr/bin/env python3
"""Looks into checkpoints of SlowFast and brings them to PySlowFast's format.

tools/convert_checkpoint.py inspect FILE
tools/convert_checkpoint.py convert FILE OUT --to pyslowfast

Example: the last checkpoint of a run.

    tools/run_net.py --cfg configs/Thermal/SIMULATED.yaml DATA.PATH_TO_DATA_DIR my_data
    tools/convert_checkpoint.py inspect output/SIMULATED/checkpoints/checkpoint_epoch_00005.pyth
    tools/convert_checkpoint.py convert output/SIMULATED/checkpoints/checkpoint_epoch_00005.pyth weights.pyth
"""

import argparse
from pathlib import Path

from tabulate import tabulate

from slowfast_thermal.checkpoint.conversion import summarize, write_pyslowfast
from slowfast_thermal.checkpoint.sources import SOURCES, read_weights
from slowfast_thermal.errors import exit_codes
from slowfast_thermal.weights import resolve


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    inspect = commands.add_parser("inspect", help="tell what a checkpoint holds")
    convert = commands.add_parser("convert", help="write a checkpoint in PySlowFast's format")
    for command in (inspect, convert):
        command.add_argument(
            "file", metavar="FILE", help="checkpoint of any of the sources, or name of shipped weights"
        )
        command.add_argument(
            "--type", choices=("pytorch", *SOURCES), default="pytorch", help="its source (default pytorch: find out)"
        )
    convert.add_argument("out", metavar="OUT", type=Path, help="file to write")
    convert.add_argument("--to", choices=("pyslowfast",), default="pyslowfast", help="format to write")
    return parser.parse_args()


def main() -> None:
    with exit_codes():
        args = parse_args()
        weights = read_weights(Path(resolve(args.file)), args.type)
        print(tabulate(summarize(weights).items(), tablefmt="plain"))
        if args.command == "convert":
            extra = write_pyslowfast(weights, args.out)
            print(f"Wrote {args.out}")
            if extra:
                print(f"{len(extra)} tensors, such as {extra[0]}, have a place in this project's network only.")


if __name__ == "__main__":
    main()
