#!/usr/bin/env python3
"""Tells how well events are raised: recall, false alarms, delay, and what they are at other thresholds.

tools/evaluate_events.py EVENTS TRUTH --cfg FILE --output FOLDER [KEY VALUE ...]

EVENTS is tracks.jsonl of tools/predict.py, or of tools/watch.py --tracks, of which events are made with the configuration's EVENTS,
at its threshold and at others; or events.jsonl, which is judged as it stands. FOLDER then holds events.json and, for scores,
events.png with the curve of recall against false alarms.

Example: half an hour of two simulated rooms, predicted and judged.

    tools/thermal_data.py synthesize my_hours --rooms 2 --continuous 0.5
    tools/predict.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --output output/scores my_hours/frames
    tools/evaluate_events.py output/scores/tracks.jsonl my_hours/truth.json --cfg configs/Thermal/SIMULATED.yaml \\
        --output output/judged
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

import slowfast_thermal  # noqa: F401, registers the configuration keys
from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.records import field, read_json_lines
from slowfast_thermal.errors import InputError, exit_codes
from slowfast_thermal.evaluation.event_figures import plot_event_curves
from slowfast_thermal.evaluation.events import Event, confirmed_events, curve, judge
from slowfast_thermal.evaluation.figures import figure_picture
from slowfast_thermal.evaluation.followed import person_of
from slowfast_thermal.files import replacing
from slowfast_thermal.live.events import EventSettings, replay
from slowfast_thermal.people.predicted import PredictedPerson
from slowfast_thermal.preparation.truth import Truth

THRESHOLDS = [number / 50 for number in range(1, 50)]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path, metavar="EVENTS", help="tracks.jsonl, or events.jsonl")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="truth.json of tools/thermal_data.py")
    parser.add_argument("--cfg", required=True, metavar="FILE", help="configuration with EVENTS")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="override configuration keys")
    return parser.parse_intermixed_args()


def evaluate(args: argparse.Namespace) -> None:
    cfg = load_config(args.cfg, ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0", *args.overrides])
    truth = Truth.read(args.truth)
    people, changes = read_events(args.events)
    classes = list(people[0].scores) if people else [name for kind in cfg.EVENTS.KINDS for name in kind["CLASSES"]]
    kinds = EventSettings.from_config(cfg, classes)
    if not kinds:
        raise InputError(f"EVENTS.KINDS of {args.cfg} names no kind of event: give one with its NAME and CLASSES.")
    if people:
        changes = [change.as_json() for change in replay(people, kinds)]
    results = {}
    for kind in kinds:
        own = [event for event in confirmed_events(changes) if event.kind == kind.name]
        judgement = judge(own, truth, kind.classes)
        results[kind.name] = {
            "settings": {name: value for name, value in vars(kind).items() if name != "name"},
            **judgement.measures(),
            "missed": [interval._asdict() for interval in judgement.missed],
            "alarms": [{**event._asdict(), "while": label} for event, label in judgement.false_alarms],
        }
        if people:
            results[kind.name]["curve"] = curve(lambda t: events_at(t, people, kind), THRESHOLDS, truth, kind.classes)
    print_table(results)
    write(results, args.output, bool(people))


def read_events(path: Path) -> tuple[list[PredictedPerson], list[dict]]:
    """The people of a file of scores, or the changes of a file of events."""
    people, changes = [], []
    for where, record in read_json_lines(path):
        if isinstance(record, dict) and "scores" in record:
            people.append(person_of(record, where))
        else:
            for key in ("id", "sensor", "class"):
                field(record, key, str, where)
            for key in ("start", "decided"):
                field(record, key, int, where)
            for key in ("confirmed", "end"):
                field(record, key, (int, type(None)), where)
            field(record, "score", (int, float), where)
            changes.append(record)
    if people and changes:
        raise InputError(f"{path} holds scores and events: give one of the two.")
    return people, changes


def events_at(threshold: float, people: Sequence[PredictedPerson], kind: EventSettings) -> list[Event]:
    return confirmed_events(change.as_json() for change in replay(people, [replace(kind, threshold=threshold)]))


def print_table(results: dict[str, dict]) -> None:
    rows = [
        {
            "event": name,
            "hours": f"{found['hours']:.1f}",
            "found": f"{found['found']} of {found['truths']}",
            "recall": told(found["recall"]),
            "false alarms": found["false_alarms"] + found["repeats"],
            "a day": told(found["false_alarms_a_day"], 1),
            "precision": told(found["precision"]),
            "F1": told(found["f1"]),
            "delay, s (median, 90 %)": ", ".join(
                "-" if value is None else f"{value:.1f}" for value in found["delay_seconds"].values()
            ),
        }
        for name, found in results.items()
    ]
    print(tabulate(rows, headers="keys", disable_numparse=True))
    print("In brackets the 95 % interval over other hours. False alarms, while people truly were:")
    for name, found in results.items():
        print(f"{name}: {found['false_alarms_while'] or 'none'}, and {found['repeats']} repeats")


def told(measure: dict, digits: int = 2) -> str:
    if measure["value"] is None:
        return "-"
    text = f"{measure['value']:.{digits}f}"
    if measure["of_other_hours"]:
        low, high = measure["of_other_hours"]
        text += f" ({low:.{digits}f} to {high:.{digits}f})"
    return text


def write(results: dict[str, dict], folder: Path, has_curves: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "events.json") as temporary:
        Path(temporary).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Wrote {folder / 'events.json'}")
    if has_curves:
        with replacing(folder / "events.png") as temporary:
            figure_picture(plot_event_curves(results)).save(temporary, "PNG")
        print(f"Wrote {folder / 'events.png'}")


if __name__ == "__main__":
    with exit_codes():
        evaluate(parse_args())
