"""Frames that come as a stream of bytes: on standard input, and over TCP."""

import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import BinaryIO

from slowfast_thermal.errors import InputError
from slowfast_thermal.live.frames import Take, Tell, read_frame

# Seconds between looks whether all is to stop.
_LOOK = 0.2
# Connections at a time, and seconds of silence after which one makes room for another.
_MOST_CONNECTIONS, _SILENT = 64, 10.0


class Stream:
    """Frames on standard input."""

    name, is_live, sensor = "stdin", False, None

    def __init__(self, stream: BinaryIO | None = None):
        try:
            # A reader of its own: Python cannot end while a thread that waits for input holds the one of `sys.stdin`.
            self._stream = stream or open(sys.stdin.fileno(), "rb", closefd=False)
        except (AttributeError, OSError, ValueError):
            raise InputError("Standard input is closed: send frames there, or give another source.") from None

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        while not stop.is_set() and (frame := read_frame(self._stream)) is not None:
            take(frame, self.name)


@dataclass(eq=False)
class _Connection:
    """Who is connected: socket, address, and when the last frame came, 0 before the first one."""

    socket: socket.socket
    where: str
    last: float = 0.0

    def break_off(self) -> None:
        """Ends the reading of it."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is closed already
            pass


class Tcp:
    """Listens for connections, each of which sends frames of any sensors. A connection that sends anything else is closed.

    A sender that lost its power leaves a connection that seems open. So where too many are open the one that was silent for
    longest makes room: at once if it never sent a frame, else after some seconds.
    """

    is_live, sensor = True, None

    def __init__(self, host: str, port: int):
        try:
            self._socket = socket.create_server((host, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"Nothing can listen at {host}:{port} ({error}): give another address.") from None
        self._socket.settimeout(_LOOK)
        self.port = self._socket.getsockname()[1]
        self.name = f"tcp://{host}:{self.port}"
        # In the order in which they came.
        self._open: dict[_Connection, threading.Thread] = {}

    def run(self, take: Take, tell: Tell, stop: threading.Event) -> None:
        with self._socket:
            while not stop.is_set():
                try:
                    accepted, address = self._socket.accept()
                except TimeoutError:
                    continue
                self._admit(_Connection(accepted, f"{address[0]}:{address[1]}"), take, tell, stop)
        for connection, thread in list(self._open.items()):
            connection.break_off()
            thread.join(_LOOK)

    def _admit(self, connection: _Connection, take: Take, tell: Tell, stop: threading.Event) -> None:
        if len(self._open) >= _MOST_CONNECTIONS:
            oldest = min(list(self._open), key=lambda each: each.last)
            if time.monotonic() - oldest.last < _SILENT:
                tell(f"{connection.where} was turned away: {_MOST_CONNECTIONS} others are connected")
                connection.socket.close()
                return
            self._open.pop(oldest, None)
            oldest.break_off()
        thread = threading.Thread(target=self._serve, args=(connection, take, tell, stop), daemon=True)
        self._open[connection] = thread
        thread.start()

    def _serve(self, connection: _Connection, take: Take, tell: Tell, stop: threading.Event) -> None:
        where = connection.where
        tell(f"{where} is connected")
        try:
            with connection.socket, connection.socket.makefile("rb") as stream:
                while not stop.is_set():
                    frame = read_frame(stream)
                    if frame is None:
                        tell(f"{where} has closed its connection")
                        return
                    connection.last = time.monotonic()
                    take(frame, f"{self.name} ({where})")
        except (InputError, OSError) as error:
            tell(f"{where} was cut off: {error}")
        finally:
            self._open.pop(connection, None)
