#!/usr/bin/env python3
"""Measures this project, mostly beside a baseline in the same run; run it on an otherwise idle machine.

tools/benchmark.py data        clips a second from the loader, beside pictures prepared on the CPU
tools/benchmark.py step        a training step of R101 8x8 with dense interactions, beside plain PySlowFast
tools/benchmark.py inference   its inference, beside plain PySlowFast
tools/benchmark.py layers      a training step beside the sum of its convolutions, each alone at its best
tools/benchmark.py head        interactions with a clip's memory shared by its people, beside copied to each
tools/benchmark.py processes   a training step of two processes on a CPU, beside one
tools/benchmark.py simulation  simulated clips a second, beside a plain renderer and the loader of real clips
tools/benchmark.py people      people found, followed and scored on one core, beside the time of their recording
tools/benchmark.py watch       sensors that are watched on one core and on two, delay, memory after hours
tools/benchmark.py export      a clip by an exported network, beside torch: time, memory, installation
tools/benchmark.py waiting     a training step whose threads wait actively or not, alone and beside other work
tools/benchmark.py checkpoint  writing and reading a checkpoint of 400 MB, with and without checksums
tools/benchmark.py growth      how cost grows with clips, people, memory, input, keyframes and recordings
tools/benchmark.py recordings  opening, clips that are not cached, memory of decoding
tools/benchmark.py preparation validate, stats, convert, split, test and report of an hour's recording
tools/benchmark.py all         all of these
tools/benchmark.py accuracy --data DATA --fold FOLDER MAP    seconds of one core until each recipe reaches a mAP
tools/benchmark.py gpu --minutes 8 --output FOLDER    everything that CUDA does, tried and measured in one run

With --device cpu small networks show that the gpu part ends well.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

import torch
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[1]))
from slowfast_thermal.engine.interruption import watched_signals
from slowfast_thermal.errors import INTERRUPTED, InputError, exit_codes
from slowfast_thermal.files import claimed, replacing
from tools.benchmarks import (
    accuracy,
    checkpoint,
    data,
    export,
    growth,
    head,
    layers,
    people,
    preparation,
    processes,
    recordings,
    simulation,
    step,
    waiting,
    watch,
)
from tools.benchmarks.common import environment
from tools.benchmarks.gpu import run as gpu

PARTS = (
    "data", "step", "inference", "layers", "head", "processes", "waiting", "checkpoint", "growth", "recordings", "preparation",
    "simulation", "people", "watch", "export",
)  # fmt: skip


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*PARTS, "all", "accuracy", "gpu"], help="what to measure")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--data", default="", help="folder of the data set for parts data, accuracy and gpu (default: synthetic data)"
    )
    parser.add_argument(
        "--before", type=Path, metavar="CHECKOUT", help="of an earlier commit, beside which part preparation runs"
    )
    parser.add_argument(
        "--fold",
        nargs=2,
        action="append",
        metavar=("FOLDER", "MAP"),
        help="of part accuracy: annotations (train.json, val.json), and the mAP to reach on them; may be given again; runs that "
        "--output has are kept",
    )
    parser.add_argument(
        "--recipe",
        action="append",
        choices=accuracy.RECIPES,
        help="of part accuracy; may be given again (default: all)",
    )
    parser.add_argument("--seeds", type=int, default=1, help="of part accuracy (default 1)")
    parser.add_argument("--cfg", default="SLOWFAST_8x8_R101_DENSE_IA.yaml", help="configuration of part layers")
    parser.add_argument("--clips", type=int, help="of a step (default 4 on a GPU, 1 on a CPU)")
    parser.add_argument("--repeats", type=int, default=5, help="of which the median is taken (default 5)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: one a core)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=8.0,
        help="that part gpu may take, or each training of part accuracy, whose minutes are of processor time without "
        "evaluations (default 8)",
    )
    parser.add_argument("--output", type=Path, help="folder for the results as JSON, and for the plots of part growth")
    args = parser.parse_args()
    if args.part == "gpu" and not args.output:
        parser.error("part gpu writes as it goes: give --output FOLDER")
    if args.part == "accuracy" and not (args.data and args.fold and args.output):
        parser.error("part accuracy needs --data FOLDER, --fold FOLDER MAP and --output FOLDER")
    if args.seeds < 1 or not args.minutes > 0:
        parser.error("--seeds and --minutes are above 0")
    args.fold = [(Path(folder), _share(parser, target)) for folder, target in args.fold or []]
    if len({folder.resolve().name for folder, _ in args.fold}) < len(args.fold):
        parser.error("each --fold needs a folder of another name, under which its runs are kept")
    return args


def _share(parser: argparse.ArgumentParser, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        parser.error(f"the mAP of --fold is {text}: give a number from 0 to 1")
    return share


def main() -> None:
    args = parse_args()
    if args.data and args.part != "accuracy" and not (Path(args.data) / "annotations" / "train.json").is_file():
        raise InputError(f"'{args.data}' holds no annotations/train.json: give --data the folder of a data set.")
    if args.before and not (args.before / "tools" / "thermal_data.py").is_file():
        raise InputError(
            f"'{args.before}' holds no tools/thermal_data.py: give --before a checkout of this repository."
        )
    device = torch.device(args.device)
    if args.part == "gpu":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))
        with exit_codes():
            gpu.measure(args.minutes, device, args.data, args.output)
        print((args.output / f"benchmark_gpu_{device.type}.md").read_text())
        return
    if args.part == "accuracy":
        path = args.output / "benchmark_accuracy_cpu.json"
        with claimed(args.output), watched_signals():
            found = accuracy.measure(
                args.data, args.fold, args.recipe or [*accuracy.RECIPES], args.seeds, args.minutes, path
            )
        for fold, rows in found.items():
            print(f"\n{fold}\n{tabulate(rows, headers='keys', floatfmt='.3g')}")
        return
    clips = args.clips or (4 if device.type == "cuda" else 1)
    if args.threads:
        torch.set_num_threads(args.threads)
    results: dict[str, object] = {"environment": environment(device)}
    print(tabulate(results["environment"].items(), tablefmt="plain", disable_numparse=True))
    # These bind the process to one core, so they come last.
    for part in sorted(
        PARTS if args.part == "all" else [args.part], key=("data", "simulation", "people", "watch").__contains__
    ):
        if part in ("step", "inference"):
            results[part] = step.measure(part, clips, args.repeats, device)
        elif part == "layers":
            results[part] = layers.measure(args.cfg, clips, args.repeats, device)
        elif part == "growth":
            results[part] = growth.measure(args.repeats, device)
        elif part == "processes":
            results[part] = processes.measure(clips, args.repeats)
        elif part == "recordings":
            results[part] = recordings.measure(args.repeats)
        elif part == "preparation":
            results[part] = preparation.measure(args.repeats, args.before)
        elif part == "simulation":
            results[part] = simulation.measure(args.repeats)
        elif part == "people":
            results[part] = people.measure(args.repeats)
        elif part == "watch":
            results[part] = watch.measure(args.repeats)
        elif part == "export":
            results[part] = export.measure(args.repeats)
        elif part == "waiting":
            results[part] = waiting.measure(args.repeats)
        elif part == "checkpoint":
            results[part] = checkpoint.measure(args.repeats)
        elif part == "head":
            results[part] = head.measure(args.repeats, device)
        else:
            results[part] = data.measure(args.data, args.repeats, device)
        print(f"\n{part}")
        for name, value in results[part].items():
            if isinstance(value, list):
                print(f"\n{name}\n{tabulate(value, headers='keys', floatfmt='.3g')}")
            else:
                print(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        name = f"benchmark_{args.part}_{device.type}"
        with replacing(args.output / f"{name}.json") as temporary:
            Path(temporary).write_text(json.dumps(results, indent=2) + "\n")
        if "growth" in results:
            growth.plot(results["growth"], args.output / f"{name}.png")


if __name__ == "__main__":
    with exit_codes():
        main()
