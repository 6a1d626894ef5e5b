"""Logs of a frame a line, in the ways in which loggers write them."""

import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.foreign import Hints
from slowfast_thermal.preparation.recordings.importing import Timing

AT_8 = Timing(rate=8)


def rows(room, mark=",", decimal="."):
    return [mark.join(f"{value:.2f}" for value in frame.ravel()).replace(".", decimal) for frame in room.celsius]


def seconds(room):
    return (room.times - room.times[0]) / 1000


@pytest.mark.parametrize(
    "heading", ["", "time," + ",".join(f"p{place}" for place in range(768)) + "\n", "# MLX90640, 8 Hz\n"]
)
def test_times_stand_before_the_pixels(room, imported, tmp_path, heading):
    lines = "".join(f"{time},{row}\n" for time, row in zip(seconds(room), rows(room)))
    (tmp_path / "комната 1.csv").write_text(heading + lines, encoding="utf-8")
    frames, times, result = imported("text", tmp_path / "комната 1.csv")
    assert result.path.name == "комната_1.h5"
    assert np.allclose(frames, room.celsius, atol=0.006)
    assert (times - times[0]).tolist() == (room.times - room.times[0]).tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_decimal_commas_dates_and_brackets_in_the_encodings_of_windows_too(room, imported, tmp_path, encoding):
    dates = [str(np.datetime64(int(time), "ms")) for time in room.times]
    lines = [f"{date};[{row}]\n" for date, row in zip(dates, rows(room, ";", ","))]
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "log.txt").write_text(mark + "".join(lines), encoding=encoding)
    frames, times, _ = imported("text", tmp_path / "log.txt")
    assert np.allclose(frames, room.celsius, atol=0.006)
    assert times.tolist() == room.times.tolist()


def test_an_amg8833_without_times_needs_a_rate(imported, tmp_path):
    readings = np.random.default_rng(0).uniform(19, 30, (20, 64)).round(2)
    (tmp_path / "grid.txt").write_text("".join(f"[{', '.join(map(str, row))}]\n" for row in readings))
    with pytest.raises(InputError, match="does not say when its frames were taken"):
        imported("text", tmp_path / "grid.txt")
    frames, times, _ = imported("text", tmp_path / "grid.txt", timing=Timing(rate=10))
    assert np.array_equal(frames, readings.astype(np.float32).reshape(20, 8, 8))
    assert np.diff(times).tolist() == [100] * 19


def test_lines_cut_short_are_left_out_with_a_count(room, imported, tmp_path):
    lines = [f"{time},{row}\n" for time, row in zip(room.times, rows(room))]
    lines[4] = lines[4][:200] + "\n"
    (tmp_path / "log.csv").write_text("".join(lines))
    frames, _, result = imported("text", tmp_path / "log.csv")
    assert len(frames) == 11
    assert list(result.left_out.values()) == [1]


def test_a_log_of_unknown_size_asks_for_it(imported, tmp_path):
    (tmp_path / "log.csv").write_text("".join("20.5," * 99 + "21\n" for _ in range(20)))
    with pytest.raises(InputError, match="give --shape HEIGHTxWIDTH"):
        imported("text", tmp_path / "log.csv", timing=AT_8)
    readings = np.random.default_rng(0).uniform(19, 30, (20, 100)).round(2)
    (tmp_path / "log.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in readings))
    frames, _, _ = imported("text", tmp_path / "log.csv", hints=Hints(shape=(10, 10)), timing=AT_8)
    assert frames.shape == (20, 10, 10)


def test_text_without_frames_is_told(imported, tmp_path):
    (tmp_path / "log.csv").write_text("nothing here\n" * 30)
    with pytest.raises(InputError, match="has no line of 16 numbers or more"):
        imported("text", tmp_path / "log.csv", timing=AT_8)
