"""What holds for recordings of every format: units, dead values, times, names, and that nothing is left half-written."""

import resource
import sys

import h5py
import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.importing import FORMATS, Readings, Timing, import_recordings
from tools import thermal_data

AT_8 = Timing(rate=8)


@pytest.mark.parametrize("readings", [Readings(), Readings("centikelvin"), Readings(scale=0.01, offset=-273.15)])
def test_hundredths_of_kelvin_are_guessed_named_or_computed(room, imported, tmp_path, readings):
    np.save(tmp_path / "room.npy", room.counts)
    frames, _, result = imported("numpy", tmp_path / "room.npy", readings=readings, timing=AT_8)
    assert np.allclose(frames, room.celsius, atol=1e-5)
    assert any("guessed" in note for note in result.notes) == (readings == Readings())


def test_a_dead_value_is_no_reading(room, imported, tmp_path):
    counts = room.counts.copy()
    counts[:, 3, 4] = 0
    np.save(tmp_path / "room.npy", counts)
    frames, _, result = imported(
        "numpy", tmp_path / "room.npy", readings=Readings("centikelvin", dead=(0.0,)), timing=AT_8
    )
    assert np.isnan(frames[:, 3, 4]).all() and result.num_missing == 12


def test_times_of_a_file_take_the_place_of_others(room, imported, tmp_path):
    np.save(tmp_path / "room.npy", room.counts)
    (tmp_path / "times.txt").write_text("time\n" + "".join(f"{time / 1000:.3f}\n" for time in room.times))
    _, times, _ = imported("numpy", tmp_path / "room.npy", timing=Timing(times=tmp_path / "times.txt"))
    assert times.tolist() == room.times.tolist()


def test_numbers_whose_unit_nobody_can_guess_ask_for_it(imported, tmp_path):
    np.save(tmp_path / "room.npy", np.random.default_rng(0).integers(0, 65535, (12, 24, 32), np.uint16))
    with pytest.raises(InputError, match="does not say the unit of its numbers .* give --unit"):
        imported("numpy", tmp_path / "room.npy", timing=AT_8)


@pytest.mark.parametrize("format", sorted(FORMATS.keys() - {"numpy", "raw"}))
def test_a_file_of_another_format_is_told_what_it_looks_like(room, imported, tmp_path, format):
    if format == "flir":
        pytest.importorskip("flyr")
    np.save(tmp_path / "room.npy", room.counts)
    with pytest.raises(InputError, match="NumPy"):
        imported(format, tmp_path / "room.npy", timing=AT_8)


def test_of_several_recordings_all_are_written_or_none(room, tmp_path):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", room.counts)
    (tmp_path / "in" / "b.npy").write_bytes(b"\x93NUMPY but no more")
    with pytest.raises(InputError, match=r"b\.npy cannot be read"):
        import_recordings("numpy", tmp_path / "in", tmp_path / "frames", timing=AT_8)
    assert not (tmp_path / "frames").exists()
    np.save(tmp_path / "in" / "b.npy", room.counts)
    written = import_recordings("numpy", tmp_path / "in", tmp_path / "frames", timing=AT_8)
    assert [result.path.name for result in written] == ["a.h5", "b.h5"]
    with pytest.raises(InputError, match="exists already"):
        import_recordings("numpy", tmp_path / "in", tmp_path / "frames", timing=AT_8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Readings("parsec"), "'parsec' is unknown"),
        (lambda: Readings("kelvin", scale=2.0), "give one of them"),
        (lambda: Readings(scale=0.0), "not 0"),
        (lambda: Timing(rate=0.0), "is no number of frames a second"),
        (lambda: Timing(rate=5.0, times="a"), "give one of them"),
    ],
)
def test_what_contradicts_itself_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path):
    """20,000 frames are 192 MB as they are handled, in float64, of which a part is in memory at a time."""
    np.lib.format.open_memmap(tmp_path / "long.npy", "w+", np.uint16, (20_000, 30, 40))[:] = 29_500
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    import_recordings(
        "numpy", tmp_path / "long.npy", tmp_path / "frames", readings=Readings("centikelvin"), timing=AT_8
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000
    with h5py.File(tmp_path / "frames" / "long.h5") as file:
        assert file["frames"].shape == (20_000, 30, 40)
        assert file["frames"][19_999, 0, 0] == pytest.approx(21.85)


def test_the_command_says_what_it_wrote_and_guessed(room, tmp_path, monkeypatch, capsys):
    room.counts.tofile(tmp_path / "room.raw")
    words = ["raw", tmp_path / "room.raw", tmp_path / "frames", "--shape", "24x32", "--type", "uint16", "--rate", "8"]
    monkeypatch.setattr(sys, "argv", ["thermal_data.py", "import-recordings", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        thermal_data.main()
    assert not ended.value.code
    told = capsys.readouterr().out
    assert "room.h5" in told and "centikelvin" in told
