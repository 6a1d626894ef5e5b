"""Frames on their way from a sensor: a line of JSON, then the readings.

    {"sensor": "HALL", "timestamp": 1700000000000, "height": 40, "width": 60, "type": "float32", "unit": "celsius"}\\n

and height * width readings in raster order, little-endian, of the type. `timestamp` is in milliseconds; `type` is one of TYPES, and
`unit` one that recordings may have ("kelvin", "centikelvin", ...; "celsius" where none is given). The same goes for a TCP
connection, for standard input, and for each message of an MQTT broker.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from slowfast_thermal.datasets.units import UNITS, find_unit
from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import LARGEST_WHOLE

TYPES = {name: np.dtype(name).newbyteorder("<") for name in ("float32", "float64", "int16", "uint16", "int32")}
# What is longer is none of ours, and is not read.
_MOST_HEADER, _MOST_PIXELS, _MOST_NAME = 1024, 2**22, 200


@dataclass(frozen=True)
class Frame:
    """What a sensor measured at one time.

    Attributes:
        sensor: its name.
        timestamp: milliseconds.
        temperatures: (H, W) float32 degrees Celsius, as they came.
    """

    sensor: str
    timestamp: int
    temperatures: np.ndarray


Take = Callable[[Frame, str], None]
"""Takes a frame of a source, and who sent it, in words."""
Tell = Callable[[str], None]
"""Is told what happens to a source."""


def encode(frame: Frame) -> bytes:
    """A frame as it is sent, in float32 degrees Celsius."""
    height, width = frame.temperatures.shape
    header = {"sensor": frame.sensor, "timestamp": frame.timestamp, "height": height, "width": width, "type": "float32"}
    readings = np.ascontiguousarray(frame.temperatures, TYPES["float32"])
    return json.dumps(header | {"unit": "celsius"}, ensure_ascii=False).encode() + b"\n" + readings.tobytes()


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame of a stream; None at its end.

    Raises:
        InputError: what comes is no frame, so nothing that follows can be read.
        OSError: the stream breaks.
    """
    line = stream.readline(_MOST_HEADER)
    if not line:
        return None
    header = _header(line)
    size = header.height * header.width * header.type.itemsize
    readings = stream.read(size)
    if len(readings) < size:
        raise InputError(f"A frame of {header.sensor} ends after {len(readings)} of {size} bytes: send all of it.")
    return _frame(header, readings)


def decode(message: bytes) -> Frame:
    """The frame of one message. Raises InputError if it is none."""
    line, _, readings = message.partition(b"\n")
    header = _header(line)
    size = header.height * header.width * header.type.itemsize
    if len(readings) != size:
        raise InputError(f"A frame of {header.sensor} has {len(readings)} bytes of readings, but needs {size}.")
    return _frame(header, readings)


@dataclass(frozen=True)
class _Header:
    sensor: str
    timestamp: int
    height: int
    width: int
    type: np.dtype
    unit: str


def _header(line: bytes) -> _Header:
    shown = repr(line[:60])
    try:
        fields = json.loads(line)
        sensor, time, height, width = (fields[key] for key in ("sensor", "timestamp", "height", "width"))
        kind, unit = TYPES[fields.get("type", "float32")], fields.get("unit", "celsius")
        numbers_fit = all(type(number) is int for number in (time, height, width)) and abs(time) <= LARGEST_WHOLE
        names_fit = isinstance(sensor, str) and 0 < len(sensor) <= _MOST_NAME and sensor.isprintable()
        is_frame = numbers_fit and names_fit and min(height, width) > 0 and height * width <= _MOST_PIXELS
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_frame = False
    if not is_frame:
        raise InputError(
            f"{shown} does not begin a frame: send a line such as "
            '{"sensor": "A", "timestamp": 0, "height": 40, "width": 60, "type": "float32", "unit": "celsius"}.'
        )
    if not isinstance(unit, str) or find_unit(unit) is None:
        raise InputError(f"A frame of {sensor} has the unit {unit!r}: give one of {', '.join(UNITS)}.")
    return _Header(sensor, time, height, width, kind, unit)


def _frame(header: _Header, readings: bytes) -> Frame:
    with np.errstate(over="ignore"):  # what no float32 holds is no temperature
        temperatures = np.frombuffer(readings, header.type).astype(np.float32).reshape(header.height, header.width)
    find_unit(header.unit).to_celsius(temperatures)
    return Frame(header.sensor, header.timestamp, temperatures)
