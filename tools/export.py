#!/usr/bin/env python3
"""Writes a trained network as a folder that runs without torch.

tools/export.py --cfg FILE --checkpoint FILE --output FOLDER [KEY VALUE ...]

What is written is compared with the network first; a float32 folder whose scores differ by more than 0.0001 is not left.

Example: the weights that come with the package. `python deployed/run.py --help` then tells how it is run.

    tools/export.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --output deployed
"""

import argparse
from pathlib import Path

import slowfast_thermal  # noqa: F401, registers the data set, the model and the configuration keys
from slowfast_thermal.engine.exporting import export_predictor
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.errors import exit_codes
from slowfast_thermal.export.precision import PRECISIONS
from slowfast_thermal.export.session import FORMATS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cfg", required=True, metavar="FILE", help="configuration with which the checkpoint was trained"
    )
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="trained network")
    parser.add_argument(
        "--detector", metavar="FILE", help="trained detector of people; without one they are found as warm blobs"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="new folder to write")
    parser.add_argument("--format", choices=tuple(FORMATS), default="onnx", help="what runs it (default onnx)")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of its numbers (default float32)")
    parser.add_argument(
        "--recordings",
        nargs="+",
        type=Path,
        default=[],
        metavar="RECORDING",
        help="HDF5 files to compare on, and for int8",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    return parser.parse_intermixed_args()


def main() -> None:
    with exit_codes():
        args = parse_args()
        overrides = ["NUM_GPUS", "0", *args.overrides]
        predictor = Predictor.from_checkpoint(args.cfg, args.checkpoint, overrides, args.detector)
        recordings = [predictor.open(path) for path in args.recordings]
        exported = export_predictor(predictor, recordings, args.output, args.format, args.precision)
        print(
            f"Wrote {exported.folder}, {exported.num_bytes / 1e6:.1f} MB; scores differ from the network's by at most "
            f"{exported.difference:.1g}."
        )


if __name__ == "__main__":
    main()
