#!/usr/bin/env python3
"""Finds people in recordings that nobody annotated, follows them, and tells what they do.

tools/predict.py --cfg FILE --checkpoint FILE --output FOLDER RECORDING.h5 FOLDER_OF_RECORDINGS ... [KEY VALUE ...]

FOLDER then holds predictions.csv (AVA's format), tracks.jsonl (a line a person and moment) and, for --video, NAME.mp4 of each
recording. --checkpoint SIMULATED names the weights that come with the package.

Examples: all recordings of a folder; one recording, twice a second, with a video.

    tools/predict.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --output output/mine my_data/frames
    tools/predict.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --output output/hall --every 0.5 --video \\
        my_data/frames/HALL_R1.h5
"""

import argparse
import re
from collections import Counter
from pathlib import Path

from tqdm import tqdm

import slowfast_thermal  # noqa: F401, registers the data set, the model and the configuration keys
from slowfast_thermal.engine.finding import follow_all
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.errors import InputError, exit_codes
from slowfast_thermal.evaluation.followed import write_people, write_video
from slowfast_thermal.files import claimed, remove_partial_files
from slowfast_thermal.user_input import seconds

_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)*")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cfg", required=True, metavar="FILE", help="configuration with which the checkpoint was trained"
    )
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="trained network, or a run's trees.npz")
    parser.add_argument(
        "--detector", metavar="FILE", help="trained detector of people; without one they are found as warm blobs"
    )
    parser.add_argument(
        "--every", type=seconds, default=1.0, metavar="SECONDS", help="from moment to moment (default 1)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--video", action="store_true", help="write an MP4 of each recording too")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="HDF5 file, or folder of them")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    args = parser.parse_intermixed_args()
    words = args.recordings + args.overrides
    keys = [place for place, word in enumerate(words) if _KEY.fullmatch(word) and not Path(word).exists()]
    first = keys[0] if keys else len(words)
    args.recordings, args.overrides = words[:first], words[first:]
    return args


def find_recordings(names: list[str]) -> list[Path]:
    """The HDF5 files that are named, or lie in folders that are."""
    paths = []
    for name in map(Path, names):
        found = sorted(name.glob("*.h5")) if name.is_dir() else [name]
        if not found:
            raise InputError(f"Folder '{name}' holds no recording (*.h5): give one that does, or a file.")
        paths += found
    if not paths:
        raise InputError("No recording is given: name HDF5 files or folders before the KEY VALUE pairs.")
    odd = [path for path in paths if not path.stem.isprintable()]
    if odd:
        raise InputError(
            f"{str(odd[0])!r}: a recording's name stands in the result's lines, so rename what holds a line break."
        )
    twice = [stem for stem, count in Counter(path.stem for path in paths).items() if count > 1]
    if twice:
        raise InputError(f"Two recordings are named '{twice[0]}': predict them one at a time, into different folders.")
    return paths


def progress(steps, number: int, what: str = "moments, in batches"):
    return tqdm(steps, what, number, disable=None)


def predict(args: argparse.Namespace) -> None:
    paths = find_recordings(args.recordings)
    predictor = Predictor.from_checkpoint(args.cfg, args.checkpoint, args.overrides, args.detector)
    recordings = [predictor.open(path) for path in paths]
    with claimed(args.output):
        remove_partial_files(args.output)
        followed = list(progress(follow_all(predictor.follow, recordings), len(recordings), "recordings"))
        predicted = predictor.predict(recordings, args.every, followed, progress)
        write_people([person for people in predicted for person in people], args.output)
        for recording, frames, people in zip(recordings, followed, predicted):
            tracks, moments = len({person.track for person in people}), len({person.timestamp for person in people})
            print(f"{recording.name}: {tracks} people, scored at {moments} moments")
            if args.video:
                path = args.output / f"{recording.name}.mp4"
                write_video(recording, frames, people, predictor.classes, path, lambda p, n: progress(p, n, path.name))
                print(f"Wrote {path}")
    for name in ("predictions.csv", "tracks.jsonl"):
        print(f"Wrote {args.output / name}")


if __name__ == "__main__":
    with exit_codes():
        predict(parse_args())
