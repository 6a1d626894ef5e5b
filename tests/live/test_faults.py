"""What goes wrong with sensors, senders, files and disks is told, ends nothing else, and loses no event that was confirmed."""

import argparse
import json
import logging
import multiprocessing
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.packets import LiveRepair
from slowfast_thermal.engine.watching import scorer_of
from slowfast_thermal.errors import InputError
from slowfast_thermal.live import command, connections
from slowfast_thermal.live.frames import Frame, encode
from slowfast_thermal.live.sources import open_source
from slowfast_thermal.people.blobs import BlobFinder
from tests.live.conftest import CONFIGURATION
from tests.live.watching import Rule, Watch, given, parts, same, wait_until

ROOT = Path(__file__).parents[2]
SENSOR = "SIM001_R1"


class Running:
    """A watch of one source in a thread."""

    def __init__(self, predictor, source, **settings):
        self.watch, self.source = Watch(predictor, **settings), source
        self._thread = threading.Thread(target=self.watch.run, args=(source,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self.watch.watcher.stop()
        self._thread.join(10)

    @property
    def note(self):
        return self.watch.watcher.notes.get(self.source.name, "")

    def send(self, connection, frames):
        for part in parts(frames):
            connection.sendall(b"".join(map(encode, part)))
            self.watch.wait_for(part[-1])


def listening(predictor, frames):
    return Running(predictor, open_source("tcp://127.0.0.1:0"), inbox=len(frames))


def connect(running):
    return socket.create_connection(("127.0.0.1", running.source.port))


def test_a_sender_that_is_killed_within_a_frame_goes_on_where_it_began_anew(predictor, frames, expected):
    with listening(predictor, frames) as running:
        with connect(running) as killed:
            running.send(killed, frames[:60])
            killed.sendall(encode(frames[60])[:5000])
            # The kernel tells the other side of a process that is killed while data waits.
            killed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: "was cut off" in running.note)
        with connect(running) as restarted:
            running.send(restarted, frames[60:])
    same(running.watch, expected)


def test_a_sender_without_power_makes_room_for_the_one_that_comes_back(predictor, frames):
    with listening(predictor, frames) as running, connect(running) as lost:
        running.send(lost, frames[:20])
        with connect(running) as back:
            running.send(back, frames[20:40])
            lost.sendall(encode(frames[40]))
            wait_until(
                lambda: "give each sensor a name of its own" in "".join(running.watch.watcher.status()["problems"])
            )
            running.send(back, frames[41:50])
    assert running.watch.health()["frames"] == 49 and running.watch.health()["dropped"] == 0


def test_of_too_many_silent_connections_one_makes_room(predictor, frames, monkeypatch):
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 2)
    with listening(predictor, frames) as running, connect(running) as first:
        running.send(first, frames[:1])
        with connect(running) as idle, connect(running) as second:
            assert idle.recv(1) == b""  # it never sent a frame
            running.send(second, frames[1:2])
            with connect(running) as third:
                assert third.recv(1) == b"" and "was turned away" in running.note
            monkeypatch.setattr(connections, "_SILENT", 0.0)
            with connect(running) as fourth:
                running.send(fourth, frames[2:3])
                assert first.recv(1) == b""


def test_a_frame_of_wrong_size_or_time_changes_nothing_and_is_told(predictor, frames, expected):
    small = Frame(SENSOR, frames[40].timestamp + 1, frames[40].temperatures[:20])
    early = Frame(SENSOR, frames[80].timestamp - 3_600_000, frames[80].temperatures)
    watch = Watch(predictor).run(given([*frames[:41], small, *frames[41:81], early, *frames[81:]]))
    same(watch, expected)
    assert watch.health()["dropped"] == 2 and watch.health()["restarts"] == 0
    assert watch.health()["status"] == "the clock was set back by 3600 s"


def test_lost_packets_are_put_where_the_live_repair_puts_them(predictor, frames):
    packet, damaged, repair = 576, [], LiveRepair()
    for number, frame in enumerate(frames):
        readings = frame.temperatures.reshape(-1).copy()
        if number % 9 == 5:
            lost = packet * (number % 4)
            readings = np.concatenate([readings[:lost], readings[lost + packet :], np.full(packet, np.nan, np.float32)])
        damaged.append(Frame(SENSOR, frame.timestamp, readings.reshape(frame.temperatures.shape)))
    watch = Watch(predictor).run(given(damaged))
    held, times = watch.watcher.frames_between(SENSOR, 0, frames[-1].timestamp)
    expected = np.stack([repair(frame.temperatures) for frame in damaged])[-len(times) :]
    np.testing.assert_array_equal(held, expected)
    truth = np.stack([frame.temperatures for frame in frames])[-len(times) :]
    lossy = np.flatnonzero(np.isnan(np.stack([frame.temperatures for frame in damaged])).any((1, 2))[-len(times) :])
    restored = (held[lossy] == truth[lossy]).mean(axis=(1, 2))
    assert len(lossy) > 10 and np.median(restored) > 0.7
    assert len(watch.people) > 10 and np.isfinite([each[4] for each in watch.people]).all()


def test_readings_that_are_missing_give_scores_that_are_numbers(predictor, frames):
    rng = np.random.default_rng(0)
    damaged = []
    for number, frame in enumerate(frames):
        readings = frame.temperatures.copy()
        readings[rng.random(readings.shape) < (number % 10) / 10] = rng.choice([np.nan, np.inf, -np.inf, 1e30])
        damaged.append(Frame(SENSOR, frame.timestamp, readings))
    watch = Watch(predictor).run(given(damaged))
    assert len(watch.people) > 10 and np.isfinite([each[4] for each in watch.people]).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (1, 500), (500, 1), (240, 320)])
def test_frames_of_any_size_and_with_any_readings_are_watched(predictor, size):
    rng, frames = np.random.default_rng(0), []
    for number in range(40):
        readings = rng.normal(20, 0.1, size).astype(np.float32)
        if number > 5:
            readings[size[0] // 3 :, size[1] // 3 :] = 30
        if number % 7 == 3:
            readings.reshape(-1)[readings.size // 2 :] = np.nan
        if number % 11 == 3:
            readings.reshape(-1)[0] = np.inf
        frames.append(Frame(SENSOR, 125 * number, readings))
    watch = Watch(predictor, Rule(dict.fromkeys(predictor.classes, 0.5))).run(given(frames))
    assert watch.watcher.notes == {"stdin": "has ended"} and watch.health()["last_frame"] == 39 * 125


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ([0, 125, 250, 2**53 - 1, 375, 500], 500),
        ([-(2**53) + 1, -(2**53) + 2], -(2**53) + 2),
        ([0, 125, 2**53 - 2, 2**53 - 1], 2**53 - 1),
        (range(1000), 999),
        (range(0, 1_200_000, 60_000), 1_080_000),
    ],
)
def test_frames_at_any_times_are_watched(predictor, times, taken):
    readings = np.full((4, 6), 20, np.float32)
    frames = [Frame(SENSOR, time, readings) for time in times]
    watch = Watch(predictor, Rule(dict.fromkeys(predictor.classes, 0.5))).run(given(frames))
    assert watch.watcher.notes == {"stdin": "has ended"} and watch.health()["last_frame"] == taken


@pytest.mark.parametrize("kind", ["replay", "follow"])
def test_a_file_that_is_damaged_or_no_recording_is_told(predictor, tmp_path, kind, caplog):
    path = tmp_path / "A.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("frames", data=np.zeros((99, 40, 60), np.float32), chunks=(16, 40, 60), compression="gzip")
        file["timestamps"] = np.arange(99)
        chunk = file["frames"].id.get_chunk_info(3)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\0" * chunk.size)
    watch = Watch(predictor)
    with Running(predictor, open_source(f"{kind}:{path}", 0)) as running:
        wait_until(lambda: "cannot be read to its end" in running.note)
    with h5py.File(path, "w", libver="latest") as file:
        file["frames"] = np.zeros((9, 40, 60), np.float32)
    watch.run(open_source(f"{kind}:{path}", 0))
    assert "has no data set 'timestamps'" in watch.watcher.notes[f"{kind}:{path}"]
    assert "Traceback" not in caplog.text


def arguments(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(map(str, words))


def test_two_recordings_of_one_sensor_are_refused(predictor, room, tmp_path):
    args = arguments("--source", f"replay:{room}", "--source", f"replay:{room}", "--output", tmp_path / "out")
    with pytest.raises(InputError, match=f"Two sources are recordings of {SENSOR}: name one of the files differently"):
        command.watch(args, predictor.cfg, scorer_of(predictor), BlobFinder)


WATCH = (
    *("tools/watch.py", "--cfg", "configs/Thermal/SIMULATED.yaml", "--checkpoint", "SIMULATED"),
    *("--tracks", "--clips", "EVENTS.DURATION", "1", "EVENTS.THRESHOLD", "0.05"),
)


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_signal_ends_a_watch_in_good_order(predictor, frames, expected, tmp_path):
    words = [sys.executable, *WATCH, "--source", "stdin", "--output", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(words, cwd=ROOT, env=environment, **pipes) as process:
        process.stdin.write(b"".join(map(encode, frames)))
        process.stdin.flush()
        events = tmp_path / "events.jsonl"
        wait_until(lambda: events.exists() and '"confirmed": 1' in events.read_text(), seconds=60.0)
        process.send_signal(signal.SIGTERM)
        # Its input stays open, so a thread waits there for frames.
        told = process.stdout.read().decode()
        assert process.wait(20) == 0, told
    assert "Traceback" not in told and "Fatal" not in told
    changes = records(events)
    ids = {change["id"] for change in changes}
    assert ids and ids == {change["id"] for change in changes if change["type"] == "end"}
    confirmed = {change["id"] for change in changes if change["confirmed"]}
    assert confirmed == {path.stem for path in (tmp_path / "clips" / "frames").iterdir()}
    assert json.loads((tmp_path / "status.json").read_text())["sensors"][SENSOR]["people"] >= 0


def watch_with_a_full_disk(told, room, folder):
    """In a process of its own, in which files may have no more than 600 bytes."""
    # What pytest keeps of the output goes to files of its own, which may be longer than that already.
    sys.stdout = sys.stderr = open(os.devnull, "w")
    lines = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
    args = arguments("--source", f"replay:{room}", "--speed", "0", "--output", folder, "--tracks", "--clips")
    cfg = load_config(
        CONFIGURATION,
        [
            "DATA.PATH_TO_DATA_DIR",
            ".",
            "EVENTS.DURATION",
            "1",
            "EVENTS.KINDS",
            "[{'NAME': 'up', 'CLASSES': ['standing']}]",
        ],
    )
    command.watch(args, cfg, Rule({"standing": 1.0}), BlobFinder)
    told.send(lines)


def test_a_full_disk_is_told_and_ends_no_watch(room, tmp_path):
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=watch_with_a_full_disk, args=(there, room, tmp_path))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and here.poll()
    told = "\n".join(here.recv())
    for what in (
        "events.jsonl cannot be written",
        "tracks.jsonl cannot be written",
        "is missing (the disk is full: make room)",
    ):
        assert what in told
    for path in ("events.jsonl", "tracks.jsonl"):
        assert records(tmp_path / path)  # whole lines, as far as there was room
    assert not list((tmp_path / "clips" / "frames").iterdir())
