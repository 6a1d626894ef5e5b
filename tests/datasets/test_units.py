"""Recordings in other units give the same temperatures; what cannot be understood is refused."""

import h5py
import numpy as np
import pytest
import torch

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.units import UNITS, find_unit
from slowfast_thermal.errors import InputError

CELSIUS = np.random.default_rng(0).uniform(-20, 90, (100, 4, 5)).astype(np.float32)
# What each unit says for 20 and 25 degrees Celsius, counted by hand.
BY_HAND = {
    "celsius": (20, 25),
    "kelvin": (293.15, 298.15),
    "fahrenheit": (68, 77),
    "decicelsius": (200, 250),
    "centicelsius": (2000, 2500),
    "millicelsius": (20_000, 25_000),
    "decikelvin": (2931.5, 2981.5),
    "centikelvin": (29_315, 29_815),
    "millikelvin": (293_150, 298_150),
}


def write(path, frames, on_frames=None, on_file=None):
    with h5py.File(path, "w") as file:
        file["frames"] = frames
        file["timestamps"] = 100 * np.arange(len(frames))
        file["frames"].attrs.update(on_frames or {})
        file.attrs.update(on_file or {})
    return path


def read(path, unit="", cached=False):
    recording = Recording(path, (-40.0, 300.0), 20.0, unit)
    if cached:
        recording.cache(torch.device("cpu"))
    return recording.read(np.arange(recording.num_frames)).numpy()


def stored_in(unit, celsius):
    zero, one = np.array(BY_HAND[unit]) @ [[5, -0.2], [-4, 0.2]]
    return zero + one * celsius.astype(np.float64)


def test_every_unit_is_known_by_hand():
    assert UNITS.keys() == BY_HAND.keys()


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_by_attribute_or_key_gives_degrees_celsius(tmp_path, unit, cached):
    stored = stored_in(unit, CELSIUS).astype(np.float32)
    for place in ({"on_frames": {"unit": unit}}, {"on_file": {"unit": unit}}):
        path = write(tmp_path / "a.h5", stored, **place)
        np.testing.assert_allclose(read(path, cached=cached), CELSIUS, atol=1e-4)
    np.testing.assert_allclose(read(write(tmp_path / "a.h5", stored), unit, cached), CELSIUS, atol=1e-4)


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, ">u2"])
def test_whole_numbers_are_counts_of_their_unit_to_one_rounding(tmp_path, kind):
    counts = np.random.default_rng(1).integers(27_000, 32_000, (70, 4, 5))
    expected = (counts - 27_315) / 100
    path = write(tmp_path / "a.h5", counts.astype(kind), {"unit": "centikelvin"})
    np.testing.assert_allclose(read(path), expected, rtol=2e-7, atol=1e-9)
    path = write(tmp_path / "b.h5", counts.astype(kind), {"scale": 0.01, "offset": -273.15})
    np.testing.assert_allclose(read(path), expected, rtol=1e-6, atol=1e-4)


def test_netcdf_names_mean_the_same_and_the_frames_come_before_the_file(tmp_path):
    counts = np.full((3, 4, 5), 500, np.uint16)
    path = write(tmp_path / "a.h5", counts, {"scale_factor": 0.04}, {"add_offset": 5.0, "scale_factor": 7.0})
    assert read(path)[0, 0, 0] == pytest.approx(25)
    path = write(tmp_path / "b.h5", counts.astype(np.float32) - 200, {"units": "K"}, {"units": "degC"})
    assert read(path)[0, 0, 0] == pytest.approx(26.85)


@pytest.mark.parametrize("name, unit", [
    ("Kelvin", "kelvin"), ("K", "kelvin"), ("degrees Celsius", "celsius"), ("degC", "celsius"), ("°F", "fahrenheit"),
    ("deg_C", "celsius"), ("centi-Kelvin", "centikelvin"), ("cK", "centikelvin"), (" C ", "celsius"),
])  # fmt: skip
def test_units_are_known_by_the_names_they_go_by(name, unit):
    assert find_unit(name).name == unit


@pytest.mark.parametrize("value", [["kelvin"], np.array([b"K"]), np.array([["kelvin"]], h5py.string_dtype())])
def test_a_unit_may_be_an_array_of_one_text(tmp_path, value):
    path = write(tmp_path / "a.h5", CELSIUS + np.float32(273.15), {"unit": value})
    np.testing.assert_allclose(read(path), CELSIUS, atol=1e-4)


def test_the_attribute_goes_before_the_key(tmp_path):
    path = write(tmp_path / "a.h5", CELSIUS, {"unit": "celsius"})
    np.testing.assert_array_equal(read(path, "kelvin"), CELSIUS)


def test_absolute_zero_is_no_reading_in_any_unit(tmp_path):
    for unit in UNITS:
        stored = stored_in(unit, CELSIUS).astype(np.float32)
        stored[10:, 1, 1] = stored_in(unit, np.array(-273.15))
        found = read(write(tmp_path / "a.h5", stored), unit)
        np.testing.assert_allclose(found[10:, 1, 1], CELSIUS[9, 1, 1], atol=1e-4)


def test_counts_without_a_unit_are_refused_and_taken_with_one(tmp_path):
    path = write(tmp_path / "a.h5", np.full((5, 4, 4), 29_315, np.uint16))
    with pytest.raises(
        InputError, match=r"a\.h5: .* type uint16, counts of no known unit: .*'unit'.*'scale'.*THERMAL\.UNIT"
    ):
        read(path)
    assert read(path, "centikelvin")[0, 0, 0] == 20


@pytest.mark.parametrize("attributes, message", [
    ({"unit": "counts"}, r"'unit' is 'counts', which is no known unit: write one of celsius, kelvin"),
    ({"unit": 7}, r"'unit' is '7', which is no known unit"),
    ({"unit": "kelvin", "scale": 0.01}, r"'unit' \(kelvin\) and 'scale' both say"),
    ({"unit": "centikelvin", "offset": -273.15}, r"'unit' \(centikelvin\) and 'offset' both say"),
    ({"scale": 0.0}, r"'scale' is .*0.*: write"),
    ({"scale": float("nan")}, r"'scale' is .*nan.*: write one finite number"),
    ({"scale": "small"}, r"'scale' is 'small': write one finite number"),
    ({"scale": [0.1, 0.2]}, r"'scale' is .*0\.2.*: write one finite number"),
    ({"offset": float("inf")}, r"'offset' is .*inf.*: write one finite number"),
])  # fmt: skip
def test_attributes_that_cannot_be_meant_are_named(tmp_path, attributes, message):
    with pytest.raises(InputError, match=rf"a\.h5: .*{message}"):
        read(write(tmp_path / "a.h5", CELSIUS, attributes))


def test_an_unknown_key_is_named(tmp_path):
    with pytest.raises(InputError, match=r"THERMAL\.UNIT is 'rankine': give one of celsius, kelvin"):
        read(write(tmp_path / "a.h5", CELSIUS), "rankine")
