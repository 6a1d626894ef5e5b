import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import Hints
from slowfast_thermal.preparation.recordings.importing import Timing


@pytest.mark.parametrize("dtype", ["uint16", ">u2", "int32", "<f4"])
def test_raw_numbers_are_read_with_shape_and_type(room, imported, tmp_path, dtype):
    room.counts.astype(dtype).tofile(tmp_path / "room.raw")
    hints, timing = Hints(shape=(24, 32), type=dtype), Timing(rate=8)
    frames, _, _ = imported("raw", tmp_path / "room.raw", hints=hints, timing=timing)
    assert np.array_equal(frames, room.celsius)


@pytest.mark.parametrize(
    "hints, message",
    [
        (Hints(), "say how to read it: --shape"),
        (Hints((24, 32), "u17"), "'u17' is no type of numbers"),
        (Hints((24, 31), "uint16"), "18432 bytes, which is no whole number of frames of 1488 bytes"),
    ],
)
def test_what_does_not_fit_a_raw_file_is_told(room, imported, tmp_path, hints, message):
    room.counts.tofile(tmp_path / "room.raw")
    with pytest.raises(InputError, match=message):
        imported("raw", tmp_path / "room.raw", hints=hints, timing=Timing(rate=8))
