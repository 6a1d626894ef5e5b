import io
import struct
import sys

import numpy as np
import PIL.Image
import pytest
import tifffile

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.recordings.importing import Timing

AT_8 = Timing(rate=8)


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"bigtiff": True, "byteorder": ">"}, {"imagej": True, "metadata": {"axes": "TYX"}}],
)
def test_a_stack_is_read_page_by_page(room, imported, tmp_path, options):
    tifffile.imwrite(tmp_path / "room.tif", room.counts, photometric="minisblack", **options)
    frames, _, result = imported("tiff", tmp_path / "room.tif", timing=AT_8)
    assert np.array_equal(frames, room.celsius)


def test_pages_that_were_added_one_by_one_are_read(room, imported, tmp_path):
    for frame in room.celsius:
        tifffile.imwrite(tmp_path / "room.tif", frame, append=True)
    assert np.array_equal(imported("tiff", tmp_path / "room.tif", timing=AT_8)[0], room.celsius)


def test_the_interval_of_imagej_tells_the_times(room, imported, tmp_path):
    metadata = {"axes": "TYX", "finterval": 0.25}
    tifffile.imwrite(tmp_path / "room.tif", room.counts, imagej=True, metadata=metadata)
    assert imported("tiff", tmp_path / "room.tif")[1].tolist() == [250 * k for k in range(12)]


def test_a_folder_of_tiff_files_is_read_in_the_order_of_their_numbers(room, imported, tmp_path):
    (tmp_path / "Flur 2, Süd").mkdir()
    for k, frame in enumerate(room.counts):
        tifffile.imwrite(tmp_path / "Flur 2, Süd" / f"bild {k}.tiff", frame)
    frames, _, result = imported("tiff", tmp_path / "Flur 2, Süd", timing=AT_8)
    assert np.array_equal(frames, room.celsius)
    assert result.path.name == "Flur_2__Süd.h5"


def test_a_page_of_another_size_is_told(room, imported, tmp_path):
    for frame in (room.counts[0], room.counts[1, :12]):
        tifffile.imwrite(tmp_path / "room.tif", frame, append=True)
    with pytest.raises(InputError, match=r"room.tif, page 1 is 12x32 .* but the frames before are 24x32"):
        imported("tiff", tmp_path / "room.tif", timing=AT_8)


def test_a_stack_cut_short_is_told(room, imported, tmp_path):
    tifffile.imwrite(tmp_path / "whole.tif", room.counts, compression="zlib", photometric="minisblack")
    (tmp_path / "room.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:9000])
    with pytest.raises(InputError, match="room.tif cannot be read as TIFF"):
        imported("tiff", tmp_path / "room.tif", timing=AT_8)


def test_a_stack_of_imagej_cut_short_is_told(room, imported, tmp_path):
    tifffile.imwrite(tmp_path / "whole.tif", room.counts, imagej=True, metadata={"axes": "TYX"})
    (tmp_path / "room.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:9000])
    with pytest.raises(InputError, match="announces 12 frames and holds 1, so its end is missing"):
        imported("tiff", tmp_path / "room.tif", timing=AT_8)


@pytest.mark.parametrize("module, format, name", [("tifffile", "tiff", "a.tif"), ("flyr", "flir", "a.jpg")])
def test_a_library_that_is_missing_is_named(imported, tmp_path, monkeypatch, module, format, name):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"need {module}: pip install {module}\.$"):
        imported(format, tmp_path / name, timing=AT_8)


def test_png_pictures_are_read_with_the_times_of_their_names(room, imported, tmp_path):
    (tmp_path / "комната").mkdir()
    for time, frame in zip(room.times, room.counts):
        PIL.Image.fromarray(frame).save(tmp_path / "комната" / f"ir_{time}.png")
    frames, times, result = imported("png", tmp_path / "комната")
    assert np.array_equal(frames, room.celsius)
    assert np.array_equal(times, room.times)
    assert result.path.name == "комната.h5"
    assert any("in the names of the files" in note for note in result.notes)
    frames, times, result = imported("png", tmp_path / "комната", timing=AT_8)
    assert times.tolist() == [125 * k for k in range(12)]
    assert not any("in the names of the files" in note for note in result.notes)


def test_pictures_in_colours_or_of_8_bits_without_a_scale_are_refused(imported, tmp_path):
    picture = np.zeros((24, 32, 3), np.uint8)
    PIL.Image.fromarray(picture).save(tmp_path / "room.png")
    with pytest.raises(InputError, match="is a picture in colours"):
        imported("png", tmp_path / "room.png", timing=AT_8)
    PIL.Image.fromarray(picture[..., 0]).save(tmp_path / "room.png")
    with pytest.raises(InputError, match="numbers of 8 bits, which may mean anything: give --scale"):
        imported("png", tmp_path / "room.png", timing=AT_8)


def test_a_damaged_picture_is_told(room, imported, tmp_path):
    PIL.Image.fromarray(room.counts[0]).save(tmp_path / "room.png")
    (tmp_path / "room.png").write_bytes((tmp_path / "room.png").read_bytes()[:300])
    with pytest.raises(InputError, match="room.png cannot be read .*: copy it again"):
        imported("png", tmp_path / "room.png", timing=AT_8)


# Planck's constants of a camera, of which temperature = B / log(R1 / (R2 * (raw + O)) + F) Kelvin.
PLANCK = {"R1": 17096.453, "B": 1428.0, "F": 1.0, "O": -342, "R2": 0.04}


def flir_picture(path, raw, taken):
    """Writes a radiometric JPEG after the description of FLIR's records by ExifTool: a small picture, and two records.

    The camera looks at a black body through clear air, so that the temperature is Planck's.
    """
    height, width = raw.shape
    pixels = struct.pack("<HHH26x", 2, width, height) + raw.astype("<u2").tobytes()
    camera = bytearray(840)
    struct.pack_into("<ffffff", camera, 32, 1.0, 0.0, 293.15, 293.15, 293.15, 1.0)
    struct.pack_into("<f", camera, 60, 0.5)
    struct.pack_into("<fff", camera, 88, PLANCK["R1"], PLANCK["B"], PLANCK["F"])
    struct.pack_into("<fffff", camera, 112, 0.006569, 0.01262, -0.002276, -0.00667, 1.9)
    struct.pack_into("<if", camera, 776, PLANCK["O"], PLANCK["R2"])
    start, entries = 64 + 4 * 32, b""
    for kind, content in ((1, pixels), (32, camera)):
        entries += struct.pack(">HHIIIIIII", kind, 2 if kind == 1 else 1, 100, 1, start, len(content), 0, 0, 0)
        start += len(content)
    header = b"FFF\0" + b"test".ljust(16, b"\0") + struct.pack(">III", 100, 64, 4)
    records = (header.ljust(64, b"\0") + entries).ljust(64 + 4 * 32, b"\0") + pixels + camera
    picture, exif = io.BytesIO(), PIL.Image.Exif()
    exif[0x0132] = taken
    PIL.Image.fromarray((raw >> 8).astype(np.uint8)).save(picture, "jpeg", exif=exif)
    segment = b"\xff\xe1" + struct.pack(">H", 10 + len(records)) + b"FLIR\0\x01\0\0" + records
    path.write_bytes(picture.getvalue()[:2] + segment + picture.getvalue()[2:])


def test_radiometric_pictures_are_read_with_their_temperatures_and_times(room, imported, tmp_path):
    kelvin = room.celsius[:3].astype(np.float64) + 273.15
    raw = PLANCK["R1"] / (PLANCK["R2"] * (np.exp(PLANCK["B"] / kelvin) - PLANCK["F"])) - PLANCK["O"]
    raw = np.round(raw).astype(np.uint16)
    (tmp_path / "walk").mkdir()
    for k, frame in enumerate(raw):
        flir_picture(tmp_path / "walk" / f"FLIR{k:04}.jpg", frame, f"2024:05:01 10:00:0{k}")
    frames, times, _ = imported("flir", tmp_path / "walk")
    log = np.log(PLANCK["R1"] / (PLANCK["R2"] * (raw.astype(np.float64) + PLANCK["O"])) + PLANCK["F"])
    assert np.allclose(frames, PLANCK["B"] / log - 273.15, atol=2e-4)
    assert times.tolist() == [1_714_557_600_000 + 1000 * k for k in range(3)]


def test_a_jpeg_without_temperatures_is_told(imported, tmp_path):
    PIL.Image.new("L", (32, 24)).save(tmp_path / "room.jpg")
    with pytest.raises(InputError, match="no radiometric FLIR picture but looks like a JPEG without temperatures"):
        imported("flir", tmp_path / "room.jpg", timing=AT_8)
