"""The page as it is asked for over HTTP: what it shows, to whom, and that the watch goes on whatever is asked."""

import base64
import hashlib
import http.client
import json
import re
import socket
import threading
import urllib.parse
from types import SimpleNamespace

import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.live.web import gate, view
from slowfast_thermal.live.web.server import WebPage
from tests.live.web.conftest import NASTY, START, frames_of


def ask(page, path="", query="", headers={}):
    """Status, body and headers; the path goes out as it is, redirects are not followed."""
    url = urllib.parse.urlsplit(page.url)
    connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=10)
    try:
        connection.request("GET", f"/{path}{query}", headers={"Host": f"127.0.0.1:{url.port}"} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def sensors_query(*names):
    return "?" + urllib.parse.urlencode([("sensor", name) for name in names])


def test_pictures_are_the_last_frames_with_their_people(page, watched):
    status, body, _ = ask(page, "pictures", sensors_query("hall", NASTY))
    assert status == 200
    for name in ("hall", NASTY):
        line, _, body = body.partition(b"\n")
        header = json.loads(line)
        size = header["height"], header["width"]
        pixels, body = np.frombuffer(body[: size[0] * size[1]], np.uint8).reshape(size), body[size[0] * size[1] :]
        *_, last = frames_of(name)
        low, high = header["low"], header["high"]
        shown = low + pixels / 255 * (high - low)
        expected = np.clip(last.temperatures, low, high)
        np.testing.assert_allclose(shown, expected, atol=(high - low) / 255 + 0.1)
        assert header["sensor"] == name and header["time"] == last.timestamp and (low, high) != (0, 0)
        (person,) = header["people"]
        ys, xs = np.nonzero(last.temperatures > 25)
        blob = [xs.min() / 60, ys.min() / 40, (xs.max() + 1) / 60, (ys.max() + 1) / 40]
        np.testing.assert_allclose(person["box"], blob, atol=0.05)
        assert (person["action"], person["score"]) == (NASTY, 0.9)
    assert not body


def test_a_large_frame_is_sent_with_fewer_pixels(new_watch):
    watch = new_watch().run("large", seconds=1, height=500, width=700)
    header, _, pixels = watch.view.pictures(["large"]).partition(b"\n")
    header = json.loads(header)
    assert (header["height"], header["width"]) == (167, 234) and len(pixels) == 167 * 234


def test_the_timeline_has_the_strongest_class_of_every_moment(page):
    status, body, _ = ask(page, "timelines", sensors_query("hall"))
    moments = json.loads(body)["sensors"]["hall"]
    assert status == 200 and moments[-1][0] == START + 29_750
    assert np.diff([time for time, _ in moments[:-1]]).tolist() == [1000] * (len(moments) - 2)
    assert moments[-1][1] == [[1, NASTY, 0.9]]


def test_the_state_has_health_and_events(page, watched):
    status, body, _ = ask(page, "state")
    state = json.loads(body)
    assert status == 200 and state["sensors"].keys() == {"hall", NASTY}
    assert state["sensors"]["hall"]["frames"] == 120
    ended = {change.id for change in watched.changes if change.type == "end"}
    assert len(ended) == 2 and {event["id"] for event in state["recent"]} == ended
    assert {event["class"] for event in state["recent"]} == {"fall " + NASTY}


@pytest.mark.parametrize("path", ["pictures", "timelines"])
def test_sensors_that_are_unknown_none_or_too_many_are_refused(page, path):
    assert ask(page, path, sensors_query("hall", "cellar"))[0] == 404
    assert ask(page, path)[0] == 400
    assert ask(page, path, sensors_query(*17 * ["hall"]))[0] == 400


def test_a_clip_is_had_by_the_id_of_its_event_alone(page, watched):
    folder = watched.view._clips / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    id = watched.changes[0].id
    assert ask(page, f"clips/{id}.h5")[0] == 404
    (folder / f"{id}.h5").write_bytes(b"clip")
    (folder / "other.h5").write_bytes(b"secret")
    (folder.parent / "other.h5").write_bytes(b"secret")
    status, body, headers = ask(page, f"clips/{id}.h5")
    assert (status, body) == (200, b"clip") and f'filename="{id}.h5"' in headers["Content-Disposition"]
    for path in (
        "other",
        "../other",
        "..%2fother",
        "%2e%2e/other",
        f"..%2fframes%2f{id}",
        "..%5cother",
        f"{id}.h5%00",
        "",
    ):
        assert ask(page, f"clips/{path}.h5")[0] == 404, path
    assert ask(page, "../../../../etc/passwd")[0] == 404


def test_the_page_holds_nothing_of_the_watch_and_runs_nothing_but_its_own_script(page):
    status, body, headers = ask(page)
    text = body.decode()
    assert status == 200 and "hall" not in text and NASTY not in text
    script, style = (re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[0] for tag in ("script", "style"))
    for name, part in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(r"innerHTML\s*=[^=]|insertAdjacentHTML|document\.write|eval\(|https?://", text)


def test_on_this_machine_no_token_is_needed_but_the_name_must_be_its_own(page):
    assert "token" not in page.url
    assert ask(page, headers={"Host": "localhost"})[0] == 200
    assert ask(page, "state", headers={"Host": "elsewhere.example"})[0] == 403


def test_on_any_other_address_a_token_is_made_and_needed(watched):
    with WebPage("0.0.0.0:0", None, watched.view) as page, WebPage("0.0.0.0:0", None, watched.view) as other:
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["token"][0]
        assert len(token) >= 20 and token not in other.url
        for path in ("", "state", "pictures", "timelines", "clips/x.h5", "nowhere"):
            for query in ("", "?token=", "?token=wrong", f"?token={token[:-1]}", f"?token={token}x", "?token=%C3%A4"):
                assert ask(page, path, query)[0] == 401, (path, query)
        assert ask(page, "state", f"?token={token}")[0] == 200


def test_a_browser_that_had_the_token_remembers_it_and_shows_it_nowhere(watched):
    with WebPage("127.0.0.1:0", "open sesame ä", watched.view) as page:
        assert "token" not in page.url and ask(page)[0] == 401
        status, _, headers = ask(page, query="?" + urllib.parse.urlencode({"token": "open sesame ä"}))
        assert status == 303 and "token" not in headers["Location"]
        assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=strict" in headers["Set-Cookie"]
        cookie = headers["Set-Cookie"].split(";")[0]
        assert "sesame" not in cookie
        assert ask(page, headers={"Cookie": cookie})[0] == 200
        assert ask(page, headers={"Cookie": cookie[:-1]})[0] == 401


@pytest.mark.parametrize(
    "address", ["here", "localhost:", "localhost:many", "127.0.0.1:70000", "no.such.host.invalid:80"]
)
def test_what_is_no_address_is_refused(watched, address):
    with pytest.raises(InputError, match="HOST:PORT"):
        WebPage(address, None, watched.view)


def test_an_address_that_is_taken_is_refused(watched, page):
    with pytest.raises(InputError, match="cannot be listened at"):
        WebPage(urllib.parse.urlsplit(page.url).netloc, None, watched.view)


def test_a_short_token_is_refused(watched):
    with pytest.raises(InputError, match="too short"):
        WebPage("127.0.0.1:0", "1234", watched.view)


def test_many_pages_make_the_watch_no_more_work_than_one(new_watch, monkeypatch):
    watch = new_watch().run("hall", seconds=3)
    calls, status = [], watch.watcher.status
    monkeypatch.setattr(watch.watcher, "status", lambda: calls.append(1) or status())
    for module in (gate, view):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 5.0))
    with WebPage("127.0.0.1:0", None, watch.view) as page:
        answers = [ask(page, "state")[0] for _ in range(gate._MOST_REQUESTS + 20)]
    assert answers == [200] * gate._MOST_REQUESTS + [503] * 20
    assert len(calls) == 1


def test_an_error_while_answering_ends_neither_server_nor_watch(new_watch, monkeypatch):
    watch = new_watch().run("hall", seconds=3)

    def broken():
        raise RuntimeError("broken")

    monkeypatch.setattr(watch.view, "_state", broken)
    with WebPage("127.0.0.1:0", None, watch.view) as page:
        assert ask(page, "state")[0] == 500
        assert ask(page, "timelines", sensors_query("hall"))[0] == 200


def test_a_watch_gives_the_same_while_clients_ask_without_pause_or_hold_the_line(new_watch):
    expected, watch = new_watch().run("hall", "yard"), new_watch()
    with WebPage("127.0.0.1:0", None, watch.view) as page:
        port = urllib.parse.urlsplit(page.url).port
        lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for line in lines:
            line.sendall(b"GET /state HTTP/1.1\r\nHost: ")
        running, statuses = watch.start("hall", "yard"), set()

        def press():
            while running.is_alive():
                statuses.add(ask(page, "pictures", sensors_query("hall", "yard"))[0])
                statuses.add(ask(page, "state")[0])

        clients = [threading.Thread(target=press) for _ in range(3)]
        for client in clients:
            client.start()
        running.join(60)
        for client in clients:
            client.join(10)
        assert not running.is_alive() and 200 in statuses and statuses <= {200, 404, 503}
        for line in lines:
            line.close()
    for sensor in ("hall", "yard"):
        assert watch.recent.moments(sensor) == expected.recent.moments(sensor)
        assert watch.of(sensor) == expected.of(sensor) != []
