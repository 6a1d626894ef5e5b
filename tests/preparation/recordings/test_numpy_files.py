import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import Hints
from slowfast_thermal.preparation.recordings.importing import Timing


@pytest.mark.parametrize("axes", ["NHW", "N1HW", "NHW1", "NP", "Fortran"])
def test_an_array_is_read_whatever_its_axes(room, imported, tmp_path, axes):
    shaped = {
        "NHW": room.counts,
        "N1HW": room.counts[:, None],
        "NHW1": room.counts[..., None],
        "NP": room.counts.reshape(12, -1),
        "Fortran": np.asfortranarray(room.counts),
    }
    np.save(tmp_path / "room.npy", shaped[axes])
    frames, times, result = imported("numpy", tmp_path / "room.npy", timing=Timing(rate=8))
    assert np.array_equal(frames, room.celsius)
    assert times.tolist() == [125 * k for k in range(12)]
    assert result.notes == ["unit centikelvin, guessed from the first numbers"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("times", [np.int64, np.float64, "datetime64[ms]"])
def test_an_archive_is_read_with_its_times(room, imported, tmp_path, save, times):
    stored = room.times / 1000 if times is np.float64 else room.times.astype(times)
    save(tmp_path / "room.npz", thermal=room.celsius, timestamps=stored, serial=np.array("A7"))
    frames, found, _ = imported("numpy", tmp_path / "room.npz")
    assert np.array_equal(frames, room.celsius)
    assert np.array_equal(found, room.times)


def test_an_array_in_fortran_order_is_read_from_an_archive(room, imported, tmp_path):
    np.savez(tmp_path / "room.npz", np.asfortranarray(room.celsius))
    assert np.array_equal(imported("numpy", tmp_path / "room.npz", timing=Timing(rate=8))[0], room.celsius)


def test_the_frames_among_several_arrays_are_named(room, imported, tmp_path):
    np.savez(tmp_path / "room.npz", first=room.counts[:6], second=room.celsius)
    with pytest.raises(InputError, match=r"'first' \(6, 24, 32\) uint16, 'second' .*: name them by --frames-key"):
        imported("numpy", tmp_path / "room.npz")
    frames, _, _ = imported("numpy", tmp_path / "room.npz", hints=Hints(frames_key="second"), timing=Timing(rate=8))
    assert np.array_equal(frames, room.celsius)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((4, 24, 32, 3), np.uint8), "which are colours and no temperatures"),
        (np.zeros((24, 31)), "no sensor of 31 pixels is known: give --shape"),
        (np.full((4, 24, 32), 20j), "values of type complex128"),
        (np.zeros((0, 24, 32)), r"has shape \(0, 24, 32\)"),
    ],
)
def test_an_array_that_holds_no_frames_is_refused(imported, tmp_path, array, message):
    np.save(tmp_path / "room.npy", array)
    with pytest.raises(InputError, match=message):
        imported("numpy", tmp_path / "room.npy", timing=Timing(rate=8))


def test_a_file_cut_short_is_told(room, imported, tmp_path):
    np.save(tmp_path / "whole.npy", room.counts)
    (tmp_path / "room.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"room.npy cannot be read as NumPy"):
        imported("numpy", tmp_path / "room.npy", timing=Timing(rate=8))
