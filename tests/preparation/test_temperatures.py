"""Temperatures in another unit, outside the range, all the same, or with failed reads among them; real scenes pass."""

import re

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.units import UNITS
from slowfast_thermal.preparation.temperatures import TemperatureTally

ROOM, COLD_ROOM, FURNACE = (10.0, 35.0), (-5.0, 20.0), (150.0, 290.0)


def scene(low, high, people=5.0):
    """200 frames of 8x12 pixels of a scene, degrees Celsius, rounded as sensors do."""
    rng = np.random.default_rng(0)
    frames = rng.normal((low + high) / 2, (high - low) / 12, (200, 8, 12))
    frames[:, 2:5, 3:5] += people
    return frames.round(1).astype(np.float32)


def fault_of(path, frames, temperature_range=ROOM, valid_range=(-40.0, 300.0), unit="", attributes=None):
    with h5py.File(path, "w") as file:
        file["frames"] = frames
        file["frames"].attrs.update(attributes or {})
        file["timestamps"] = 100 * np.arange(len(frames))
    recording = Recording(path, valid_range, 20.0, unit)
    tally = TemperatureTally(temperature_range)
    for frames in recording.parts():
        tally.add(frames)
    return tally.fault(recording)


def stored_in(unit, celsius):
    return celsius / UNITS[unit].scale + UNITS[unit].zero


@pytest.mark.parametrize("low, high, temperature_range", [(15, 25, ROOM), (0, 8, COLD_ROOM), (180, 240, FURNACE)])
def test_scenes_within_the_range_have_no_fault(tmp_path, low, high, temperature_range):
    assert fault_of(tmp_path / "a.h5", scene(low, high), temperature_range) is None


@pytest.mark.parametrize("low, high", [(0, 8), (180, 240)])
def test_scenes_outside_the_range_are_told_to_set_it(tmp_path, low, high):
    assert re.search(
        r"a\.h5: \d+% of the readings, .* degrees Celsius \(taken for celsius\), lie outside THERMAL\.TEMPERATURE_RANGE "
        r"\[10, 35\].* set THERMAL\.TEMPERATURE_RANGE",
        fault_of(tmp_path / "a.h5", scene(low, high)),
    )


@pytest.mark.parametrize("unit", sorted(set(UNITS) - {"celsius"}))
@pytest.mark.parametrize("room", [(12, 22), (18, 26), (22, 32)])
def test_another_unit_is_told_by_the_values(tmp_path, unit, room):
    fault = fault_of(tmp_path / "a.h5", stored_in(unit, scene(*room)).astype(np.float32))
    assert re.search(rf"they look like {unit}: set THERMAL\.UNIT {unit}, or write it into the attribute 'unit'", fault)
    assert fault_of(tmp_path / "b.h5", stored_in(unit, scene(*room)).astype(np.float32), unit=unit) is None


def test_celsius_taken_for_kelvin_is_told_where_it_was_said(tmp_path):
    fault = fault_of(tmp_path / "a.h5", scene(15, 25), attributes={"unit": "kelvin"})
    assert re.search(r"no reading lies inside .*VALID_RANGE \[-40, 300\] \(by the attribute 'unit': kelvin\)", fault)
    assert re.search(r"they look like celsius: correct the attribute 'unit'", fault)


def test_readings_that_are_all_the_same_or_missing_are_a_fault(tmp_path):
    assert "every reading is 21.5 degrees" in fault_of(tmp_path / "a.h5", np.full((100, 8, 12), 21.5, np.float32))
    assert "no reading lies inside" in fault_of(tmp_path / "b.h5", np.full((100, 8, 12), np.nan, np.float32))


def with_failed(frames, *numbers):
    """Two frames and a pixel replaced by each number."""
    frames = frames.copy()
    for place, number in enumerate(numbers):
        frames[20 + 2 * place : 22 + 2 * place] = number
        frames[:, place, 0] = number
    return frames


@pytest.mark.parametrize("numbers, temperature_range, scene_range", [
    ((0.0,), ROOM, (15, 25)), ((-1.0,), ROOM, (15, 25)), ((0.0, -1.0), ROOM, (15, 25)), ((-40.0,), ROOM, (15, 25)),
    ((255.0,), ROOM, (15, 25)), ((0.0,), FURNACE, (180, 240)), ((-17.8,), COLD_ROOM, (0, 8)),
])  # fmt: skip
def test_failed_reads_written_as_a_number_are_told_and_can_be_left_out(
    tmp_path, numbers, temperature_range, scene_range
):
    frames = with_failed(scene(*scene_range), *numbers)
    fault = fault_of(tmp_path / "a.h5", frames, temperature_range)
    assert all(f"{number:g}" in fault for number in numbers) and "failed reads were written as a number" in fault
    low, high = re.search(r"set THERMAL\.VALID_RANGE \[(.+),(.+)\]", fault).groups()
    assert fault_of(tmp_path / "b.h5", frames, temperature_range, (float(low), float(high))) is None


def test_failed_reads_of_a_scene_in_kelvin_are_no_readings_anyway(tmp_path):
    frames = with_failed(stored_in("kelvin", scene(15, 25)).astype(np.float32), 0.0)
    assert fault_of(tmp_path / "a.h5", frames, unit="kelvin") is None


def test_a_few_cold_readings_are_none_that_failed(tmp_path):
    frames = scene(15, 25)
    frames[50, 1, :10] = np.linspace(0, 3, 10)
    assert fault_of(tmp_path / "a.h5", frames) is None
    frames[:, 1, 5] = 60 + 0.1 * np.arange(200)  # a kettle
    assert fault_of(tmp_path / "b.h5", frames) is None


def test_the_real_recordings_have_no_fault(real_data):
    for path in sorted((real_data / "frames").glob("*.h5")):
        recording = Recording(path, (-40.0, 300.0), 20.0)
        tally = TemperatureTally(ROOM)
        for frames in recording.parts():
            tally.add(frames)
        assert tally.fault(recording) is None
