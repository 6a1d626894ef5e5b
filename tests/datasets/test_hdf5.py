"""HDF5 files that cannot or must not be read are named with what is wrong and what helps, and never hang."""

import os
import subprocess
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.errors import InputError

FRAMES = np.random.default_rng(0).uniform(15, 30, (100, 4, 5)).astype(np.float32)
TIMES = 150 * np.arange(100)


def write(path, frames=FRAMES, timestamps=TIMES, **layout):
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=frames, **layout)
        file["timestamps"] = timestamps
    return path


def open_recording(path):
    return Recording(path, (-40.0, 300.0), 20.0)


def read_all(path):
    return open_recording(path).read(np.arange(100)).numpy()


@pytest.fixture
def folder(tmp_path):
    """A folder of recordings, with a good recording `parts.h5`, beside a folder that is none of the data."""
    write(tmp_path / "elsewhere" / "parts.h5")
    write(tmp_path / "frames" / "parts.h5")
    return tmp_path / "frames"


def linked(folder, target, name="/frames", link=h5py.ExternalLink):
    """A recording whose frames are a link."""
    with h5py.File(folder / "a.h5", "w") as file:
        file["timestamps"] = TIMES
        file["frames"] = link(target, name)
    return folder / "a.h5"


def virtual(folder, source, name="frames"):
    """A recording whose frames are a virtual data set."""
    layout = h5py.VirtualLayout((100, 4, 5), np.float32)
    layout[:] = h5py.VirtualSource(source, name, (100, 4, 5))
    with h5py.File(folder / "a.h5", "w") as file:
        file["timestamps"] = TIMES
        file.create_virtual_dataset("frames", layout)
    return folder / "a.h5"


@pytest.mark.parametrize("make", [linked, virtual])
def test_frames_of_another_file_of_the_folder_are_read(folder, make):
    np.testing.assert_array_equal(read_all(make(folder, "parts.h5")), FRAMES)
    np.testing.assert_array_equal(read_all(make(folder, str(folder / "parts.h5"))), FRAMES)


def test_values_in_a_raw_file_are_refused(folder):
    """HDF5 would seek it in the folder in which the program was started."""
    (folder / "raw.bin").write_bytes(FRAMES.tobytes())
    with h5py.File(folder / "a.h5", "w") as file:
        file["timestamps"] = TIMES
        file.create_dataset("frames", (100, 4, 5), np.float32, external=[("raw.bin", 0, FRAMES.nbytes)])
    with pytest.raises(
        InputError, match=r"a\.h5: 'frames' takes its values from 'raw\.bin', which is no HDF5 file: copy"
    ):
        open_recording(folder / "a.h5")


@pytest.mark.parametrize("make", [linked, virtual])
@pytest.mark.parametrize("source", ["../elsewhere/parts.h5", "elsewhere", "symbolic link"])
def test_what_leads_out_of_the_folder_is_refused(folder, make, source):
    if source == "elsewhere":
        source = str(folder.parent / "elsewhere" / "parts.h5")
    elif source == "symbolic link":
        source = "inside.h5"
        (folder / source).symlink_to(folder.parent / "elsewhere" / "parts.h5")
    with pytest.raises(
        InputError, match=r"a\.h5: 'frames' takes its values from '.*', outside the folder .*: copy them"
    ):
        open_recording(make(folder, source))


def test_a_chain_that_ends_outside_is_refused(folder):
    virtual(folder, "../elsewhere/parts.h5").rename(folder / "b.h5")
    linked(folder, "b.h5").rename(folder / "c.h5")
    with pytest.raises(InputError, match=r"a\.h5: 'frames' takes its values from .*elsewhere.*outside"):
        open_recording(virtual(folder, "c.h5"))
    with h5py.File(folder / "d.h5", "w") as file:
        file["timestamps"] = TIMES
        file["group"] = h5py.ExternalLink("../elsewhere/parts.h5", "/")
        file["frames"] = h5py.SoftLink("/group/frames")
    with pytest.raises(InputError, match=r"d\.h5: 'frames' takes its values from .*elsewhere.*outside"):
        open_recording(folder / "d.h5")


@pytest.mark.parametrize("make", [linked, virtual])
def test_a_source_that_is_missing_or_a_pipe_is_named_at_once(folder, make):
    with pytest.raises(InputError, match=r"from 'gone\.h5', which is no file: add it"):
        open_recording(make(folder, "gone.h5"))
    os.mkfifo(folder / "pipe.h5")
    with pytest.raises(InputError, match=r"from 'pipe\.h5', which is no file"):
        open_recording(make(folder, "pipe.h5"))
    with pytest.raises(InputError, match=r"'frames' is a link to '.*pictures.*', which .*parts\.h5 does not hold"):
        open_recording(make(folder, "parts.h5", "/pictures"))


def test_links_in_a_circle_are_named(folder):
    loops = {
        "a": {"frames": h5py.SoftLink("/frames")},
        "b": {"frames": h5py.SoftLink("/other"), "other": h5py.SoftLink("frames")},
        "c": {"frames": h5py.ExternalLink("c.h5", "/frames")},
        "d": {"frames": h5py.ExternalLink("a.h5", "/frames")},
    }
    for name, links in loops.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["timestamps"] = TIMES
            for key, link in links.items():
                file[key] = link
        with pytest.raises(InputError, match=rf"{name}\.h5: 'frames' is a link that leads back to itself"):
            open_recording(folder / f"{name}.h5")
    with pytest.raises(InputError, match=r"a\.h5: 'frames' .*itself"):
        open_recording(virtual(folder, "a.h5"))


def test_what_is_no_file_is_named(folder):
    os.mkfifo(folder / "pipe.h5")
    (folder / "folder.h5").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(InputError, match=rf"'.*{name}\.h5' is no file but a folder, pipe or device"):
            open_recording(folder / f"{name}.h5")
    (folder / "loop.h5").symlink_to(folder / "loop.h5")
    with pytest.raises(InputError, match=r"'.*loop\.h5' is a symbolic link that leads back to itself"):
        open_recording(folder / "loop.h5")
    (folder / "dangling.h5").symlink_to(folder / "gone.h5")
    with pytest.raises(
        InputError, match=r"'.*dangling\.h5' does not exist, as its symbolic link leads to '.*gone\.h5'"
    ):
        open_recording(folder / "dangling.h5")


def test_a_recording_may_itself_be_a_symbolic_link(folder):
    (folder / "a.h5").symlink_to(folder.parent / "elsewhere" / "parts.h5")
    np.testing.assert_array_equal(read_all(folder / "a.h5"), FRAMES)


@pytest.mark.parametrize(
    "key, shape", [("frames", (10**12, 4, 5)), ("frames", (100, 10**6, 10**6)), ("timestamps", (10**12,))]
)
def test_sizes_that_cannot_be_meant_are_named_at_once(tmp_path, key, shape):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        kind = file[key].dtype
        del file[key]
        file.create_dataset(key, shape, kind, chunks=tuple(min(side, 10) for side in shape), maxshape=shape)
    start = time.perf_counter()
    with pytest.raises(
        InputError, match=rf"a\.h5: '{key}' declares shape \({shape[0]},.*the file is damaged or must be split"
    ):
        open_recording(path)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("layout", [{}, {"chunks": (10, 4, 5)}, {"chunks": (10, 4, 5), "compression": 4}])
def test_frames_that_were_never_written_are_no_frames_of_zero_degrees(tmp_path, layout):
    path = write(tmp_path / "a.h5", **layout)
    with h5py.File(path, "a") as file:
        del file["frames"]
        file.create_dataset("frames", (100, 4, 5), np.float32, **layout)[:0] = 20
        if layout:
            file["frames"][:70] = FRAMES[:70]
    missing = "3 of its 10" if layout else "1 of its 1"
    with pytest.raises(InputError, match=rf"a\.h5: 'frames' has shape .*, but {missing} parts were never written"):
        open_recording(path)


def test_what_was_not_written_is_missing_where_the_file_says_so(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["frames"]
        file.create_dataset("frames", (100, 4, 5), np.float32, chunks=(10, 4, 5), fillvalue=np.nan)[:70] = FRAMES[:70]
    np.testing.assert_array_equal(read_all(path)[70:], np.broadcast_to(FRAMES[69], (30, 4, 5)))


def run_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


RECORDER = """
    import os, sys, h5py, numpy as np
    file = h5py.File(sys.argv[1], "w", libver="latest")
    file["frames"], file["timestamps"] = np.full((100, 4, 5), 20, np.float32), np.arange(100)
    file.flush()
    print("recording", flush=True)
    if sys.argv[2] == "crash":
        os._exit(0)
    sys.stdin.read()
"""


def test_a_file_that_a_recorder_has_open_is_named(tmp_path):
    recorder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RECORDER), tmp_path / "a.h5", "go on"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        recorder.stdout.readline()
        with pytest.raises(
            InputError, match=r"a\.h5 is open for writing in another program, such as a recorder: close it"
        ):
            open_recording(tmp_path / "a.h5")
    finally:
        recorder.communicate(b"")


def test_a_file_that_a_recorder_left_open_is_named(tmp_path):
    run_python(RECORDER, tmp_path / "a.h5", "crash").communicate()
    with pytest.raises(InputError, match=r"a\.h5 carries the mark of a program .* 'h5clear -s a\.h5'"):
        open_recording(tmp_path / "a.h5")


def write_with_filter(path, number):
    """Frames whose one chunk is marked as compressed with a filter that need not be there."""
    with h5py.File(path, "w") as file:
        file["timestamps"] = TIMES
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_chunk(FRAMES.shape)
        layout.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(FRAMES.shape)
        dataset = h5py.h5d.create(file.id, b"frames", h5py.h5t.NATIVE_FLOAT, space, layout)
        dataset.write_direct_chunk((0, 0, 0), bytes(100))
    return path


@pytest.mark.parametrize("number, name", [(32001, "blosc"), (32015, "zstd"), (32099, "an unknown filter")])
def test_a_filter_that_is_not_there_is_named(tmp_path, monkeypatch, number, name):
    """As where hdf5plugin is not installed."""
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    monkeypatch.setattr("slowfast_thermal.datasets.hdf5.h5py.h5z.filter_avail", lambda code: code < 256)
    message = rf"a\.h5: 'frames' is compressed with {name} \(HDF5 filter {number}\).*pip install hdf5plugin"
    with pytest.raises(InputError, match=message):
        open_recording(write_with_filter(tmp_path / "a.h5", number))


@pytest.mark.parametrize("name", ["Blosc", "Zstd", "LZ4", "Bitshuffle"])
def test_filters_of_the_plugins_are_read_without_being_asked_for(tmp_path, name):
    pytest.importorskip("hdf5plugin")
    code = f"""
        import sys, h5py, hdf5plugin, numpy as np
        with h5py.File(sys.argv[1], "w") as file:
            file.create_dataset("frames", data=np.tile(np.float32(21), (100, 4, 5)), **hdf5plugin.{name}())
            file["timestamps"] = np.arange(100)
    """
    run_python(code, tmp_path / "a.h5").communicate()
    assert (read_all(tmp_path / "a.h5") == 21).all()
