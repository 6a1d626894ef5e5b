"""What tests of watching share: a watch that keeps all that came of it, frames on their way to it, and a broker."""

import io
import os
import shutil
import socket
import subprocess
import time

import numpy as np
import pytest

from slowfast_thermal.engine.watching import scorer_of
from slowfast_thermal.live.events import EventSettings, EventTracker
from slowfast_thermal.live.frames import encode
from slowfast_thermal.live.sources import Stream
from slowfast_thermal.live.watch import Watcher
from slowfast_thermal.live.window import ReadingSettings
from slowfast_thermal.people.blobs import BlobFinder


class Rule:
    """Scores everyone alike, at once.

    Args:
        scores: by class.
    """

    before, after, frames_around, needs_room = 1.0, 0.0, (0, 0), False

    def __init__(self, scores):
        self.classes, self._row = list(scores), np.array([*scores.values()], np.float32)

    def forget(self, sensor):
        pass

    def __call__(self, moment):
        return np.tile(self._row, (len(moment.boxes), 1))


class Watch:
    """Watches sources, and keeps all that came of it."""

    def __init__(self, predictor, scorer=None, **settings):
        self.people, self.changes = [], []
        self.scorer = scorer or scorer_of(predictor)
        events = EventTracker(EventSettings.from_config(predictor.cfg, predictor.classes))
        reading = ReadingSettings.from_config(predictor.cfg)
        self.watcher = Watcher(self.scorer, BlobFinder, reading, events, on_people=self._note, **settings)
        self.watcher.sinks = self

    problems = ()

    def send(self, change):
        self.changes.append(change.as_json())

    def _note(self, sensor, timestamp, people):
        self.people += [(sensor, timestamp, p.track, tuple(p.box.tolist()), tuple(p.scores.values())) for p in people]

    def run(self, *sources):
        self.watcher.run(sources)
        return self

    def health(self, sensor="SIM001_R1"):
        return self.watcher.status()["sensors"][sensor]

    def wait_for(self, frame):
        """Until a frame of the sensor was taken in."""
        wait_until(lambda: "SIM001_R1" in self.watcher.sensors and self.health()["last_frame"] == frame.timestamp)


def parts(frames):
    """As many as a sensor sends in a second or two: of a live source that is far ahead, moments are skipped."""
    return [frames[start : start + 16] for start in range(0, len(frames), 16)]


def given(frames):
    """A source of frames that waits until they are taken."""
    return Stream(io.BytesIO(b"".join(map(encode, frames))))


def same(watch, expected):
    assert watch.people == expected.people
    assert watch.changes == expected.changes


def wait_until(is_true, seconds=20.0):
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Broker:
    """A real MQTT broker at `port`, which can be stopped and started again."""

    def __init__(self, folder):
        pytest.importorskip("paho.mqtt.client")
        if not (program := shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")):
            pytest.skip("needs the broker mosquitto")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        path = folder / "broker.conf"
        lines = f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0"
        path.write_text("\n".join([*lines, "max_inflight_messages 0\n"]))
        self._command = [program, "-c", str(path)]
        self.start()

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self._process.terminate()
        self._process.wait()
