"""Where frames come from. A source is one class with `name`, `is_live` and `run`; `open_source` knows them by what they are called.

A live source cannot be kept waiting: where its frames are not taken in time, the oldest ones are passed over. The others wait.
"""

import threading
import urllib.parse
from pathlib import Path
from typing import Protocol

from slowfast_thermal.errors import InputError
from slowfast_thermal.live.connections import Stream, Tcp
from slowfast_thermal.live.frames import Take, Tell, decode
from slowfast_thermal.live.mqtt import open_broker
from slowfast_thermal.live.recorded import Followed, Replay

# Bytes of a message.
_MOST_MESSAGE = 64 * 2**20


class Source(Protocol):
    """Gives frames until it ends or is to stop.

    Attributes:
        name: as it was called.
        is_live: whether its frames come when they come.
        sensor: of which all frames are, None where each frame says it.
    """

    name: str
    is_live: bool
    sensor: str | None

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        """Gives each frame to `take`, and what happens to `tell`, in a thread of its own.

        Raises:
            InputError: it cannot go on.
        """


class Mqtt:
    """Messages of a broker's topic, a frame each; the connection is made anew where it breaks."""

    is_live, sensor = True, None

    def __init__(self, url: str):
        self._broker = open_broker(url, "Frames", longest_pause=30, wildcards=True)
        self.name = self._broker.where

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        def connected(client, _data, _flags, reason, _properties) -> None:
            if reason.is_failure:
                tell(f"the broker refuses the connection ({reason})")
                return
            client.subscribe(self._broker.topic, qos=1)
            tell("connected to the broker")

        def disconnected(_client, _data, _flags, reason, _properties) -> None:
            tell(f"the connection to the broker broke ({reason})" if reason.is_failure else "disconnected")

        def arrived(_client, _data, message) -> None:
            try:
                if len(message.payload) > _MOST_MESSAGE:
                    raise InputError(f"A message of {len(message.payload)} bytes is no frame.")
                take(decode(message.payload), f"{self.name} ({message.topic})")
            except InputError as error:
                tell(f"a message was passed over: {error}")

        client = self._broker.client
        client.on_connect, client.on_disconnect, client.on_message = connected, disconnected, arrived
        client.connect_async(self._broker.host, self._broker.port)
        client.loop_start()
        stop.wait()
        client.disconnect()
        client.loop_stop()


def open_source(text: str, speed: float = 1.0, unit: str = "") -> Source:
    """The source of this name.

    Args:
        text: replay:FILE.h5, follow:FILE.h5, tcp://HOST:PORT (listens there), mqtt://HOST:PORT/TOPIC or stdin.
        speed: of replays; 0: as fast as they are taken.
        unit: THERMAL.UNIT, of files that do not say it themselves.

    Raises:
        InputError: there is no such source, or it cannot be opened.
    """
    kind, _, rest = text.partition(":")
    if text in ("stdin", "-"):
        return Stream()
    if kind == "replay":
        return Replay(Path(rest), speed, unit)
    if kind == "follow":
        return Followed(Path(rest), unit)
    if kind == "mqtt":
        return Mqtt(text)
    if kind == "tcp":
        try:
            parts = urllib.parse.urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if host and port is not None:
            return Tcp(host, port)
    raise InputError(
        f"'{text}' is no source: give replay:FILE.h5, follow:FILE.h5, tcp://HOST:PORT, mqtt://HOST:PORT/TOPIC or stdin."
    )
