#!/usr/bin/env python3
"""Makes data sets of thermal recordings.

tools/thermal_data.py synthesize FOLDER
tools/thermal_data.py convert RAW_FOLDER FRAMES_FOLDER ANNOTATIONS_FOLDER
"""

import argparse

from tqdm import tqdm

from slowfast_thermal.datasets.conversion import convert, read_class_list
from slowfast_thermal.datasets.splits import SESSION_PATTERN, SPLITS
from slowfast_thermal.datasets.synthetic import synthesize
from slowfast_thermal.errors import exit_codes


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("synthesize", help="write synthetic recordings with annotations")
    command.add_argument("output_dir", metavar="FOLDER", help="new or empty folder")
    command.add_argument("--recordings", type=int, default=8, help="number of recordings (default 8)")
    command.add_argument("--keyframes", type=int, default=400, help="annotated frames in all (default 400)")
    command.add_argument("--height", type=int, default=40, help="pixels (default 40)")
    command.add_argument("--width", type=int, default=60, help="pixels (default 60)")
    command.add_argument(
        "--val-fraction", type=float, default=0.25, help="part of the recordings for validation (default 0.25)"
    )
    command.add_argument("--seed", type=int, default=0, help="of all random choices (default 0)")

    command = commands.add_parser("convert", help="write train.json and val.json from raw annotations and recordings")
    command.add_argument("raw_dir", metavar="RAW_FOLDER", help="folder of raw annotations *.jsonl, a record a keyframe")
    command.add_argument("frames_dir", metavar="FRAMES_FOLDER", help="folder of recordings NAME.h5")
    command.add_argument("output_dir", metavar="ANNOTATIONS_FOLDER", help="new or empty folder")
    command.add_argument(
        "--classes",
        metavar="FILE",
        help="JSON list of people's classes in the order of their ids, alone or as 'classes' of an object (default: those "
        "that occur, sorted)",
    )
    command.add_argument(
        "--tolerance", type=int, default=50, help="between a keyframe and the nearest frame, ms (default 50)"
    )
    command.add_argument(
        "--split", choices=SPLITS, default="session", help="what train and val do not share (default session)"
    )
    command.add_argument(
        "--session-pattern",
        metavar="REGEX",
        default=SESSION_PATTERN,
        help=f"matches a recording's whole name; its first group is the session (default '{SESSION_PATTERN}')",
    )
    command.add_argument(
        "--val-fraction", type=float, default=0.2, help="of keyframes, recordings or sessions (default 0.2)"
    )
    command.add_argument("--seed", type=int, default=0, help="of the split (default 0)")
    command.add_argument(
        "--split-as", metavar="FOLDER", help="keep the split of the train.json and val.json in this folder instead"
    )
    return parser.parse_args()


def run_synthesize(args: argparse.Namespace) -> None:
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
    for split, boxes in summary.num_boxes.items():
        print(f"{split}: {summary.num_keyframes[split]} keyframes; boxes: {listed(boxes)}")
    print(f"Wrote {args.output_dir} ({summary.num_frames} frames)")


def run_convert(args: argparse.Namespace) -> None:
    summary = convert(
        args.raw_dir,
        args.frames_dir,
        args.output_dir,
        classes=read_class_list(args.classes) if args.classes else None,
        tolerance=args.tolerance,
        split=args.split,
        session_pattern=args.session_pattern,
        val_fraction=args.val_fraction,
        seed=args.seed,
        split_as=args.split_as,
        progress=lambda paths: tqdm(paths, desc="raw files", disable=None),
    )
    for split, boxes in summary.num_boxes.items():
        things = listed(summary.num_things[split]) or "none"
        print(
            f"{split}: {summary.num_keyframes[split]} keyframes; boxes: {listed(boxes)}; furniture and objects: {things}"
        )
    for what, skipped in (("keyframes", summary.skipped_keyframes), ("boxes", summary.skipped_boxes)):
        print(f"Skipped {sum(skipped.values())} {what}")
        for reason, count in skipped.items():
            print(f"  {count}: {reason}")
    print(f"Wrote {args.output_dir}")


def listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def main() -> None:
    args = parse_args()
    with exit_codes():
        {"synthesize": run_synthesize, "convert": run_convert}[args.command](args)


if __name__ == "__main__":
    main()
