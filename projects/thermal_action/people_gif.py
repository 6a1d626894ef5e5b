#!/usr/bin/env python3
"""Draws the moving picture of README.md: stretches of recordings beside each other, with the people that are found in them and
what the weights that come with the package say they do.

projects/thermal_action/people_gif.py RECORDING.h5:FIRST_SECOND ... --seconds 8 --output docs/people.gif
"""

import argparse
from itertools import islice
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.errors import exit_codes
from slowfast_thermal.evaluation.figures import HEAT_MAP, TRACKS
from slowfast_thermal.evaluation.followed import draw_pictures
from slowfast_thermal.evaluation.video import write_pictures


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stretches", nargs="+", metavar="RECORDING:SECOND", help="recording and where it begins")
    parser.add_argument("--seconds", type=float, default=8.0, help="length (default 8)")
    parser.add_argument("--rate", type=float, default=4.0, help="pictures a second (default 4)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.gif", help="file to write")
    return parser.parse_args()


def few_colors() -> Image.Image:
    """A palette of the heat map in 20 steps, the tracks' colours, and greys for text: few colours make a small file."""
    heat = matplotlib.colormaps[HEAT_MAP](np.linspace(0, 1, 20), bytes=True)[:, :3]
    tracks = [[round(255 * part) for part in matplotlib.colors.to_rgb(color)] for color in TRACKS]
    greys = np.repeat(np.linspace(0, 255, 5).round(), 3).reshape(-1, 3)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([heat, tracks, greys]).astype(np.uint8).tobytes())
    return palette


def draw_stretch(predictor: Predictor, stretch: str, offsets: np.ndarray) -> list[Image.Image]:
    """Pictures of a recording, at half their size, at these seconds from where the stretch begins."""
    path, _, second = stretch.rpartition(":")
    recording = predictor.open(Path(path))
    followed = predictor.follow(recording)
    (people,) = predictor.predict([recording], 0.5, [followed])
    times = recording.timestamps[0] + 1000 * (float(second) + offsets)
    places = np.searchsorted(recording.timestamps, times)
    pictures = draw_pictures(recording, followed, people, predictor.classes)
    drawn = {
        place: picture.reduce(2) for place, picture in enumerate(islice(pictures, places[-1] + 1)) if place in places
    }
    return [drawn[place] for place in places]


def main() -> None:
    args = parse_args()
    predictor = Predictor.from_checkpoint("Thermal/SIMULATED.yaml", "SIMULATED", ["NUM_GPUS", "0"])
    offsets = np.arange(0, args.seconds, 1 / args.rate)
    rooms = [draw_stretch(predictor, stretch, offsets) for stretch in args.stretches]
    height = max(room[0].height for room in rooms)
    pictures, palette = [], few_colors()
    for parts in zip(*rooms):
        whole = Image.new("RGB", (sum(part.width for part in parts), height), "white")
        for place, part in enumerate(parts):
            whole.paste(part, (sum(part.width for part in parts[:place]), 0))
        pictures.append(whole.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB"))
    write_pictures(args.output, pictures, [round(1000 / args.rate)] * len(pictures))
    print(f"Wrote {args.output}, {args.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    with exit_codes():
        main()
