"""Sensors that are watched, from frames to people."""

import importlib
import io
import json
import socket
import threading
import time

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.moments import moments
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.engine.watching import scorer_of
from slowfast_thermal.errors import InputError
from slowfast_thermal.live.frames import Frame, encode, read_frame
from slowfast_thermal.live.scoring import ClipSettings, Scorer
from slowfast_thermal.live.sources import Stream, open_source
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.tracks import track_recording
from slowfast_thermal.trees.features import BOX_FEATURES, FEATURES
from tests.live.conftest import CONFIGURATION
from tests.live.watching import Watch, given, parts, same, wait_until


def test_a_replay_gives_the_same_at_another_speed(predictor, room, frames, expected):
    seconds = (frames[-1].timestamp - frames[0].timestamp) / 1000
    same(Watch(predictor).run(open_source(f"replay:{room}", seconds / 2)), expected)


def test_standard_input_gives_the_same(predictor, frames, expected):
    same(Watch(predictor, inbox=1).run(given(frames)), expected)


def test_a_connection_gives_the_same_and_what_is_no_frame_ends_it_alone(predictor, frames, expected):
    watch = Watch(predictor, inbox=len(frames))
    source = open_source("tcp://127.0.0.1:0")
    thread = threading.Thread(target=watch.run, args=(source,))
    thread.start()
    with socket.create_connection(("127.0.0.1", source.port)) as bad:
        bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert bad.recv(1) == b""
    for half in (frames[: len(frames) // 2], frames[len(frames) // 2 :]):  # whoever breaks off may come again
        with socket.create_connection(("127.0.0.1", source.port)) as connection:
            for part in parts(half):
                connection.sendall(b"".join(map(encode, part)))
                watch.wait_for(part[-1])
    watch.watcher.stop()
    thread.join(10)
    same(watch, expected)


def test_a_file_that_is_being_written_gives_the_same(predictor, room, frames, expected, tmp_path):
    path = tmp_path / "SIM001_R1.h5"
    with h5py.File(path, "w", libver="latest") as file:
        shape = frames[0].temperatures.shape
        stored = file.create_dataset("frames", (0, *shape), "float32", maxshape=(None, *shape), chunks=(16, *shape))
        times = file.create_dataset("timestamps", (0,), "int64", maxshape=(None,), chunks=(256,))
        file.swmr_mode = True
        watch = Watch(predictor, inbox=len(frames))
        thread = threading.Thread(target=watch.run, args=(open_source(f"follow:{path}"),))
        thread.start()
        for part in parts(frames):
            start = len(times)
            stored.resize(start + len(part), 0)
            stored[start:] = np.stack([frame.temperatures for frame in part])
            stored.flush()
            times.resize(start + len(part), 0)
            times[start:] = [frame.timestamp for frame in part]
            times.flush()
            watch.wait_for(part[-1])
        watch.watcher.stop()
        thread.join(10)
    same(watch, expected)


def test_a_broker_gives_the_same_also_when_it_was_stopped_meanwhile(predictor, frames, expected, broker):
    client = importlib.import_module("paho.mqtt.client")
    watch = Watch(predictor, inbox=len(frames))
    source = open_source(f"mqtt://127.0.0.1:{broker.port}/frames")
    thread = threading.Thread(target=watch.run, args=(source,))
    thread.start()
    sender = client.Client(client.CallbackAPIVersion.VERSION2)
    sender.reconnect_delay_set(1, 1)
    sender.connect_async("127.0.0.1", broker.port)
    sender.loop_start()
    for number, part in enumerate(parts(frames)):
        if number == 3:
            broker.stop()
            wait_until(lambda: "the connection to the broker broke" in watch.watcher.notes[source.name])
            broker.start()
        wait_until(lambda: watch.watcher.notes.get(source.name) == "connected to the broker" and sender.is_connected())
        for frame in part:
            sender.publish("frames", encode(frame), qos=1)
        watch.wait_for(part[-1])
    sender.publish("frames", b"no frame", qos=1)
    wait_until(lambda: "a message was passed over" in watch.watcher.notes[source.name])
    sender.disconnect()
    sender.loop_stop()
    watch.watcher.stop()
    thread.join(10)
    same(watch, expected)


def test_moments_are_those_of_a_prediction_and_the_same_boxes_have_the_same_scores(predictor, room, expected):
    recording = predictor.open(room)
    finder = BlobFinder()
    found = [
        finder.find(recording.read(np.array([place])).numpy(), recording.timestamps[[place]])[0]
        for place in range(recording.num_frames)
    ]
    followed = track_recording(found, recording.timestamps)
    predicted = predictor.predict([recording], followed=[followed])[0]
    scores = {(p.timestamp, tuple(p.box.tolist())): list(p.scores.values()) for p in predicted if p.seen}
    watched = {(time, box): row for _, time, _, box, row in expected.people}
    shared = scores.keys() & watched.keys()
    assert len(shared) > 0.8 * len(scores)
    for key in shared:
        np.testing.assert_allclose(scores[key], watched[key], atol=1e-6)
    assert {time for _, time, *_ in expected.people} <= set(recording.timestamps[moments(recording.timestamps, 1.0)])


class Features:
    """Trees whose scores are the features themselves."""

    def predict(self, features):
        return features


@pytest.mark.parametrize("trees", [False, True])
def test_at_position_1_nothing_after_a_moment_changes_its_scores(frames, trees):
    last = Predictor.from_checkpoint(CONFIGURATION, "SIMULATED", ["THERMAL.KEYFRAME_POSITION", "1.0"])
    inputs = [*FEATURES, *BOX_FEATURES]
    classes = [*last.classes, *inputs][: len(inputs)]

    def watched(played):
        settings = ClipSettings.from_config(last.cfg)
        scorer = Scorer(classes, settings, forest=Features(), trees_weight=1.0) if trees else scorer_of(last)
        assert scorer.after == 0
        people = Watch(last, scorer).run(given(played)).people
        return {time: [each for each in people if each[1] == time] for _, time, *_ in people}

    expected = watched(frames[:70])
    moments = [number for number in range(30, 68) if frames[number].timestamp in expected]
    assert len(moments) > 3
    for number in moments:
        later = [Frame(f.sensor, f.timestamp, np.flip(f.temperatures) + 5) for f in frames[number + 1 : number + 4]]
        time = frames[number].timestamp
        assert watched([*frames[: number + 1], *later])[time] == expected[time]


def test_frames_that_come_twice_late_or_without_a_reading_change_nothing(predictor, frames, expected):
    nothing = Frame("SIM001_R1", frames[100].timestamp + 1, np.full_like(frames[0].temperatures, np.nan))
    given_frames = [*frames[:50], frames[49], frames[40], *frames[50:101], nothing, *frames[101:]]
    watch = Watch(predictor).run(given(given_frames))
    same(watch, expected)
    assert watch.health()["dropped"] == 3


def test_a_clock_that_is_set_back_begins_anew_and_is_told(predictor, frames, expected):
    back = [Frame(f.sensor, f.timestamp - 3_600_000, f.temperatures) for f in frames]
    watch = Watch(predictor).run(given([*frames, *back]))
    assert watch.health()["restarts"] == 1 and "the clock was set back by" in watch.health()["status"]
    number = len(expected.people)
    assert [each[2:] for each in watch.people[-number:]] == [each[2:] for each in expected.people]


def test_another_resolution_begins_anew_and_is_told(predictor, frames):
    small = [Frame(f.sensor, f.timestamp, f.temperatures[:30, :40]) for f in frames[70:]]
    watch = Watch(predictor).run(given([*frames[:70], *small]))
    assert watch.health()["restarts"] == 1
    assert watch.health()["status"] == "the resolution changed from 40x60 to 30x40"
    assert watch.health()["last_frame"] == frames[-1].timestamp


def test_several_sensors_do_not_know_of_each_other(predictor, frames, expected):
    other = [Frame("other", frame.timestamp + 7, np.flip(frame.temperatures)) for frame in frames]
    both = [frame for pair in zip(frames, other) for frame in pair]
    watch = Watch(predictor).run(given(both))
    assert [each for each in watch.people if each[0] == "SIM001_R1"] == expected.people


def test_a_window_forgets_what_is_too_old(predictor, frames):
    later = [Frame(f.sensor, f.timestamp + 60_000, f.temperatures) for f in frames]
    watch = Watch(predictor).run(given([*frames, *later]))
    held, times = watch.watcher.frames_between("SIM001_R1", 0, later[-1].timestamp)
    recent = [frame.timestamp for frame in later if frame.timestamp >= later[-1].timestamp - 30_000]
    assert times.tolist() == recent and len(held) == len(recent)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"hello\n", "does not begin a frame"),
        (b'{"sensor": "A"}\n', "does not begin a frame"),
        (b'{"sensor": "A", "timestamp": 0, "height": 1000000, "width": 1000000}\n', "does not begin a frame"),
        (b'{"sensor": "A", "timestamp": 0, "height": true, "width": 1}\n', "does not begin a frame"),
        (b'{"sensor": "A", "timestamp": 0, "height": 1, "width": 1, "unit": "warm"}\n', "has the unit 'warm'"),
        (b'{"sensor": "A", "timestamp": 0, "height": 2, "width": 2}\n1234', "ends after 4 of 16 bytes"),
        (b"[" * 2000, "does not begin a frame"),
    ],
)
def test_what_is_no_frame_is_told(predictor, sent, message):
    watch = Watch(predictor).run(Stream(io.BytesIO(sent)))
    assert message in watch.watcher.notes["stdin"]


def test_a_frame_in_another_unit_and_type_is_read():
    header = {"sensor": "A", "timestamp": 5, "height": 1, "width": 2, "type": "uint16", "unit": "centikelvin"}
    stream = io.BytesIO(json.dumps(header).encode() + b"\n" + np.array([29315, 30315], "<u2").tobytes())
    frame = read_frame(stream)
    np.testing.assert_allclose(frame.temperatures, [[20, 30]], atol=1e-3)
    assert read_frame(stream) is None


@pytest.mark.parametrize("text", ["camera", "tcp://host", "mqtt://host", "replay:nowhere.h5", "follow:nowhere.h5"])
def test_what_is_no_source_is_refused(text):
    with pytest.raises(InputError):
        open_source(text)


def test_what_was_wrong_is_told_for_a_while(predictor, frames, monkeypatch):
    watch = Watch(predictor)
    watch.run(given([*frames[:5], frames[4]]))
    assert watch.health()["status"] == "frames come late or twice"
    now = time.monotonic()
    monkeypatch.setattr("slowfast_thermal.live.sensors.time.monotonic", lambda: now + 61)
    watch.watcher.sensors["SIM001_R1"].add(frames[5])
    assert watch.watcher.sensors["SIM001_R1"].health.status == ""
