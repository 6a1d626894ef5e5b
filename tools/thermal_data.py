#!/usr/bin/env python3
"""Makes data sets of thermal recordings.

    tools/thermal_data.py synthesize FOLDER
"""

import argparse
import sys

from tqdm import tqdm

from slowfast_thermal.datasets.synthetic import synthesize
from slowfast_thermal.errors import InputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("synthesize", help="write synthetic recordings with annotations")
    command.add_argument("output_dir", metavar="FOLDER", help="new or empty folder")
    command.add_argument("--recordings", type=int, default=8, help="number of recordings (default 8)")
    command.add_argument("--keyframes", type=int, default=400, help="annotated frames in all (default 400)")
    command.add_argument("--height", type=int, default=40, help="pixels (default 40)")
    command.add_argument("--width", type=int, default=60, help="pixels (default 60)")
    command.add_argument("--val-fraction", type=float, default=0.25, help="part of the recordings for validation (default 0.25)")
    command.add_argument("--seed", type=int, default=0, help="of all random choices (default 0)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        summary = synthesize(
            args.output_dir,
            num_recordings=args.recordings,
            num_keyframes=args.keyframes,
            height=args.height,
            width=args.width,
            val_fraction=args.val_fraction,
            seed=args.seed,
            progress=lambda numbers: tqdm(numbers, desc="recordings", disable=None),
        )
    except InputError as error:
        sys.exit(f"Error: {error}")
    for split, boxes in summary.num_boxes.items():
        counts = ", ".join(f"{count} {name}" for name, count in boxes.items())
        print(f"{split}: {summary.num_keyframes[split]} keyframes; boxes: {counts}")
    print(f"Wrote {args.output_dir} ({summary.num_frames} frames)")


if __name__ == "__main__":
    main()
