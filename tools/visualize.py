#!/usr/bin/env python3
"""Draws annotated and predicted people on thermal frames.

tools/visualize.py --cfg FILE --recording NAME --output NAME.mp4 [KEY VALUE ...]
tools/visualize.py --cfg FILE --predictions OUTPUT_DIR/predictions.csv --mistakes 9 --output mistakes.png [KEY VALUE ...]
tools/visualize.py --cfg FILE --damaged NAME --output damaged.png [KEY VALUE ...]

A PNG shows keyframes; a GIF or an MP4 shows the frames around them, or all frames of a recording, at the speed at which they
were recorded. Boxes are shown on the frames up to a quarter of a second from their keyframe. Damaged frames are shown as they are
stored and as they are read.

Examples: the annotated people of a recording:

    tools/visualize.py --cfg configs/Thermal/SIMULATED.yaml --recording HALL_R1 --output hall.mp4 DATA.PATH_TO_DATA_DIR my_data

and the most confident mistakes of a test:

    tools/visualize.py --cfg configs/Thermal/TREES.yaml --predictions output/TREES/predictions.csv --mistakes 9 \\
        --output mistakes.png DATA.PATH_TO_DATA_DIR my_data
"""

import argparse
from pathlib import Path

from tqdm import tqdm

import slowfast_thermal  # noqa: F401, registers the data set, the model and the configuration keys
from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.engine.launch import check_run, launch_run
from slowfast_thermal.errors import exit_codes
from slowfast_thermal.evaluation import scenes
from slowfast_thermal.evaluation.damaged import damaged_pictures
from slowfast_thermal.evaluation.results import read_predictions
from slowfast_thermal.evaluation.video import check_output, write_pictures
from slowfast_thermal.preparation.settings import DataSettings


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cfg", required=True, metavar="FILE", help="configuration")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--predictions", type=Path, metavar="FILE", help="predictions.csv of a test")
    source.add_argument(
        "--checkpoint", metavar="FILE", help="test this checkpoint, as run_net.py does, into OUTPUT_DIR"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--keyframe", metavar="ID", help="image id of a test keyframe")
    what.add_argument("--mistakes", type=int, metavar="N", help="the N keyframes with the most confident mistakes")
    what.add_argument("--recording", metavar="NAME", help="a whole recording with test keyframes")
    what.add_argument(
        "--damaged", metavar="NAME", help="frames of a recording that lost packets, are torn, frozen or flash"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="file to write, .png, .gif or .mp4")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    return parser.parse_intermixed_args()


def visualize(args: argparse.Namespace) -> None:
    tested = ["TRAIN.ENABLE", "False", "TEST.ENABLE", "True", "TEST.CHECKPOINT_FILE_PATH", args.checkpoint]
    cfg = load_config(args.cfg, args.overrides, tested if args.checkpoint else [])
    check_output(args.output)
    if args.damaged:
        folder = Path(cfg.DATA.PATH_TO_DATA_DIR) / cfg.THERMAL.FRAMES_DIR
        recording = DataSettings.from_config(cfg).open(folder / f"{args.damaged}.h5")
        pictures, durations = damaged_pictures(recording, args.output)
        write_pictures(args.output, tqdm(pictures, "pictures", len(durations), disable=None), durations)
        print(f"Wrote {args.output}")
        return
    dataset = Thermal(cfg, "test")
    if args.checkpoint:
        check_run(cfg)
        launch_run(cfg, "tcp://localhost:9999")
        args.predictions = Path(cfg.OUTPUT_DIR) / "predictions.csv"
    detections = read_predictions(args.predictions, dataset) if args.predictions else ({}, {}, {})

    num_frames = cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE
    if args.keyframe:
        chosen = scenes.keyframe_scenes(dataset, args.keyframe, detections, num_frames)
    elif args.mistakes is not None:
        chosen = scenes.mistake_scenes(dataset, args.mistakes, detections, num_frames)
    else:
        chosen = scenes.recording_scenes(dataset, args.recording, detections)
    scenes.write_scenes(
        dataset, chosen, args.output, lambda pictures, number: tqdm(pictures, "pictures", number, disable=None)
    )
    print(f"Wrote {args.output}")


def main() -> None:
    with exit_codes():
        args = parse_args()
        visualize(args)


if __name__ == "__main__":
    main()
