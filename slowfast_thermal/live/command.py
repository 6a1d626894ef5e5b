"""What a command that watches does, whatever scores the people: its options, its output, its end."""

import argparse
import contextlib
import importlib
import json
import logging
import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from slowfast_thermal.errors import InputError
from slowfast_thermal.files import claimed
from slowfast_thermal.live.clips import Clips
from slowfast_thermal.live.events import EventSettings, EventTracker, clip_bytes
from slowfast_thermal.live.lines import LineFile
from slowfast_thermal.live.receivers import Mqtt, Webhook
from slowfast_thermal.live.scoring import Scorer
from slowfast_thermal.live.sinks import LOG_NAME, EventSinks
from slowfast_thermal.live.sources import open_source
from slowfast_thermal.live.watch import Watcher
from slowfast_thermal.live.web.recent import Recent
from slowfast_thermal.live.web.view import View
from slowfast_thermal.live.window import ReadingSettings
from slowfast_thermal.people.finder import PersonFinder
from slowfast_thermal.people.predicted import PredictedPerson, record_of
from slowfast_thermal.user_input import seconds

# Seconds between two lines on a console.
_LINE_STEP = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a command that watches."""
    parser.add_argument(
        "--source",
        action="append",
        required=True,
        dest="sources",
        metavar="SOURCE",
        help="replay:FILE.h5, follow:FILE.h5, tcp://HOST:PORT, mqtt://HOST:PORT/TOPIC or stdin; may be given again",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument(
        "--every", type=seconds, default=1.0, metavar="SECONDS", help="from moment to moment (default 1)"
    )
    parser.add_argument(
        "--speed", type=_not_below_0, default=1.0, help="of replays; 0: as fast as they can be watched (default 1)"
    )
    parser.add_argument("--tracks", action="store_true", help="write the people of every moment to tracks.jsonl")
    parser.add_argument("--clips", action="store_true", help="keep the seconds around events as recordings")
    parser.add_argument("--web", metavar="HOST:PORT", help="serve a page to watch on; PORT alone: to this machine")
    parser.add_argument(
        "--web-token", metavar="TOKEN", help="needed to see the page (default: made where other machines can reach it)"
    )
    parser.add_argument("--webhook", metavar="URL", help="POST events there, too")
    parser.add_argument("--mqtt", metavar="URL", help="publish events there, too: mqtt://HOST:PORT/TOPIC")


def watch(args: argparse.Namespace, cfg, scorer: Scorer, new_finder: Callable[[], PersonFinder]) -> None:
    """Watches until the sources end or a signal comes.

    Args:
        args: of `add_arguments`.
        cfg: configuration with the nodes THERMAL and EVENTS.
        scorer: of people.
        new_finder: makes what finds them.

    Raises:
        InputError: a source or a receiver is none, or the folder cannot be used.
    """
    kinds = EventSettings.from_config(cfg, scorer.classes)
    receivers = [kind(url) for kind, url in ((Webhook, args.webhook), (Mqtt, args.mqtt)) if url]
    sources = [open_source(text, args.speed, cfg.THERMAL.UNIT) for text in args.sources]
    recorded = [source.sensor for source in sources if source.sensor]
    if twice := {sensor for sensor in recorded if recorded.count(sensor) > 1}:
        raise InputError(
            f"Two sources are recordings of {min(twice)}: name one of the files differently, or leave it out."
        )
    if not kinds:
        print("No events are raised, as EVENTS.KINDS is empty: name classes there, such as those of falls.", flush=True)
    recent = Recent()
    with claimed(args.output), _Tracks(args.output / "tracks.jsonl" if args.tracks else None) as tracks:

        def on_people(sensor: str, timestamp: int, people: list[PredictedPerson]) -> None:
            tracks(people)
            recent.add_people(sensor, timestamp, people)

        watcher = Watcher(
            scorer,
            new_finder,
            ReadingSettings.from_config(cfg),
            EventTracker(kinds),
            every=args.every,
            folder=args.output,
            on_people=on_people,
        )
        clips = None
        if args.clips:
            clips = Clips(args.output / "clips", watcher.frames_between, kinds, scorer.classes, clip_bytes(cfg))
        page = _page(args, watcher, recent)
        watcher.sinks = EventSinks(args.output, receivers, clips, recent.add_change, [tracks])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watcher.stop())
        print(
            f"Watching {', '.join(source.name for source in sources)}; events go to {args.output / LOG_NAME}.",
            flush=True,
        )
        console = _Console(watcher)
        try:
            with page:
                watcher.run(sources, console)
        finally:
            watcher.sinks.close()
            console.end()
    print(f"{watcher.num_events} events; wrote {args.output}")


def _page(args: argparse.Namespace, watcher: Watcher, recent: Recent) -> contextlib.AbstractContextManager:
    """Serves the page while entered, if there is to be one."""
    if args.web is None:
        return contextlib.nullcontext()
    try:
        server = importlib.import_module("slowfast_thermal.live.web.server")
    except ImportError:
        raise InputError("--web needs Starlette and uvicorn: pip install starlette uvicorn.") from None
    page = server.WebPage(args.web, args.web_token, View(watcher, recent, args.output / "clips"))
    print(f"The page is at {page.url}", flush=True)
    return page


class _Tracks:
    """Appends the people of every moment to a file, if there is one.

    Attributes:
        problem: why the people of the last moment are missing, in a sentence, or empty.
    """

    def __init__(self, path: Path | None):
        self._file = LineFile(path) if path else None
        self.problem = ""

    def __enter__(self) -> "_Tracks":
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._file:
            self._file.close()

    def __call__(self, people: list[PredictedPerson]) -> None:
        if not self._file or not people:
            return
        lines = "".join(json.dumps(record_of(person), ensure_ascii=False) + "\n" for person in people)
        try:
            self._file.append(lines.encode())
            self.problem = ""
        except OSError as error:
            if not self.problem:
                logging.warning("%s cannot be written (%s): the watch goes on.", self._file.path, error.strerror)
            self.problem = f"{self._file.path} lacks the people of some moments ({error.strerror}): make room."


class _Console:
    """A line that tells how the watch does, written over and over on a terminal."""

    def __init__(self, watcher: Watcher):
        self._watcher, self._next, self._is_terminal = watcher, 0.0, sys.stderr.isatty()

    def __call__(self) -> None:
        if not self._is_terminal or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_STEP
        status = self._watcher.status()
        sensors = status["sensors"].values()
        wrong = [f"{name}: {one['status']}" for name, one in status["sensors"].items() if one["status"]]
        line = (
            f"{len(sensors)} sensors, {sum(one['frames_a_second'] for one in sensors):.1f} frames/s, "
            f"{sum(one['people'] for one in sensors)} people, {status['events']} events, "
            f"delay {max((one['delay_seconds'] for one in sensors), default=0):.2f} s"
        )
        told = "; ".join([line, *wrong, *status["problems"]])
        print(f"\r{told[:150]:150}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_terminal:
            print(file=sys.stderr)


def _not_below_0(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no speed: give a number from 0 on")
    return number
