"""Events reach their receivers once these can be reached, in order, whatever happens meanwhile, and the watch never waits."""

import errno
import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.live import sinks
from slowfast_thermal.live.event_log import EventLog
from slowfast_thermal.live.events import EventChange
from slowfast_thermal.live.receivers import Mqtt, Webhook
from slowfast_thermal.live.sinks import EventSinks


def change(number, state="confirmed", sensor="hall"):
    is_confirmed = state != "suspected"
    kind = {"suspected": "new", "confirmed": "update", "cleared": "end"}[state]
    end = number + 5 if state == "cleared" else None
    box = (0.1, 0.1, 0.3, 0.2)
    return EventChange(
        kind,
        f"id{number}",
        sensor,
        1,
        "fall",
        state,
        number,
        number + 3 if is_confirmed else None,
        end,
        0.9,
        box,
        number + 3,
    )


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    monkeypatch.setattr(sinks.Sender.__init__, "__defaults__", (0.02,))
    monkeypatch.setattr(sinks, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(sinks, "_LOOK", 0.05)


class Hook:
    """A webhook's receiver, which answers as it is told."""

    def __init__(self, answer=200):
        self.answer, self.records, self.requests = answer, [], 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.requests += 1
                if hook.answer is None:
                    time.sleep(30)
                if hook.answer == 200:
                    hook.records.append(json.loads(body))
                self.send_response(hook.answer or 200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def ids(self):
        return [record["id"] for record in self.records]

    def close(self):
        threading.Thread(target=self._server.shutdown, daemon=True).start()
        self._server.server_close()


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.close()


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.01)


def lines(folder):
    """Those that are whole; one may be being written."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().split("\n")[:-1]]


def test_the_file_has_all_changes_and_receivers_those_from_the_confirmation_on(tmp_path, hook):
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    sent = [change(1, "suspected"), change(1), change(2, "suspected"), change(1, "cleared")]
    for each in sent:
        made.send(each)
    made.close()
    assert lines(tmp_path) == [each.as_json() for each in sent]
    assert hook.records == [sent[1].as_json(), sent[3].as_json()]


def test_a_line_is_on_the_disk_before_it_is_sent(tmp_path, monkeypatch):
    steps = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (fsync(file), steps.append("written through")))

    class Told:
        name, where = "told", "here"

        def take(self, line, sensor):
            assert line in (tmp_path / "events.jsonl").read_bytes()
            steps.append("taken")

        def close(self):
            steps.append("closed")

    made = EventSinks(tmp_path, [Told()])
    made.send(change(1))
    made.close()
    assert steps == ["written through", "taken", "closed"]


def test_a_receiver_that_answers_500_gets_every_line_in_order_when_it_is_well_again(tmp_path, hook):
    hook.answer = 500
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    for number in range(3):
        made.send(change(number))
    wait_until(lambda: hook.requests > 3)
    assert hook.records == [] and "500" in made.problems[0]
    hook.answer = 200
    wait_until(lambda: len(hook.records) == 3)
    made.close()
    assert hook.ids == ["id0", "id1", "id2"] and made.problems == []


def test_a_receiver_that_never_answers_holds_up_neither_the_watch_nor_the_others(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(sinks, "_PATIENCE", 0.3)
    silent = Hook(answer=None)
    other = Webhook(silent.url, timeout=20.0)
    other.name = "other"
    made = EventSinks(tmp_path, [other, Webhook(hook.url)])
    start = time.monotonic()
    for number in range(20):
        made.send(change(number))
    assert time.monotonic() - start < 1.0
    wait_until(lambda: len(hook.records) == 20)
    made.close()
    assert time.monotonic() - start < 5.0
    silent.close()


def test_what_was_not_sent_is_sent_at_the_next_start(tmp_path, hook):
    hook.answer = 503
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    for number in range(3):
        made.send(change(number))
    made.close()
    hook.answer = 200
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    made.send(change(3))
    made.close()
    assert hook.ids == ["id0", "id1", "id2", "id3"]


def test_what_was_sent_is_not_sent_again_and_a_new_receiver_gets_no_history(tmp_path, hook):
    first = EventSinks(tmp_path)
    first.send(change(0))
    first.close()
    for number in (1, 2):
        made = EventSinks(tmp_path, [Webhook(hook.url)])
        made.send(change(number))
        made.close()
    assert hook.ids == ["id1", "id2"]


def test_a_killed_process_leaves_its_confirmed_events_to_the_next(tmp_path, hook):
    hook.answer = 500

    def send_and_die():
        EventSinks(tmp_path, [Webhook(hook.url)]).send(change(7))
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=send_and_die)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    hook.answer = 200
    EventSinks(tmp_path, [Webhook(hook.url)]).close()
    assert hook.ids == ["id7"]


def test_half_a_line_that_a_crash_left_is_cut_off(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'{"id": "a"}\n{"id": "b')
    log = EventLog(tmp_path / "events.jsonl")
    log.append({"id": "c"})
    log.close()
    assert [record["id"] for record in lines(tmp_path)] == ["a", "c"]


def test_a_full_disk_loses_nothing_and_receivers_are_told_all_the_same(tmp_path, hook, monkeypatch):
    is_full, pwrite = threading.Event(), os.pwrite

    def write(file, data, place):
        if is_full.is_set():
            pwrite(file, data[:10], place)
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(file, data, place)

    monkeypatch.setattr(os, "pwrite", write)
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    made.send(change(0))
    is_full.set()
    made.send(change(1))
    made.send(change(2))
    wait_until(lambda: hook.ids == ["id0", "id1", "id2"])
    assert len(lines(tmp_path)) == 1 and "make room" in made.problems[0]
    is_full.clear()
    wait_until(lambda: made.problems == [])
    made.close()
    assert [record["id"] for record in lines(tmp_path)] == ["id0", "id1", "id2"]


def test_a_log_that_was_moved_away_begins_anew(tmp_path, hook):
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    for number in range(5):
        made.send(change(number))
    made.close()
    (tmp_path / "events.jsonl").rename(tmp_path / "old.jsonl")
    made = EventSinks(tmp_path, [Webhook(hook.url)])
    made.send(change(9))
    made.close()
    assert hook.ids[-1] == "id9" and len(hook.ids) == 6


@pytest.mark.parametrize("url", ["ftp://host/x", "http:///x", "host:80", "http://host:port/"])
def test_what_is_no_webhook_is_refused(url):
    with pytest.raises(InputError, match="no address of a webhook"):
        Webhook(url)


@pytest.mark.parametrize("url", ["http://host/topic", "mqtt://host", "mqtt://host/a/#", "mqtt://host:x/topic"])
def test_what_is_no_topic_is_refused(url):
    with pytest.raises(InputError, match="no topic of an MQTT broker"):
        Mqtt(url)


def test_without_paho_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(InputError, match=r"need paho-mqtt: pip install paho-mqtt\.$"):
        Mqtt("mqtt://host/topic")


def test_a_password_is_told_to_nobody():
    assert "secret" not in Webhook("https://me:secret@host/path?key=secret").where


@pytest.fixture
def subscriber(broker):
    """A client that has subscribed to all events, which are in `got` as topic and record."""
    client = importlib.import_module("paho.mqtt.client")
    made = client.Client(client.CallbackAPIVersion.VERSION2)
    made.got = []
    made.on_connect = lambda one, *_: one.subscribe("house/#", qos=1)
    made.on_message = lambda _, __, message: made.got.append((message.topic, json.loads(message.payload)))
    made.reconnect_delay_set(1, 1)
    made.connect_async("127.0.0.1", broker.port)
    made.loop_start()
    yield made
    made.disconnect()
    made.loop_stop()


def test_events_reach_a_broker_that_was_away(tmp_path, broker, subscriber):
    wait_until(subscriber.is_connected)
    made = EventSinks(tmp_path, [Mqtt(f"mqtt://127.0.0.1:{broker.port}/house/events", timeout=1.0)])
    made.send(change(0, sensor="a/b"))
    wait_until(lambda: len(subscriber.got) == 1)
    broker.stop()
    made.send(change(1))
    wait_until(lambda: made.problems)
    broker.start()
    wait_until(lambda: {record["id"] for _, record in subscriber.got} == {"id0", "id1"}, seconds=15.0)
    made.close()
    assert subscriber.got[0] == ("house/events/a_b", change(0, sensor="a/b").as_json())
    assert subscriber.got[-1] == ("house/events/hall", change(1).as_json())
