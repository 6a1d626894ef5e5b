"""What frames and events by MQTT have in common: the address of a topic, and a client of its broker."""

import importlib
import urllib.parse
from typing import Any, NamedTuple

from slowfast_thermal.errors import InputError


class Broker(NamedTuple):
    """A topic of a broker, and a client that is not connected yet."""

    client: Any
    """Of paho-mqtt."""
    host: str
    port: int
    topic: str

    @property
    def where(self) -> str:
        """The address without a password."""
        return f"mqtt://{self.host}:{self.port}/{self.topic}"


def open_broker(url: str, what: str, longest_pause: int, wildcards: bool) -> Broker:
    """The broker of mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC.

    Args:
        what: goes by it, for messages.
        longest_pause: seconds between attempts to connect again.
        wildcards: whether the topic may stand for several.

    Raises:
        InputError: the address is none, or paho-mqtt is not installed.
    """
    try:
        parts = urllib.parse.urlsplit(url, allow_fragments=False)
        port, topic = parts.port or 1883, parts.path.strip("/")
        is_topic = parts.scheme == "mqtt" and bool(parts.hostname and topic)
    except ValueError:
        is_topic = False
    if not is_topic or not wildcards and {"+", "#"} & set(topic):
        raise InputError(f"'{url}' is no topic of an MQTT broker: give mqtt://HOST:PORT/TOPIC.")
    try:
        paho = importlib.import_module("paho.mqtt.client")
        versions = importlib.import_module("paho.mqtt.enums").CallbackAPIVersion
    except ImportError:
        raise InputError(f"{what} by MQTT need paho-mqtt: pip install paho-mqtt.") from None
    client = paho.Client(versions.VERSION2)
    if parts.username:
        unquote = urllib.parse.unquote
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    client.reconnect_delay_set(1, longest_pause)
    return Broker(client, parts.hostname, port, topic)
