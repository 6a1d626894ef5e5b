"""Where frames come from. A source is one class with `name`, `is_live` and `run`; `open_source` knows them by what they are called.

A live source cannot be kept waiting: where its frames are not taken in time, the oldest ones are passed over. The others wait.
"""

import select
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

import h5py
import numpy as np

from slowfast_thermal.datasets.hdf5 import open_dataset, open_file
from slowfast_thermal.datasets.units import unit_of
from slowfast_thermal.errors import InputError
from slowfast_thermal.live.frames import Frame, decode, read_frame
from slowfast_thermal.live.mqtt import open_broker

# Seconds between looks at a file that grows, at a socket, and whether all is to stop.
_LOOK = 0.2
# Frames of a file that are read at a time, connections at a time, and bytes of a message.
_PART, _MOST_CONNECTIONS, _MOST_MESSAGE = 64, 64, 64 * 2**20

Take = Callable[[Frame], None]
Tell = Callable[[str], None]


class Source(Protocol):
    """Gives frames until it ends or is to stop.

    Attributes:
        name: as it was called.
        is_live: whether its frames come when they come.
    """

    name: str
    is_live: bool

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        """Gives each frame to `take`, and what happens to `tell`, in a thread of its own.

        Raises:
            InputError: it cannot go on.
        """


class Replay:
    """A recording, at its own speed, another one, or as fast as it is taken (0)."""

    is_live = False

    def __init__(self, path: Path, speed: float, unit: str):
        self.name, self._path, self._speed, self._unit = f"replay:{path}", path, speed, unit
        open_file(path).close()

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        with open_file(self._path) as file:
            frames, times = (open_dataset(file, key, self._path) for key in ("frames", "timestamps"))
            unit, started = unit_of(frames, str(self._path), self._unit), time.monotonic()
            for start in range(0, len(times), _PART):
                stored, at = frames[start : start + _PART], times[start : start + _PART]
                for readings, timestamp in zip(stored, at.tolist()):
                    if self._speed:
                        due = started + (timestamp - int(times[0])) / 1000 / self._speed
                        stop.wait(max(due - time.monotonic(), 0))
                    if stop.is_set():
                        return
                    take(Frame(self._path.stem, timestamp, _celsius(readings, unit)))


class Followed:
    """A recording that another program is still writing, with `libver="latest"` and SWMR on; ends with that program's mark.

    Frames that are there already are taken first.
    """

    is_live = True

    def __init__(self, path: Path, unit: str):
        self.name, self._path, self._unit = f"follow:{path}", path, unit
        if not path.is_file():
            raise InputError(f"Recording '{path}' does not exist: start the recorder first.")

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        try:
            file = h5py.File(self._path, "r", libver="latest", swmr=True)
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be followed ({error}): its recorder must write it with libver 'latest' and SWMR on."
            ) from None
        with file:
            frames, times = file["frames"], file["timestamps"]
            unit, taken = unit_of(frames, str(self._path), self._unit), 0
            while not stop.is_set():
                times.refresh()
                frames.refresh()
                there = min(len(times), len(frames))
                while taken < there and not stop.is_set():
                    end = min(taken + _PART, there)
                    for readings, timestamp in zip(frames[taken:end], times[taken:end].tolist()):
                        take(Frame(self._path.stem, timestamp, _celsius(readings, unit)))
                    taken = end
                stop.wait(_LOOK)


class Stream:
    """Frames on standard input."""

    name, is_live = "stdin", False

    def __init__(self, stream: BinaryIO | None = None):
        self._stream = stream or sys.stdin.buffer

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._stream is sys.stdin.buffer and not self._stream.peek(1):
                return
            frame = read_frame(self._stream)
            if frame is None:
                return
            take(frame)


class Tcp:
    """Listens for connections, each of which sends frames of any sensors. A connection that sends anything else is closed."""

    is_live = True

    def __init__(self, host: str, port: int):
        try:
            self._socket = socket.create_server((host, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"Nothing can listen at {host}:{port} ({error}): give another address.") from None
        self._socket.settimeout(_LOOK)
        self.port = self._socket.getsockname()[1]
        self.name = f"tcp://{host}:{self.port}"
        self._connections: set[threading.Thread] = set()

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        with self._socket:
            while not stop.is_set():
                try:
                    connection, address = self._socket.accept()
                except TimeoutError:
                    continue
                self._connections = {thread for thread in self._connections if thread.is_alive()}
                where = f"{address[0]}:{address[1]}"
                if len(self._connections) >= _MOST_CONNECTIONS:
                    tell(f"{where} was turned away: {_MOST_CONNECTIONS} others are connected")
                    connection.close()
                    continue
                thread = threading.Thread(target=self._serve, args=(connection, where, take, tell, stop), daemon=True)
                self._connections.add(thread)
                thread.start()
        for thread in self._connections:
            thread.join(2 * _LOOK)

    def _serve(self, connection: socket.socket, where: str, take: Take, tell: Tell, stop: threading.Event) -> None:
        tell(f"{where} is connected")
        with connection, connection.makefile("rb") as stream:
            try:
                while not stop.is_set():
                    if not select.select([connection], [], [], _LOOK)[0] and not stream.peek(1):
                        continue
                    frame = read_frame(stream)
                    if frame is None:
                        tell(f"{where} has closed its connection")
                        return
                    take(frame)
            except (InputError, OSError) as error:
                tell(f"{where} was cut off: {error}")


class Mqtt:
    """Messages of a broker's topic, a frame each; the connection is made anew where it breaks."""

    is_live = True

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
                take(decode(message.payload))
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


def _celsius(readings: np.ndarray, unit) -> np.ndarray:
    temperatures = readings.astype(np.float32)
    unit.to_celsius(temperatures)
    return temperatures
