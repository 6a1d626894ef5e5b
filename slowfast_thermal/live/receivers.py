"""Receivers of events on the network."""

import urllib.parse
import urllib.request
from typing import Protocol

from slowfast_thermal.errors import InputError
from slowfast_thermal.live.mqtt import open_broker

# Seconds for which a receiver may keep silent.
_TIMEOUT = 10.0


class Receiver(Protocol):
    """Takes one line after another, from one thread.

    Attributes:
        name: of the kind of receiver.
        where: its address, without a password.
    """

    name: str
    where: str

    def take(self, line: bytes, sensor: str) -> None:
        """Hands over a line of JSON about an event of a sensor; raises any Exception if it was not taken."""

    def close(self) -> None:
        """Lets go of the receiver; never raises."""


class Webhook:
    """Each line is the body of a POST request; any status of 200 to 299 means that it was taken.

    Raises:
        InputError: the address is none of HTTP.
    """

    name = "webhook"

    def __init__(self, url: str, timeout: float = _TIMEOUT):
        try:
            parts = urllib.parse.urlsplit(url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url:
            raise InputError(f"'{url}' is no address of a webhook: give one such as http://HOST:PORT/PATH.")
        self._url, self._timeout = url, timeout
        self.where = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def take(self, line: bytes, sensor: str) -> None:
        request = urllib.request.Request(self._url, line, {"Content-Type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=self._timeout) as answer:
            if not 200 <= answer.status < 300:
                raise ConnectionError(f"answered {answer.status}")

    def close(self) -> None:
        pass


class Mqtt:
    """Each line is published at TOPIC/SENSOR with quality of service 1, and taken when the broker says so.

    Args:
        url: mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC.
        timeout: seconds in which the broker has to answer.

    Raises:
        InputError: the address is none, or paho-mqtt is not installed.
    """

    name = "mqtt"

    def __init__(self, url: str, timeout: float = _TIMEOUT):
        broker = open_broker(url, "Events", longest_pause=60, wildcards=False)
        self._client, self._topic, self._timeout = broker.client, broker.topic, timeout
        self.where = broker.where
        self._client.connect_async(broker.host, broker.port)
        self._client.loop_start()

    def take(self, line: bytes, sensor: str) -> None:
        if not self._client.is_connected():
            raise ConnectionError("not connected")
        level = "".join("_" if character in "+#/" else character for character in sensor)
        message = self._client.publish(f"{self._topic}/{level}", line.rstrip(b"\n"), qos=1)
        message.wait_for_publish(self._timeout)
        if not message.is_published():
            raise TimeoutError("the broker does not answer")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
