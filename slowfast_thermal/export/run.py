#!/usr/bin/env python3
"""Watches sensors with the network of this folder: python run.py --source SOURCE [--source SOURCE ...] --output FOLDER

SOURCE is replay:FILE.h5 (a recording, at --speed), follow:FILE.h5 (one that is being written), tcp://HOST:PORT (listens for
frames), mqtt://HOST:PORT/TOPIC, or stdin. FOLDER then holds events.jsonl and status.json. What is an event stands in
settings.json under configuration, EVENTS. `pip install -r requirements.txt` installs what this needs.
"""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

try:
    from slowfast_thermal.errors import exit_codes
    from slowfast_thermal.export.session import open_people
    from slowfast_thermal.live.command import add_arguments, watch
    from slowfast_thermal.live.exported import load_scorer
    from slowfast_thermal.people.blobs import BlobFinder
    from slowfast_thermal.people.detector import DetectorFinder
except ImportError as error:
    print(
        f"Error: {error.name} is missing: copy the whole folder that was exported, and install requirements.txt by pip.",
        file=sys.stderr,
    )
    sys.exit(2)


def threads(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 256:
        raise argparse.ArgumentTypeError(f"{text} is no number of threads: give 0 to 256")
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--threads", type=threads, default=0, help="of the network (default: one a core)")
    with exit_codes():
        args = parser.parse_args()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        folder = Path(__file__).parent
        scorer, cfg = load_scorer(folder, args.threads)
        detector = open_people(folder, args.threads)
        watch(args, cfg, scorer, partial(DetectorFinder, detector) if detector else BlobFinder)


if __name__ == "__main__":
    main()
