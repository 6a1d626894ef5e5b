"""How many sensors a watch keeps up with, how soon it decides, and what memory it takes after hours.

Each sensor has 40x60 pixels and 8 frames a second, with two people who cross a room; everyone is scored once a second by the network
of `configs/Thermal/PEOPLE_SMALL.yaml` with random weights. Beside it stands what it costs to do all anew for each sensor and second: to
find and follow people in the frames of the clip, and to score them.
"""

import heapq
import math
import os
import re
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.engine.watching import scorer_of
from slowfast_thermal.export.graph import ActionGraph, GraphShapes
from slowfast_thermal.live.events import EventSettings, EventTracker
from slowfast_thermal.live.frames import Frame
from slowfast_thermal.live.sensors import Sensor
from slowfast_thermal.live.sinks import EventSinks
from slowfast_thermal.live.watch import Watcher
from slowfast_thermal.live.window import ReadingSettings
from slowfast_thermal.people.predicted import PredictedPerson
from tools.benchmarks.common import CONFIGS, median_seconds
from tools.benchmarks.people import recording

_CONFIG = str(CONFIGS / "PEOPLE_SMALL.yaml")
_RATE, _SIZE = 8, (40, 60)
# Seconds of a run in real time, of which the first do not count, and sensors that are to be watched.
_SECONDS, _WARM, _GOAL = 10.0, 3.0, 8
# Shares of what fits into a second at full speed that are tried as the most sensors.
_SHARES = 0.9, 0.75, 0.6, 0.45
# Cores, and threads of the network.
_MACHINES = (1, 1), (2, 1), (2, 2)
# A watch keeps up if 99 % of its decisions come within this of the frame that they need, seconds, and nothing is skipped.
_LATEST = 1.0
# Hours of recorded time, frames a second, and seconds from moment to moment, of the runs whose memory is told: a day at the rates of
# the hour would take half an hour.
HOURS = (1, _RATE, 1), (24, 0.5, 60)


class _Rooms:
    """Frames of sensors that were switched on one after the other within a second; again and again the same minute.

    Args:
        sensors: how many.
        seconds: of each, of recorded time.
        rate: frames a second.
        is_live: whether they come in real time, else as fast as they are taken.

    Attributes:
        sent: when each frame was, by sensor; of live ones.
    """

    sensor = None

    def __init__(self, sensors: int, seconds: float, rate: float = _RATE, is_live: bool = False):
        self.name, self.is_live = "rooms", is_live
        self._frames, self._rate, self._seconds = recording(*_SIZE)[0], rate, seconds
        self._starts = {f"sensor {number}": number / sensors for number in range(sensors)}
        self.sent: dict[str, list[float]] = {sensor: [] for sensor in self._starts}

    def run(self, take, tell, stop: threading.Event) -> None:
        begun, waiting = time.monotonic(), [(start, 0, sensor) for sensor, start in self._starts.items()]
        heapq.heapify(waiting)
        while waiting and not stop.is_set():
            due, number, sensor = heapq.heappop(waiting)
            if self.is_live:
                stop.wait(max(begun + due - time.monotonic(), 0))
                self.sent[sensor].append(time.monotonic())
            take(Frame(sensor, round(1000 * number / self._rate), self._frames[number % len(self._frames)]), self.name)
            later = self._starts[sensor] + (number + 1) / self._rate
            if later < self._seconds:
                heapq.heappush(waiting, (later, number + 1, sensor))


class _Watch:
    """A watch of rooms, as `tools/watch.py` does it, from beginning to end.

    Attributes:
        delays: seconds from each frame that completed a clip to the decision; of live rooms.
        memory: MiB of the process at the first moment, when so many hours of recorded time were watched, and at the end.
        skipped: frames and moments for which there was no time.
        seconds, processor: that it took, and of all cores together.
    """

    def __init__(self, predictor: Predictor, rooms: _Rooms, every: float = 1.0, hours: tuple[float, ...] = ()):
        self._rooms, self._scorer, self._hours = rooms, scorer_of(predictor), [0.0, *hours]
        self.delays: list[float] = []
        self.memory: list[float] = []
        reading = ReadingSettings.from_config(predictor.cfg)
        events = EventTracker(EventSettings.from_config(predictor.cfg, predictor.classes))
        with tempfile.TemporaryDirectory() as folder:
            sinks = EventSinks(Path(folder))
            watcher = Watcher(
                self._scorer, predictor.finder, reading, events, sinks, every, folder=Path(folder), on_people=self._note
            )
            begun, processor = time.perf_counter(), time.process_time()
            watcher.run([rooms])
            self.seconds, self.processor = time.perf_counter() - begun, time.process_time() - processor
            self.memory.append(_memory())
            sinks.close()
        health = [sensor.health for sensor in watcher.sensors.values()]
        self.skipped = sum(each.skipped + each.skipped_moments for each in health)

    def _note(self, sensor: str, timestamp: int, people: list[PredictedPerson]) -> None:
        while self._hours and timestamp >= 3.6e6 * self._hours[0]:
            self._hours.pop(0)
            self.memory.append(_memory())
        if self._rooms.is_live and timestamp >= 1000 * _WARM:
            needed = math.ceil((timestamp / 1000 + self._scorer.after) * _RATE)
            sent = self._rooms.sent[sensor]
            if needed < len(sent):  # else it was the end of all frames
                self.delays.append(time.monotonic() - sent[needed])

    @property
    def keeps_up(self) -> bool:
        return not self.skipped and self.delay(99) < 1000 * _LATEST

    def delay(self, percent: float) -> float:
        """Milliseconds to that share of the decisions; without end where none was made."""
        return 1000 * float(np.percentile(self.delays, percent)) if self.delays else math.inf


def measure(repeats: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        predictor = predictor_of_random_weights(Path(folder) / "random.pyth")
    rows, there = [], sorted(os.sched_getaffinity(0))
    for cores, threads in _MACHINES:
        if cores <= len(there):
            _bind(there[:cores], threads)
            rows.append({"cores": cores, "threads": threads} | _capacity(predictor, repeats))
    _bind(there[:1], 1)
    after = scorer_of(predictor).after
    return {
        "sensors": rows,
        "a clip reaches beyond its moment, s": after,
        "memory": [memory_of(predictor, *run) for run in HOURS],
    }


def _capacity(predictor: Predictor, repeats: int) -> dict[str, object]:
    """The most sensors, and how soon people are scored."""
    anew = _seconds_anew(predictor, repeats)
    network = _seconds_of_networks(predictor, repeats)
    full_speed = _Watch(predictor, _Rooms(4, 30.0))
    cost = full_speed.seconds / (4 * 30.0)
    goal = _Watch(predictor, _Rooms(_GOAL, _SECONDS, is_live=True))
    best, most = goal, _GOAL if goal.keeps_up else 0
    for sensors in (int(share / cost) for share in _SHARES):
        if sensors > most:
            watch = _Watch(predictor, _Rooms(sensors, _SECONDS, is_live=True))
            if watch.keeps_up:
                best, most = watch, sensors
                break
    row: dict[str, object] = {
        "ms a sensor's second": 1000 * cost,
        "of all cores": 1000 * full_speed.processor / (4 * 30.0),
        f"{_GOAL} sensors: skipped": goal.skipped,
        f"{_GOAL} sensors: frame to decision, median ms": goal.delay(50),
        f"{_GOAL} sensors: frame to decision, 99 % ms": goal.delay(99),
        "sensors that it keeps up with": most,
        "with these: median ms": best.delay(50),
        "with these: 99 % ms": best.delay(99),
        "all anew: ms a sensor's second": 1000 * anew,
        "all anew: sensors": int(1 / anew),
    }
    return row | {f"network, {name}, ms": 1000 * seconds for name, seconds in network.items()}


def _seconds_anew(predictor: Predictor, repeats: int) -> float:
    """To find, follow and score the people of one clip, as if nothing was known of the sensor."""
    scorer, reading = scorer_of(predictor), ReadingSettings.from_config(predictor.cfg)
    count = round(predictor.cfg.THERMAL.CLIP_SECONDS * _RATE)
    frames = [
        Frame("anew", 1000 * place // _RATE, each) for place, each in enumerate(recording(*_SIZE)[0][100 : 100 + count])
    ]

    def anew() -> np.ndarray:
        sensor = Sensor("anew", scorer, predictor.finder, reading, every=1000.0)
        for frame in frames:
            sensor.add(frame)
        # Nobody is in the first frame, with which the background begins, so one moment is scored.
        return scorer(sensor.due(at_end=True)[-1][0])

    assert len(anew()) == 2
    return median_seconds({"anew": anew}, 4 * repeats)["anew"]


def _seconds_of_networks(predictor: Predictor, repeats: int) -> dict[str, float]:
    """A clip with two people by the network: alone, and of eight in one batch."""
    graph = ActionGraph(predictor.model, predictor.cfg.THERMAL.TEMPERATURE_RANGE)
    shapes = GraphShapes.of(predictor.cfg, graph)
    one, eight = ([torch.from_numpy(each) for each in shapes.random(n, 2 * n, _SIZE).values()] for n in (1, 8))
    with torch.inference_mode():
        found = median_seconds({"a clip alone": lambda: graph(*one), "of 8": lambda: graph(*eight)}, 10 * repeats)
    return {"a clip alone": found["a clip alone"], "a clip of 8 in a batch": found["of 8"] / 8}


def memory_of(predictor: Predictor, hours: float, rate: float, every: float) -> dict[str, object]:
    """What the process takes as hours of recorded time are watched as fast as they can be."""
    watch = _Watch(predictor, _Rooms(1, 3600 * hours, rate), every, (hours / 12, hours / 4, hours / 2))
    row = {"hours": hours, "frames a second": rate, "seconds from moment to moment": every}
    row |= {f"MiB {when}": found for when, found in zip(("at first", "after 1/12", "1/4", "1/2", "all"), watch.memory)}
    return row | {"s that it took": watch.seconds}


def predictor_of_random_weights(path: Path) -> Predictor:
    """The network of the configuration with random weights, and an event that it may raise."""
    cfg = load_config(_CONFIG, ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0"])
    torch.manual_seed(0)
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    classes = [f"class {number}" for number in range(cfg.MODEL.NUM_CLASSES)]
    torch.save({"model_state": model.state_dict(), "classes": classes}, path)
    kinds = [{"NAME": "class 0", "CLASSES": ["class 0"], "THRESHOLD": 0.01}]
    return Predictor.from_checkpoint(_CONFIG, str(path), ["EVENTS.KINDS", repr(kinds)])


def _bind(cores: list[int], threads: int) -> None:
    """Lets all threads of this process run on these cores, and the network have so many threads."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cores)
    torch.set_num_threads(threads)


def _memory() -> float:
    """MiB of this process."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
