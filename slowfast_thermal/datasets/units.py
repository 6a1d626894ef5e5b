"""Units of stored temperatures, and what makes degrees Celsius of them.

A recording says its unit in an attribute `unit` of its data set `frames` or of the file, or in `scale` and `offset`, with
which Celsius = stored * scale + offset. Names that netCDF uses (`units`, `scale_factor`, `add_offset`) mean the same.
"""

import math
from dataclasses import dataclass, replace
from itertools import chain

import h5py
import numpy as np

from slowfast_thermal.errors import InputError


@dataclass(frozen=True)
class Unit:
    """Celsius = (stored - zero) * scale, which for whole numbers has one rounding only.

    Attributes:
        name: as in UNITS, or what was found in the file.
        zero: the stored value of 0 degrees Celsius.
        scale: degrees Celsius of one step of the stored value.
        attribute: the attribute of the file that says so, empty if none does.
    """

    name: str
    zero: float
    scale: float
    attribute: str = ""

    def to_celsius(self, values: np.ndarray) -> None:
        """Makes degrees Celsius of stored values, floating point numbers, in place."""
        if self.zero:
            values -= self.zero
        if self.scale != 1:
            values *= self.scale


UNITS = {
    unit.name: unit
    for unit in (
        Unit("celsius", 0, 1),
        Unit("kelvin", 273.15, 1),
        Unit("fahrenheit", 32, 5 / 9),
        *(
            Unit(f"{prefix}{name}", zero * parts, 1 / parts)
            for prefix, parts in (("deci", 10), ("centi", 100), ("milli", 1000))
            for name, zero in (("celsius", 0), ("kelvin", 273.15))
        ),
    )
}

# Attributes that mean the same.
_ATTRIBUTES = ("unit", "units"), ("scale", "scale_factor"), ("offset", "add_offset")

_SHORT = {
    "c": "celsius",
    "k": "kelvin",
    "f": "fahrenheit",
    "ck": "centikelvin",
    "dk": "decikelvin",
    "mk": "millikelvin",
}


def find_unit(name: str) -> Unit | None:
    """The unit of a name such as "Kelvin", "K", "degC", "°F" or "degrees Celsius"; None if it is unknown."""
    plain = name.strip().lower().replace("°", "")
    for word in ("degrees", "degree", "deg"):
        plain = plain.removeprefix(word)
    plain = plain.replace(" ", "").replace("_", "").replace("-", "")
    return UNITS.get(_SHORT.get(plain, plain))


def linear_unit(scale: float, offset: float, attribute: str = "") -> Unit:
    """The unit of stored values of which stored * scale + offset are degrees Celsius; `scale` is not 0."""
    return Unit("counts", -offset / scale, scale, attribute)


def said_unit(frames: h5py.Dataset, where: str) -> Unit | None:
    """The unit that attributes give stored frames, None if there are no such attributes.

    Args:
        frames: of a recording.
        where: names the recording in messages.

    Raises:
        InputError: an unknown unit, or attributes that contradict each other.
    """
    found = _attributes(frames)
    unit, scale, offset = (found.get(names[0]) or found.get(names[1]) for names in _ATTRIBUTES)
    if scale or offset:
        if unit and _known_unit(unit, where).name != "celsius":
            raise InputError(
                f"{where}: the attributes '{unit[0]}' ({unit[1]}) and '{(scale or offset)[0]}' both say how to get degrees "
                "Celsius: keep one of them."
            )
        factor, shift = _number(scale, 1.0, where), _number(offset, 0.0, where)
        if factor == 0:
            raise InputError(f"{where}: the attribute '{scale[0]}' is 0: write the degrees Celsius of one count.")
        return linear_unit(factor, shift, (scale or offset)[0])
    return replace(_known_unit(unit, where), attribute=unit[0]) if unit else None


def unit_of(frames: h5py.Dataset, where: str, default: str) -> Unit:
    """The unit of stored frames.

    Args:
        frames: of a recording.
        where: names the recording in messages.
        default: name of the unit of frames that do not say it; if empty, floating point numbers are degrees Celsius.

    Raises:
        InputError: an unknown unit, attributes that contradict each other, or whole numbers without a unit.
    """
    if said := said_unit(frames, where):
        return said
    if not default and np.issubdtype(frames.dtype, np.integer):
        raise InputError(
            f"{where}: 'frames' has shape {frames.shape} and type {frames.dtype}, counts of no known unit: write the "
            "attribute 'unit', or 'scale' and 'offset' to degrees Celsius, or set THERMAL.UNIT."
        )
    if default and find_unit(default) is None:
        raise InputError(f"THERMAL.UNIT is {default!r}: give one of {', '.join(UNITS)}, or an empty string.")
    return find_unit(default or "celsius")


def _attributes(frames: h5py.Dataset) -> dict[str, tuple[str, object]]:
    """Those of the attributes that the frames have, else their file, each with its name."""
    found = {}
    for place in (frames.file, frames):
        attributes = place.attrs if h5py.h5a.get_num_attrs(place.id) else {}
        found |= {name: (name, attributes[name]) for name in chain(*_ATTRIBUTES) if name in attributes}
    return found


def _known_unit(attribute: tuple[str, object], where: str) -> Unit:
    name, value = attribute
    if isinstance(value, np.ndarray) and value.size == 1:  # as some programs write a single text
        value = value.item()
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    unit = find_unit(text)
    if unit is None:
        raise InputError(
            f"{where}: the attribute '{name}' is {text!r}, which is no known unit: write one of {', '.join(UNITS)}, or "
            "'scale' and 'offset' to degrees Celsius instead."
        )
    return unit


def _number(attribute: tuple[str, object] | None, default: float, where: str) -> float:
    if attribute is None:
        return default
    name, value = attribute
    try:
        number = float(np.asarray(value).item())
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: the attribute '{name}' is {value!r}: write one finite number.")
    return number
