#!/usr/bin/env python3
"""Watches sensors: finds and follows people as their frames come, tells what they do, and raises events.

tools/watch.py --cfg FILE --checkpoint FILE --source SOURCE [--source SOURCE ...] --output FOLDER [KEY VALUE ...]

SOURCE is replay:FILE.h5 (a recording, at --speed), follow:FILE.h5 (one that is being written), tcp://HOST:PORT (listens for
frames), mqtt://HOST:PORT/TOPIC, or stdin. FOLDER then holds events.jsonl (a line a change of an event), status.json (how every
sensor does), and, for --tracks, tracks.jsonl (a line a person and moment). EVENTS.KINDS says which events there are.

Examples: a recording, as fast as it goes:

    tools/watch.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --source replay:my_data/frames/HALL_R1.h5 \\
        --speed 0 --tracks --output output/watched

and sensors that send their frames, with a web page:

    tools/watch.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --source tcp://0.0.0.0:9000 \\
        --web localhost:8080 --clips --output output/sensors
"""

import argparse
import logging

import slowfast_thermal  # noqa: F401, registers the data set, the model and the configuration keys
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.engine.watching import scorer_of, share_cores
from slowfast_thermal.errors import exit_codes
from slowfast_thermal.live.command import add_arguments, watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cfg", required=True, metavar="FILE", help="configuration with which the checkpoint was trained"
    )
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="trained network, or a run's trees.npz")
    parser.add_argument(
        "--detector", metavar="FILE", help="trained detector of people; without one they are found as warm blobs"
    )
    add_arguments(parser)
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    with exit_codes():
        args = parser.parse_intermixed_args()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        share_cores()
        predictor = Predictor.from_checkpoint(args.cfg, args.checkpoint, args.overrides, args.detector)
        watch(args, predictor.cfg, scorer_of(predictor), predictor.finder)


if __name__ == "__main__":
    main()
