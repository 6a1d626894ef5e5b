"""Whether a recording's temperatures can be what they are taken for: their unit, their range, failed reads among them."""

import numpy as np

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.units import UNITS, Unit
from slowfast_thermal.errors import InputError

# Share of the readings outside THERMAL.TEMPERATURE_RANGE from which on the range, or the unit, is not theirs.
MOSTLY_OUTSIDE = 0.95
# A number that stands for failed reads is the lowest or highest of all, or one of two; it stands there at least so often,
_MIN_FAILED, _MAX_NUMBERS = 20, 2
# and so many degrees from all readings; a hot thing in a room may stand out, so there it takes more.
_GAP_BELOW, _GAP_ABOVE = 3.0, 20.0
# Values that are looked at to tell a unit.
_SAMPLE = 100_000
# Parts of a recording that are looked at to tell whether its range is meant.
_NUM_PARTS = 4


class _Lowest:
    """The lowest distinct values of all that were added, each with how often it stands there."""

    def __init__(self):
        self.counts: dict[float, int] = {}

    def add(self, values: np.ndarray) -> None:
        """Adds values; numbers that are not finite must not be among them."""
        for _ in range(_MAX_NUMBERS + 1):
            if not len(values):
                break
            lowest = values.min()
            rest = values[values > lowest]
            self.counts[float(lowest)] = self.counts.get(float(lowest), 0) + len(values) - len(rest)
            values = rest
        self.counts = dict(sorted(self.counts.items())[: _MAX_NUMBERS + 1])

    def failed(self, gap: float) -> tuple[list[float], float] | None:
        """The numbers that stand for failed reads and the nearest reading, None if there are no such numbers."""
        values = list(self.counts)
        for number in range(1, len(values)):
            if self.counts[values[number - 1]] < _MIN_FAILED:
                break
            if values[number] - values[number - 1] >= gap:
                return values[:number], values[number]
        return None


class TemperatureTally:
    """Counts readings of a recording, part by part.

    Args:
        temperature_range: THERMAL.TEMPERATURE_RANGE, degrees Celsius.
    """

    def __init__(self, temperature_range: tuple[float, float]):
        self.range = temperature_range
        self.num_readings = self.num_outside = 0
        self._lowest, self._highest = _Lowest(), _Lowest()

    def add(self, frames: np.ndarray) -> None:
        """Adds frames of any shape in degrees Celsius, NaN where a reading is missing."""
        readings = frames[~np.isnan(frames)]
        low, high = self.range
        self.num_readings += len(readings)
        self.num_outside += len(readings) - int(np.count_nonzero((readings >= low) & (readings <= high)))
        self._lowest.add(readings)
        self._highest.add(-readings)

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest reading."""
        return min(self._lowest.counts), -min(self._highest.counts)

    def fault(self, recording: Recording) -> str | None:
        """What is wrong, in one sentence with the remedy; None if nothing is."""
        path, unit = recording.path, recording.unit
        low, high = self.range
        if not self.num_readings:
            valid = f"[{recording.valid_range[0]:g}, {recording.valid_range[1]:g}]"
            return f"{path}: no reading lies inside THERMAL.VALID_RANGE {valid} {_taken(unit)}{_remedy(recording, self.range)}."
        least, most = self.span
        if self.num_outside >= MOSTLY_OUTSIDE * self.num_readings:
            return (
                f"{path}: {self.num_outside / self.num_readings:.0%} of the readings, {least:.1f} to {most:.1f} degrees "
                f"Celsius {_taken(unit)}, lie outside THERMAL.TEMPERATURE_RANGE [{low:g}, {high:g}]"
                f"{_remedy(recording, self.range)}."
            )
        if least == most:
            return f"{path}: every reading is {least:g} degrees Celsius, so there is nothing to see: check the sensor."
        for tally, gap, sign in ((self._lowest, _GAP_BELOW, 1), (self._highest, _GAP_ABOVE, -1)):
            if found := tally.failed(gap):
                numbers, nearest = [sign * number for number in found[0]], sign * found[1]
                edge = round((numbers[-1] + nearest) / 2, 1)
                kept = [edge, recording.valid_range[1]] if sign > 0 else [recording.valid_range[0], edge]
                listed = " and ".join(f"{number:g}" for number in numbers)
                return (
                    f"{path}: {sum(tally.counts[number] for number in found[0])} readings are exactly {listed} degrees Celsius "
                    f"and none lies between there and {nearest:g}, so failed reads were written as a number: set "
                    f"THERMAL.VALID_RANGE [{kept[0]:g},{kept[1]:g}], which leaves them out."
                )
        return None


def check_range(recording: Recording, temperature_range: tuple[float, float]) -> None:
    """Raises InputError if nearly all readings of a recording lie outside the range, degrees Celsius, or none is valid."""
    tally = TemperatureTally(temperature_range)
    for frames in recording.parts(_NUM_PARTS, repaired=False):
        tally.add(frames)
    if tally.num_outside >= MOSTLY_OUTSIDE * tally.num_readings:
        raise InputError(tally.fault(recording))


def _taken(unit: Unit) -> str:
    return f"(by the attribute '{unit.attribute}': {unit.name})" if unit.attribute else f"(taken for {unit.name})"


def _remedy(recording: Recording, temperature_range: tuple[float, float]) -> str:
    """How to go on where temperatures are not what they should be, with the unit that they seem to be in."""
    others = "if they are right, set THERMAL.TEMPERATURE_RANGE, and THERMAL.VALID_RANGE, to what the scene holds"
    likely = likely_unit(recording, temperature_range)
    if likely is None:
        return f": set THERMAL.UNIT to their unit, or {others}"
    if recording.unit.attribute:
        return f"; they look like {likely}: correct the attribute '{recording.unit.attribute}', or {others}"
    return f"; they look like {likely}: set THERMAL.UNIT {likely}, or write it into the attribute 'unit' of 'frames', or {others}"


def likely_unit(recording: Recording, temperature_range: tuple[float, float]) -> str | None:
    """The unit, other than its own, in which most stored values lie in the range, degrees Celsius; as `rank_units` has it."""
    middle = recording.num_frames // 2
    stored = recording.read_stored(middle, min(middle + 64, recording.num_frames))
    likely = rank_units(stored, temperature_range)
    return next((unit.name for unit, _ in likely if unit.name != recording.unit.name), None)


def rank_units(stored: np.ndarray, temperature_range: tuple[float, float]) -> list[tuple[Unit, float]]:
    """Units in which at least half of some stored values lie in the range, degrees Celsius, the likeliest first.

    Returns:
        Each with the share of the values that do, in tenths. Of units with the same share, that of a likelier spread is first.
    """
    stored = stored[np.isfinite(stored)]
    stored = stored[:: len(stored) // _SAMPLE + 1].astype(np.float32)
    low, high = temperature_range
    ranked = []
    for unit in UNITS.values():
        values = stored.copy()
        unit.to_celsius(values)
        inside = values[(values >= low) & (values <= high)]
        if len(inside) < max(len(stored), 1) / 2:
            continue
        # A scene spans some degrees; much less or more speaks for a unit ten times as large or as small.
        spread = np.subtract(*np.quantile(inside, (0.99, 0.01)))
        ranked.append((round(len(inside) / len(stored), 1), -abs(np.log(max(spread, 1e-3) / 5)), unit))
    ranked.sort(key=lambda entry: entry[:2], reverse=True)
    return [(unit, share) for share, _, unit in ranked]
