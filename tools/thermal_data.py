#!/usr/bin/env python3
"""Makes, checks and splits data sets of thermal recordings.

tools/thermal_data.py validate FOLDER [--cfg FILE] [KEY VALUE ...]    exit status 2 if there are problems, 0 if none
tools/thermal_data.py stats FOLDER [--cfg FILE] [KEY VALUE ...]
tools/thermal_data.py split FOLDER ANNOTATIONS_FOLDER
tools/thermal_data.py split FOLDER FOLDS_FOLDER --by block --folds 5 --guard 16
tools/thermal_data.py doubts FOLDER DOUBTS_FOLDER --folds FOLDS_FOLDER [--cfg FILE] [KEY VALUE ...]
tools/thermal_data.py import-recordings FORMAT INPUT FRAMES_FOLDER [--unit UNIT] [--rate FRAMES_A_SECOND]
tools/thermal_data.py convert RAW_FOLDER FRAMES_FOLDER ANNOTATIONS_FOLDER
tools/thermal_data.py import-annotations cvat TASK.xml FRAMES_FOLDER ANNOTATIONS_FOLDER
tools/thermal_data.py export-annotations cvat FOLDER OUTPUT [--predictions tracks.jsonl]
tools/thermal_data.py suggest FOLDER --predictions tracks.jsonl [--number N]
tools/thermal_data.py synthesize FOLDER [--rooms N] [--continuous HOURS]
tools/thermal_data.py likeness FOLDER OTHER_FOLDER
tools/thermal_data.py truth FOLDER TRUTH.json

Examples: rooms that do not exist, what is wrong with them, what they hold, and folds that share no room.

    tools/thermal_data.py synthesize my_rooms --rooms 8 --keyframes 400
    tools/thermal_data.py validate my_rooms
    tools/thermal_data.py stats my_rooms
    tools/thermal_data.py split my_rooms folds --by session --folds 2
"""

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from fvcore.common.config import CfgNode
from tabulate import tabulate
from tqdm import tqdm

from slowfast_thermal.config import load_config
from slowfast_thermal.errors import BAD_INPUT, InputError, exit_codes
from slowfast_thermal.files import replacing
from slowfast_thermal.preparation.annotations.exporting import EXPORTS, export_annotations
from slowfast_thermal.preparation.annotations.importing import FORMATS, import_annotations
from slowfast_thermal.preparation.annotations.raw import convert_raw
from slowfast_thermal.preparation.checks import Report, validate
from slowfast_thermal.preparation.continuous import simulate_hours
from slowfast_thermal.preparation.conversion import Summary as ConversionSummary
from slowfast_thermal.preparation.conversion import read_class_list
from slowfast_thermal.preparation.folds import FOLD_SPLITS, read_folds, split_folds
from slowfast_thermal.preparation.likeness import likeness
from slowfast_thermal.preparation.recordings.foreign import Block, Hints
from slowfast_thermal.preparation.recordings.importing import FORMATS as RECORDING_FORMATS
from slowfast_thermal.preparation.recordings.importing import Imported, Readings, Timing, import_recordings
from slowfast_thermal.preparation.recordings.times import TIME_UNITS
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.preparation.splits import SESSION_PATTERN, SPLITS, split_again
from slowfast_thermal.preparation.statistics import Range, RecordingStatistics, Statistics, collect_statistics
from slowfast_thermal.preparation.suggestions import GAP, read_moments, suggest
from slowfast_thermal.preparation.synthetic import synthesize
from slowfast_thermal.preparation.truth import truth_of_keyframes
from slowfast_thermal.simulation.parameters import PRIORS
from slowfast_thermal.user_input import whole_number

TRAIN_FILE, VAL_FILE = "annotations/train.json", "annotations/val.json"
# Findings of a kind that validate prints at most.
MAX_OF_KIND = 20


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("synthesize", help="write synthetic recordings with annotations")
    command.add_argument("output_dir", metavar="FOLDER", help="new or empty folder")
    command.add_argument("--recordings", type=int, help="number of recordings of scripted figures (default 8)")
    command.add_argument(
        "--rooms",
        type=int,
        help="write so many simulated rooms with people in three dimensions, a recording each, in place of --recordings "
        "of scripted figures",
    )
    command.add_argument(
        "--continuous",
        type=float,
        metavar="HOURS",
        help="write so many hours of each room, empty for long and with a few falls, and truth.json for evaluate_events.py",
    )
    command.add_argument("--prior", choices=PRIORS, help="where the sensors of the rooms hang (default ceiling)")
    command.add_argument(
        "--keyframes", type=int, help="annotated frames in all (default 400; a minute when continuous)"
    )
    command.add_argument("--height", type=int, default=40, help="pixels (default 40)")
    command.add_argument("--width", type=int, default=60, help="pixels (default 60)")
    command.add_argument(
        "--val-fraction", type=float, default=0.25, help="part of the recordings for validation (default 0.25)"
    )
    command.add_argument("--seed", type=whole_number, default=0, help="of all random choices (default 0)")

    command = commands.add_parser("convert", help="write train.json and val.json from raw annotations and recordings")
    command.add_argument("raw_dir", metavar="RAW_FOLDER", help="folder of raw annotations *.jsonl, a record a keyframe")
    command.add_argument("frames_dir", metavar="FRAMES_FOLDER", help="folder of recordings NAME.h5")
    add_conversion_arguments(command)

    command = commands.add_parser(
        "import-annotations", help="write train.json and val.json from another tool's annotations"
    )
    command.add_argument(
        "format", choices=FORMATS, help="; ".join(f"{name}: {of.title}" for name, of in FORMATS.items())
    )
    command.add_argument("source", metavar="INPUT", help="file or folder of the annotations")
    command.add_argument("frames_dir", metavar="FRAMES_FOLDER", help="folder of recordings NAME.h5")
    command.add_argument(
        "--action",
        default="",
        metavar="NAME",
        help="where a person's action stands: 'label', or the name of an attribute (default: guessed and told)",
    )
    command.add_argument(
        "--names",
        default="",
        metavar="PATTERN",
        help="regular expression for pictures' names, such as '(?P<recording>.+)-(?P<frame>\\d+)' or with (?P<time>\\d+), ms "
        "(default: a recording's name and a number)",
    )
    command.add_argument(
        "--first-frame",
        type=int,
        choices=(0, 1),
        help="number of a recording's first frame (default: guessed and told)",
    )
    add_conversion_arguments(command)

    command = commands.add_parser(
        "export-annotations", help="write annotated and predicted people for a labelling tool"
    )
    command.add_argument("format", choices=EXPORTS, help="; ".join(f"{name}: {what}" for name, what in EXPORTS.items()))
    add_data_arguments(command)
    command.add_argument("output_dir", metavar="OUTPUT", help="new or empty folder")
    command.add_argument(
        "--predictions",
        metavar="FILE",
        help="tracks.jsonl of tools/predict.py, whose people are suggested where nobody annotated",
    )
    command.add_argument("--moments", type=Path, metavar="FILE", help="list of suggest: only these predicted moments")
    add_config_argument(command)

    command = commands.add_parser("suggest", help="tell which moments of predicted recordings to label next")
    add_data_arguments(command, json_too=False)
    command.add_argument("--predictions", required=True, metavar="FILE", help="tracks.jsonl of tools/predict.py")
    command.add_argument("--number", type=int, default=20, help="of moments (default 20)")
    command.add_argument(
        "--gap",
        type=float,
        default=GAP,
        metavar="SECONDS",
        help=f"between moments, and to labelled keyframes (default {GAP:g})",
    )
    command.add_argument("--output", type=Path, metavar="FILE", help="for the list (default: standard output)")
    add_config_argument(command)

    command = commands.add_parser("import-recordings", help="write recordings from files of other formats")
    command.add_argument("format", metavar="FORMAT", choices=RECORDING_FORMATS, help=", ".join(RECORDING_FORMATS))
    command.add_argument("input", metavar="INPUT", type=Path, help="file, or folder of files or pictures")
    command.add_argument("output_dir", metavar="FRAMES_FOLDER", type=Path, help="folder for the recordings NAME.h5")
    command.add_argument(
        "--unit", default="", help="of the stored numbers: celsius, kelvin, centikelvin, ... (default guessed)"
    )
    command.add_argument("--scale", type=float, metavar="DEGREES", help="Celsius = stored * scale + offset (default 1)")
    command.add_argument("--offset", type=float, metavar="DEGREES", help="see --scale (default 0)")
    command.add_argument(
        "--dead",
        type=float,
        action="append",
        default=[],
        metavar="NUMBER",
        help="stored number that is no reading; repeatable",
    )
    command.add_argument("--rate", type=float, metavar="FRAMES_A_SECOND", help="in place of the file's times")
    command.add_argument("--times", type=Path, metavar="FILE", help="with a time a line, in place of the file's")
    command.add_argument("--time-unit", choices=TIME_UNITS, default="", help="of times (default guessed)")
    command.add_argument(
        "--shape", type=height_and_width, metavar="HEIGHTxWIDTH", help="of frames, where a file does not say it"
    )
    command.add_argument("--type", default="", help="of raw numbers, as NumPy calls it: uint16, >u2, float32, ...")
    command.add_argument("--frames-key", default="", metavar="NAME", help="of the array of frames (hdf5, npz)")
    command.add_argument("--times-key", default="", metavar="NAME", help="of the array of times (hdf5, npz)")

    command = commands.add_parser("validate", help="list everything that is wrong with a data set")
    add_data_arguments(command)
    add_config_argument(command)

    command = commands.add_parser("likeness", help="tell what differs between the keyframes of two data sets")
    command.add_argument("data_dir", metavar="FOLDER", help="folder with frames/ and annotations/")
    command.add_argument("other_dir", metavar="OTHER_FOLDER", help="another one, for example of simulated rooms")
    add_config_argument(command)

    command = commands.add_parser("stats", help="print what a data set holds")
    add_data_arguments(command)
    add_config_argument(command)

    command = commands.add_parser("split", help="write a data set's train.json and val.json with another split")
    add_data_arguments(command)
    command.set_defaults(val=None)
    command.add_argument("output_dir", metavar="ANNOTATIONS_FOLDER", help="new or empty folder")
    command.add_argument(
        "--by", choices=FOLD_SPLITS, default="session", help="what train and val do not share (default session)"
    )
    add_split_arguments(command)
    command.add_argument("--folds", type=int, help="write that many folds, so that every keyframe is in val once")
    command.add_argument(
        "--guard", type=float, default=0.0, help="leave out training keyframes nearer to val than this, seconds"
    )

    command = commands.add_parser("truth", help="write what annotated keyframes tell of when people did what")
    add_data_arguments(command, json_too=False)
    command.set_defaults(val=None)
    command.add_argument("output", type=Path, metavar="TRUTH.json", help="file to write, for evaluate_events.py")
    command.add_argument(
        "--gap",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="keyframes further apart say nothing of the time between them (default 5)",
    )

    command = commands.add_parser("doubts", help="list people whose label may be wrong, with pictures")
    command.add_argument("data_dir", metavar="FOLDER", help="folder of the data set, with the recordings in frames/")
    command.add_argument("output_dir", metavar="DOUBTS_FOLDER", type=Path, help="where list and pictures go")
    command.add_argument("--folds", type=Path, required=True, metavar="FOLDER", help="of split --folds")
    command.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="predictions.csv of held-out people, such as a cross-validation's (default those of trees, fitted now)",
    )
    command.add_argument("--pictures", type=whole_number, default=40, metavar="N", help="at most (default 40)")
    add_config_argument(command)
    args, args.overrides = parser.parse_known_args()
    if args.overrides and ("cfg" not in args or any(word.startswith("--") for word in args.overrides)):
        parser.error(f"unrecognized arguments: {' '.join(args.overrides)}")
    return args


def height_and_width(text: str) -> tuple[int, int]:
    height, width = map(int, text.lower().split("x"))
    if min(height, width) < 1:
        raise ValueError
    return height, width


def add_data_arguments(command: argparse.ArgumentParser, json_too: bool = True) -> None:
    command.add_argument("data_dir", metavar="FOLDER", help="folder of the data set, with the recordings in frames/")
    for split, default in (("train", TRAIN_FILE), ("val", VAL_FILE)):
        command.add_argument(
            f"--{split}",
            metavar="FILE",
            nargs="+",
            default=[default],
            help=f"annotation files, seen from the folder (default {default})",
        )
    if json_too:
        command.add_argument("--json", action="store_true", help="print JSON")


def add_config_argument(command: argparse.ArgumentParser) -> None:
    """What says how training would read the data; KEY VALUE pairs after it override keys."""
    command.add_argument(
        "--cfg",
        metavar="FILE",
        default="Thermal/Base.yaml",
        help="configuration of the training; KEY VALUE pairs override its keys, such as THERMAL.UNIT kelvin",
    )
    command.set_defaults(train=None, val=None)


def data_config(args: argparse.Namespace) -> CfgNode:
    """The configuration that --cfg and the KEY VALUE pairs give, for the data set of the command."""
    return load_config(args.cfg, args.overrides, ["DATA.PATH_TO_DATA_DIR", args.data_dir, "NUM_GPUS", "0"])


def data_settings(args: argparse.Namespace) -> tuple[list[str], list[str], DataSettings]:
    """Annotation files for training and for validation, and how the recordings are read."""
    cfg = data_config(args)
    files = args.train or cfg.THERMAL.TRAIN_ANNOTATIONS, args.val or cfg.THERMAL.TEST_ANNOTATIONS
    return *files, DataSettings.from_config(cfg)


def add_session_pattern(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--session-pattern",
        metavar="REGEX",
        default=SESSION_PATTERN,
        help=f"matches a recording's whole name; its first group is the session (default '{SESSION_PATTERN}')",
    )


def add_conversion_arguments(command: argparse.ArgumentParser) -> None:
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
    add_split_arguments(command)
    command.add_argument(
        "--split-as", metavar="FOLDER", help="keep the split of the train.json and val.json in this folder instead"
    )


def add_split_arguments(command: argparse.ArgumentParser) -> None:
    add_session_pattern(command)
    command.add_argument(
        "--val-fraction", type=float, default=0.2, help="of keyframes, recordings or sessions (default 0.2)"
    )
    command.add_argument("--seed", type=whole_number, default=0, help="of the split (default 0)")


def run_synthesize(args: argparse.Namespace) -> None:
    given = {
        "num_recordings": args.recordings,
        "num_rooms": args.rooms,
        "num_keyframes": args.keyframes,
        "prior": args.prior,
    }
    given = {name: value for name, value in given.items() if value is not None}
    is_scripted = args.rooms is None and args.continuous is None
    if is_scripted and args.prior:
        raise InputError("--prior is of simulated rooms: give their number by --rooms, or leave it out.")
    if not is_scripted and args.recordings is not None:
        raise InputError("--recordings counts those of scripted figures: leave it out, or --rooms and --continuous.")
    if args.continuous is not None and args.keyframes is not None:
        raise InputError("--continuous annotates a keyframe a minute: leave out --keyframes.")
    if is_scripted:
        make = synthesize
    elif args.continuous is None:
        make = simulate_rooms
    else:
        make = partial(simulate_hours, hours=args.continuous)
    summary = make(
        args.output_dir,
        **given,
        height=args.height,
        width=args.width,
        val_fraction=args.val_fraction,
        seed=args.seed,
        progress=lambda recordings, number: tqdm(recordings, desc="recordings", total=number, disable=None),
    )
    for split, boxes in summary.num_boxes.items():
        print(f"{split}: {summary.num_keyframes[split]} keyframes; boxes: {listed(boxes)}")
    print(f"Wrote {args.output_dir} ({summary.num_frames} frames)")


def conversion_settings(args: argparse.Namespace) -> dict[str, object]:
    return {
        "classes": read_class_list(args.classes) if args.classes else None,
        "tolerance": args.tolerance,
        "split": args.split,
        "session_pattern": args.session_pattern,
        "val_fraction": args.val_fraction,
        "seed": args.seed,
        "split_as": args.split_as,
    }


def run_convert(args: argparse.Namespace) -> None:
    settings = conversion_settings(args)
    files = lambda paths: tqdm(paths, desc="raw files", disable=None)  # noqa: E731
    print_conversion(convert_raw(args.raw_dir, args.frames_dir, args.output_dir, progress=files, **settings), args)


def run_import_annotations(args: argparse.Namespace) -> None:
    places = args.format, args.source, args.frames_dir, args.output_dir
    reading = {"action": args.action, "names": args.names, "first_frame": args.first_frame}
    print_conversion(import_annotations(*places, **reading, **conversion_settings(args)), args)


def run_export_annotations(args: argparse.Namespace) -> None:
    train, val, settings = data_settings(args)
    count = export_annotations(
        args.format,
        args.data_dir,
        args.output_dir,
        annotations=[*train, *val],
        predictions=args.predictions,
        moments=read_moments(args.moments) if args.moments else None,
        settings=settings,
        progress=lambda steps, number: tqdm(steps, "recordings", number, disable=None),
    )
    print("; ".join(f"{number} {what}" for what, number in count.items()))
    print(f"Wrote {args.output_dir}")


def run_suggest(args: argparse.Namespace) -> None:
    train, val, _ = data_settings(args)
    found = suggest(args.data_dir, args.predictions, args.number, [*train, *val], args.gap)
    lines = [json.dumps(dataclasses.asdict(suggestion), ensure_ascii=False) + "\n" for suggestion in found]
    if args.output is None:
        sys.stdout.writelines(lines)
    else:
        with replacing(args.output) as temporary:
            Path(temporary).write_text("".join(lines), encoding="utf-8")
        print(f"Wrote {args.output}: {len(found)} moments")


def print_conversion(summary: ConversionSummary, args: argparse.Namespace) -> None:
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


def run_import_recordings(args: argparse.Namespace) -> None:
    written = import_recordings(
        args.format,
        args.input,
        args.output_dir,
        hints=Hints(args.shape, args.type, args.frames_key, args.times_key),
        readings=Readings(args.unit, args.scale, args.offset, tuple(args.dead)),
        timing=Timing(args.rate, args.times, args.time_unit),
        watch=frames_progress,
    )
    for recording in written:
        print_imported(recording)


def frames_progress(name: str, blocks: Iterable[Block], num_frames: int | None) -> Iterator[Block]:
    with tqdm(desc=name, total=num_frames, unit=" frames", disable=None) as bar:
        for block in blocks:
            yield block
            bar.update(len(block[0]))


def print_imported(recording: Imported) -> None:
    low, high = recording.span
    size = f"{recording.num_frames} frames of {recording.height}x{recording.width}"
    print(f"{recording.path}: {size}, {recording.duration:.1f} s, {low:.1f} to {high:.1f} degrees Celsius")
    for note in recording.notes:
        print(f"  {note}")
    if recording.num_missing:
        print(f"  {recording.num_missing} readings are missing")
    for reason, count in recording.left_out.items():
        print(f"  left out: {count} {reason}")


def run_validate(args: argparse.Namespace) -> int:
    train, val, settings = data_settings(args)
    if not (args.train or args.val or any(Path(args.data_dir, name).exists() for name in (*train, *val))):
        train = val = ()
    report = validate(
        args.data_dir,
        train,
        val,
        settings=settings,
        progress=recordings_progress,
    )
    (print_json if args.json else print_report)(report)
    return BAD_INPUT if report.of("problem") else 0


def print_report(report: Report) -> None:
    keyframes = " and ".join(f"{count} {split}" for split, count in report.num_keyframes.items())
    print(f"{keyframes} keyframes, {report.num_recordings} recordings")
    for severity in ("problem", "warning", "note"):
        findings = report.of(severity)
        print(f"\n{len(findings)} {severity}{'s' * (len(findings) != 1)}")
        for kind in dict.fromkeys(finding.kind for finding in findings):
            messages = [finding.message for finding in findings if finding.kind == kind]
            num_of_kind = len(messages)
            if len(messages) > MAX_OF_KIND:
                messages[MAX_OF_KIND:] = [f"and {len(messages) - MAX_OF_KIND} more, which --json lists"]
            print(f"  {kind} ({num_of_kind})", *messages, sep="\n    ")


def run_stats(args: argparse.Namespace) -> None:
    train, val, settings = data_settings(args)
    statistics = collect_statistics(args.data_dir, train, val, settings=settings, progress=recordings_progress)
    (print_json if args.json else print_statistics)(statistics)


def print_statistics(statistics: Statistics) -> None:
    print_table([recording_row(recording) for recording in statistics.recordings])
    print(
        "\nShortest < median < longest interval; irregular: less than half or more than twice the median, gaps: more than ten"
        "\ntimes. Lowest < mean < highest reading; lost packets: share of the readings that were lost in them, in so many"
        "\nframes, which are repaired as they are read; missing: share of the readings that are missing elsewhere, which earlier"
        "\nones fill; never read: pixels without a reading in the whole recording.\n"
    )
    print_table(
        [
            {
                "class": entry.name,
                **entry.num_boxes,
                "width, pixels": entry.width and spanned(entry.width, 1),
                "height, pixels": entry.height and spanned(entry.height, 1),
            }
            for entry in statistics.classes
        ]
    )
    print("\nBoxes of each class, and their smallest < median < largest size.\n")
    for split, num_keyframes in statistics.num_keyframes.items():
        print(f"{split}: {num_keyframes} keyframes with {statistics.num_people[split]} people")
    shift = statistics.box_shift
    if shift.num_people:
        print(
            f"From the training boxes to the warm people whom they overlap: {shift.x_pixels:+.2f} pixels to the right,"
            f" {shift.y_pixels:+.2f} down (median of {shift.num_people})."
            f' THERMAL.BOX_SHIFT "[{shift.x:.4f}, {shift.y:.4f}]" moves them there.'
        )


def recording_row(recording: RecordingStatistics) -> dict[str, object]:
    times, readings = recording.times, recording.readings
    return {
        "recording": recording.name,
        "frames": recording.num_frames,
        "pixels": f"{recording.height}x{recording.width}",
        "seconds": times and f"{times.duration:.1f}",
        "frames/s": times and f"{times.rate:.2f}",
        "interval, ms": times and spanned(times.interval, 0),
        "irregular": times and f"{times.irregular:.0%}",
        "gaps": times and times.num_gaps,
        "Celsius": readings.celsius and spanned(readings.celsius, 1),
        "lost packets": f"{readings.share_lost:.1%} in {readings.num_frames_lost}",
        "missing": f"{readings.share_missing:.1%} in {readings.num_frames_missing}",
        "never read": readings.num_never_read,
    }


def print_table(rows: list[dict[str, object]]) -> None:
    aligned = ("left", *["right"] * (len(rows[0]) - 1)) if rows else None
    print(tabulate(rows, headers="keys", disable_numparse=True, colalign=aligned))


def spanned(values: Range, digits: int) -> str:
    return " < ".join(f"{value:.{digits}f}" for value in (values.low, values.middle, values.high))


def run_split(args: argparse.Namespace) -> None:
    if args.folds is not None:
        run_split_folds(args)
        return
    if args.by == "block" or args.guard:
        raise InputError("--by block and --guard are for folds: give their number with --folds.")
    summary = split_again(
        annotation_files(args),
        args.output_dir,
        split=args.by,
        session_pattern=args.session_pattern,
        val_fraction=args.val_fraction,
        seed=args.seed,
    )
    if args.json:
        print_json(summary)
    else:
        for split, boxes in summary.num_boxes.items():
            print(f"{split}: {summary.num_keyframes[split]} keyframes of {', '.join(summary.recordings[split])}")
            print(f"  boxes: {listed(boxes)}")
        print(f"Wrote {args.output_dir}")


def annotation_files(args: argparse.Namespace) -> list[Path]:
    """Those to split; val.json may be missing where --val does not name it."""
    train, val = ([Path(args.data_dir) / name for name in names] for names in (args.train, args.val or [VAL_FILE]))
    return [*train, *(path for path in val if args.val or path.exists())]


def run_split_folds(args: argparse.Namespace) -> None:
    folds = split_folds(
        annotation_files(args),
        args.output_dir,
        split=args.by,
        num_folds=args.folds,
        guard=args.guard,
        session_pattern=args.session_pattern,
        seed=args.seed,
    )
    if args.json:
        print(json.dumps([dataclasses.asdict(fold) for fold in folds], indent=2))
        return
    print_table(
        [
            {
                "fold": fold.name,
                **{f"{part} keyframes": count for part, count in fold.num_keyframes.items()},
                "left out": fold.num_guarded,
                **{f"{part} boxes": sum(boxes.values()) for part, boxes in fold.num_boxes.items()},
            }
            for fold in folds
        ]
    )
    for fold in folds:
        if fold.absent_classes:
            print(f"{fold.name} has no training box of {', '.join(fold.absent_classes)}")
    print(f"Wrote {args.output_dir}")


def run_truth(args: argparse.Namespace) -> None:
    truth = truth_of_keyframes(annotation_files(args), args.gap)
    truth.write(args.output)
    counts = Counter(interval.label for interval in truth.intervals)
    hours = sum(span.end - span.start for span in truth.recordings) / 3_600_000
    print(f"{hours:.2f} hours in {len(truth.recordings)} stretches; intervals: {listed(dict(counts.most_common()))}")
    print(f"Wrote {args.output}")


def run_likeness(args: argparse.Namespace) -> None:
    found = likeness(Path(args.data_dir), Path(args.other_dir), DataSettings.from_config(data_config(args)))
    rows = [
        {"number": name, "AUC alone": f"{auc:.2f}", "median": f"{first:.2f}", "median of the other": f"{second:.2f}"}
        for name, auc, first, second in found.features
    ]
    print_table(rows)
    print(
        f"\n{found.counts[0]} and {found.counts[1]} keyframes; a forest on all numbers tells them apart with AUC {found.auc:.3f}"
        "\n(AUC 0.5: by chance, 1: always). Temperatures are in degrees Celsius less the frame's median, box sizes in parts of"
        "\nthe image's height."
    )


def run_doubts(args: argparse.Namespace) -> None:
    from slowfast_thermal.evaluation.doubts import list_doubts  # takes seconds, and no other command needs it

    doubts = list_doubts(data_config(args), read_folds(args.folds), args.output_dir, args.predictions, args.pictures)
    for doubt in doubts[: args.pictures]:
        print(f"{doubt.strength:.2f}  {doubt.keyframe.image_id}: {doubt.reason}")
    num_shown = min(args.pictures, len(doubts))
    print(f"Wrote {args.output_dir / 'doubts.csv'} ({len(doubts)} doubts) and pictures of the first {num_shown}")


def recordings_progress(paths: list[Path]) -> tqdm:
    return tqdm(paths, desc="recordings", disable=None)


def print_json(result: object) -> None:
    print(json.dumps(dataclasses.asdict(result), indent=2))


def listed(counts: dict[str, int]) -> str:
    """As in "2 sitting, 3 standing; no lying"."""
    absent = [name for name, count in counts.items() if not count]
    parts = [", ".join(f"{count} {name}" for name, count in counts.items() if count)]
    if absent:
        parts.append(f"no {', '.join(absent)}")
    return "; ".join(filter(None, parts))


COMMANDS = {
    "validate": run_validate,
    "stats": run_stats,
    "split": run_split,
    "doubts": run_doubts,
    "import-recordings": run_import_recordings,
    "convert": run_convert,
    "import-annotations": run_import_annotations,
    "export-annotations": run_export_annotations,
    "suggest": run_suggest,
    "synthesize": run_synthesize,
    "likeness": run_likeness,
    "truth": run_truth,
}


def main() -> None:
    with exit_codes():
        args = parse_args()
        sys.exit(COMMANDS[args.command](args))


if __name__ == "__main__":
    main()
