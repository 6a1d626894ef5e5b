"""Frames that wait are bounded in number, bytes and sensors, and come from one sender of each sensor."""

import threading

import numpy as np
import pytest

from slowfast_thermal.live import inboxes
from slowfast_thermal.live.frames import Frame
from slowfast_thermal.live.inboxes import Inboxes


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(inboxes.time, "monotonic", made.monotonic)
    return made


def frame(time, sensor="A"):
    return Frame(sensor, time, np.zeros((4, 6), np.float32))


def new(size=8):
    return Inboxes(size, threading.Event())


def waiting(made):
    """Times of the frames that wait, by sensor."""
    return {name: [each.timestamp for each, _ in arrived.frames] for name, arrived in made.take()[1].items()}


def test_of_a_live_sensor_the_oldest_frames_are_passed_over_and_counted():
    made = new(size=3)
    for time in range(10):
        made.put(frame(time), "one", is_live=True)
    _, taken = made.take()
    assert [each.timestamp for each, _ in taken["A"].frames] == [7, 8, 9] and taken["A"].skipped == 7


def test_all_that_waits_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(inboxes, "_MOST_BYTES", 5 * frame(0).temperatures.nbytes)
    made = new()
    for time in range(4):
        for sensor in "ABCDEFG":
            made.put(frame(time, sensor), "one", is_live=True)
    assert sum(map(len, waiting(made).values())) == 5


def test_a_recording_waits_until_there_is_room():
    made = new(size=2)
    thread = threading.Thread(target=lambda: [made.put(frame(time), "one", is_live=False) for time in range(9)])
    thread.start()
    times = []
    while len(times) < 9:
        times += waiting(made).get("A", [])
    thread.join()
    assert times == list(range(9))


def test_names_of_sensors_that_are_gone_make_room_and_are_told(monkeypatch, clock):
    monkeypatch.setattr(inboxes, "_MOST_SENSORS", 2)
    made = new()
    for sensor in "ABC":
        made.put(frame(0, sensor), "one", is_live=True)
    assert waiting(made).keys() == {"A", "B"}
    assert made.problems == ["1 frames of more than 2 sensors were turned away."]
    clock.now += 61
    made.put(frame(1, "B"), "one", is_live=True)
    made.put(frame(1, "C"), "one", is_live=True)
    gone, taken = made.take()
    assert gone == ["A"] and taken.keys() == {"B", "C"} and made.problems == []


def test_whoever_began_last_to_send_a_sensors_frames_is_heard_until_silent(clock):
    made = new()
    for time, sender in enumerate(["one", "one", "two", "one", "two"]):
        made.put(frame(time), sender, is_live=True)
    assert waiting(made) == {"A": [0, 1, 2, 4]}
    assert made.problems == ["Frames of A are taken from two, and not from one: give each sensor a name of its own."]
    clock.now += 11
    made.put(frame(5), "one", is_live=True)
    assert waiting(made) == {"A": [5]}
