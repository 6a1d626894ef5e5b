import collections
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast_thermal.checkpoint.files import DamagedFileError, read_file
from slowfast_thermal.errors import InputError


class Code:
    """Writes a file if it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def creates(path):
    return Code(open, str(path), "w")


@pytest.mark.parametrize("protocol", range(5))
def test_caffe2s_blobs_are_read(tmp_path, protocol):
    rng = np.random.default_rng(0)
    blobs = {
        "conv1_w": rng.normal(size=(3, 2, 1, 5, 5)).astype(np.float32),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4))),
        "big_endian": np.arange(5, dtype=">i4"),
        "model_iter": np.array([7], np.int64),
        "empty": np.zeros((0, 4), np.float32),
    }
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(collections.OrderedDict(blobs=blobs, cfg="TRAIN: 1"), protocol=protocol))
    found = read_file(path)["blobs"]
    assert found.keys() == blobs.keys()
    for name, blob in blobs.items():
        np.testing.assert_array_equal(found[name], blob)


def test_python_2s_blobs_are_read(tmp_path):
    """Written as Python 2 does: byte strings for texts, and numpy.core.multiarray._reconstruct."""

    def text(value):
        return b"U" + struct.pack("<B", len(value)) + value

    data = np.array([1.5, -2], "<f4").tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
        b"(K\x01(K\x02tcnumpy\ndtype\n(" + text(b"f4") + b"K\x00K\x01tR(K\x03" + text(b"<") + b"NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89" + text(data) + b"tb"
    )
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02}" + text(b"blobs") + b"}" + text(b"conv1_w") + array + b"ss.")
    np.testing.assert_array_equal(read_file(path)["blobs"]["conv1_w"], [1.5, -2])


@pytest.mark.parametrize("form", ["pickle", "torch", "old torch"])
def test_code_in_a_file_is_named_and_never_run(tmp_path, form):
    executed, path = tmp_path / "executed", tmp_path / "model.pth"
    content = {"blobs": {}, "model_state": {"x": torch.zeros(2)}, "x": creates(executed)}
    if form == "pickle":
        path.write_bytes(pickle.dumps({**content, "model_state": {}}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(
        InputError, match=r"model\.pth holds '(_?io|builtins)\.open', which is code .* nothing of it was run"
    ):
        read_file(path)
    assert not executed.exists()


@pytest.mark.parametrize(
    "opcodes, name",
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.", r"numpy.dtype\('O'\)"),
        (b"c_codecs\nencode\n(Vx\nS'zlib'\ntR.", "_codecs.encode to zlib"),
    ],
)
def test_everything_but_arrays_and_containers_is_refused(tmp_path, opcodes, name):
    path = tmp_path / "model.pkl"
    path.write_bytes(opcodes)
    with pytest.raises(InputError, match=f"holds '{name}', which is code"):
        read_file(path)


def test_an_array_whose_shape_promises_more_than_its_bytes_is_damaged(tmp_path):
    content = pickle.dumps({"blobs": {"conv1_w": np.zeros(3, np.uint8)}}, protocol=2)
    path = tmp_path / "model.pkl"
    path.write_bytes(content.replace(b"K\x01K\x03\x85", b"K\x01K\x09\x85"))
    assert path.read_bytes() != content
    with pytest.raises(InputError, match="is damaged"):
        read_file(path)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>404</html>", "is a web page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "is a Git LFS pointer"),
        (b"not a pickle", "is no checkpoint of PyTorch or Caffe2"),
        (pickle.dumps([1, 2]), "is a pickle without the 'blobs'"),
        (pickle.dumps({"blobs": {"conv1_w": np.zeros(100)}})[:-60], "is truncated"),
    ],
    ids=["empty", "html", "xml", "lfs", "text", "list", "truncated"],
)
def test_what_is_no_checkpoint_gets_a_sentence_of_its_own(tmp_path, content, message):
    path = tmp_path / "model.pyth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"model\.pyth {message}"):
        read_file(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_pytorch_file_is_named(tmp_path, zipped):
    path = tmp_path / "model.pyth"
    torch.save({"model_state": {"x": torch.zeros(1000)}}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"model\.pyth is truncated or damaged"):
        read_file(path)


@pytest.mark.parametrize("name", ["checkpoint_epoch_00003.pyth", "model_best.pyth"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"noise", bytes(1000)])
def test_a_damaged_file_of_a_training_names_the_one_before_it(tmp_path, name, content):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    path = folder / name
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="there is no other checkpoint") as error:
        read_file(path)
    assert "download" not in str(error.value)
    for before in ("checkpoint_epoch_00001.pyth", "checkpoint_epoch_00002.pyth"):
        torch.save({}, folder / before)
    with pytest.raises(DamagedFileError, match=r"use the one before it, checkpoint_epoch_00002\.pyth, or") as error:
        read_file(path)
    assert "download" not in str(error.value)


def test_of_a_damaged_first_checkpoint_it_is_not_said_that_one_came_before(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "checkpoint_epoch_00001.pyth").write_bytes(b"")
    torch.save({}, folder / "checkpoint_epoch_00002.pyth")
    with pytest.raises(DamagedFileError, match=r"use another one beside it, such as checkpoint_epoch_00002\.pyth"):
        read_file(folder / "checkpoint_epoch_00001.pyth")


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/nowhere")], ids=["folder", "pipe", "link"]
)
def test_what_is_no_file_is_not_said_to_be_missing(tmp_path, make):
    make(tmp_path / "x.pyth")
    with pytest.raises(InputError, match=r"x\.pyth is no file but a folder, a pipe or a link that leads nowhere"):
        read_file(tmp_path / "x.pyth")


def pickled(code, folder):
    """A file of PyTorch whose pickle is `code`."""
    path = folder / "model.pth"
    torch.save({"x": torch.zeros(2)}, folder / "whole.pth")
    with zipfile.ZipFile(folder / "whole.pth") as whole, zipfile.ZipFile(path, "w") as spoilt:
        for record in whole.infolist():
            spoilt.writestr(record, code if record.filename.endswith("data.pkl") else whole.read(record))
    return path


@pytest.mark.parametrize(
    "code, name",
    [
        (b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R.", r"posix\.system"),
        (b"csubprocess\nPopen\nX\x04\x00\x00\x00true\x85R.", r"subprocess\.Popen"),
        (b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", "eval"),
        (b"(X\x04\x00\x00\x00trueios\nsystem\n.", "an object of a class of its own"),
        (b"ccollections\nOrderedDict\n)RX\x01\x00\x00\x001\x85R.", r"OrderedDict\(\)"),
        (b"X\x01\x00\x00\x001X\x01\x00\x00\x001b.", "str"),
    ],
    ids=["system", "Popen", "eval", "INST", "call of an object", "BUILD"],
)
def test_code_in_pytorchs_pickle_is_refused_without_advice_to_run_it(tmp_path, code, name):
    with pytest.raises(InputError, match=rf"holds '{name}', which is code .* nothing of it was run") as error:
        read_file(pickled(code, tmp_path))
    assert "weights_only" not in str(error.value) and str(error.value).count("\n") == 0


@pytest.mark.parametrize("code", [b"", b"(", b"}X\xff\xff\x00\x00", b"\xff.", b"}h\x07.", b"]X\x01\x00\x00\x001s."])
def test_a_spoilt_pickle_is_damaged_without_advice_to_run_it(tmp_path, code):
    with pytest.raises(DamagedFileError) as error:
        read_file(pickled(code, tmp_path))
    assert "weights_only" not in str(error.value) and str(error.value).count("\n") == 0


def test_a_torchscript_program_is_code(tmp_path):
    path = tmp_path / "model.pth"
    torch.jit.script(torch.nn.ReLU()).save(path)
    with pytest.raises(InputError, match="holds 'a TorchScript program', which is code"):
        read_file(path)
