import multiprocessing
import os
import resource
import signal
import time

import h5py
import numpy as np
import pytest
import torch

from slowfast_thermal.checkpoint.training_state import save_checkpoint
from slowfast_thermal.errors import InputError
from slowfast_thermal.files import claimed, remove_partial_files, replacing
from slowfast_thermal.preparation.folders import new_folder
from slowfast_thermal.pyslowfast import checkpoint_path, get_cfg, last_checkpoint
from tests.checkpoint.test_training_state import new_state

FORK = multiprocessing.get_context("fork")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_way_of_a_file_is_told(tmp_path):
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(InputError, match="table.csv is to be written but is a folder"):
        with replacing(tmp_path / "table.csv"):
            pass


def test_a_written_file_may_be_read_by_whom_the_umask_lets(tmp_path):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "file") as temporary:
        open(temporary, "w").close()
    assert os.stat(tmp_path / "file").st_mode == os.stat(tmp_path / "plain").st_mode


def _write_file(folder, started):
    with replacing(folder / "file"):
        started.set()
        time.sleep(600)


def _write_folder(folder, started):
    with new_folder(folder / "data" / "new") as root:
        (root / "half").touch()
        started.set()
        time.sleep(600)


def _claim(folder, started):
    with claimed(folder):
        started.set()
        time.sleep(600)


def _claim_and_fork(folder, started):
    with claimed(folder):
        FORK.Process(target=time.sleep, args=(20,)).start()
        started.set()
        time.sleep(600)


@pytest.fixture
def started():
    """Starts a process that runs a function until it is killed, and waits until it is at work."""
    processes = []

    def start(function, *arguments):
        event = FORK.Event()
        processes.append(FORK.Process(target=function, args=(*arguments, event)))
        processes[-1].start()
        assert event.wait(30)
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.join()


@pytest.mark.parametrize("write", [_write_file, _write_folder])
def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path, started, write):
    killed, living = started(write, tmp_path), started(write, tmp_path)
    assert len(os.listdir(tmp_path)) == 2
    killed.kill()
    killed.join()
    other = started(write, tmp_path)
    assert len(os.listdir(tmp_path)) == 2
    for process in (living, other):
        process.kill()
        process.join()
    if write is _write_file:
        remove_partial_files(tmp_path)
        assert os.listdir(tmp_path) == []
    else:
        with new_folder(tmp_path / "data" / "new"):
            pass
        assert os.listdir(tmp_path) == ["data"]


def test_files_of_others_with_such_names_stay_and_are_never_taken_for_a_checkpoint(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    path.parent.mkdir()
    for name in ("partial-results.csv", "partial-0123456789abcdef.csv", "partial-0123456789abcdef"):
        (path.parent / name).touch()
    save_checkpoint(path, new_state(), get_cfg())
    assert last_checkpoint(str(tmp_path)) == path
    assert sorted(os.listdir(path.parent)) == [path.name, "partial-0123456789abcdef.csv", "partial-results.csv"]


@pytest.mark.parametrize("claim", [_claim, _claim_and_fork])
def test_a_run_keeps_others_out_of_its_folder_until_it_dies(tmp_path, started, claim):
    process = started(claim, tmp_path)
    with pytest.raises(InputError, match=rf"'.*' is in use by process {process.pid} on \S+ since .*: wait"):
        with claimed(tmp_path):
            pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with claimed(tmp_path), claimed(tmp_path / "another"):
        assert str(os.getpid()) in (tmp_path / "run.lock").read_text()


def test_a_run_that_is_started_again_waits_for_the_one_before_it(tmp_path, started):
    process = started(_claim, tmp_path)
    start = time.monotonic()
    waiting = FORK.Process(target=_claim_once, args=(tmp_path, 60))
    waiting.start()
    time.sleep(0.7)
    assert waiting.is_alive()
    process.kill()
    waiting.join()
    assert waiting.exitcode == 0 and time.monotonic() - start < 30


def _claim_once(folder, patience):
    with claimed(folder, patience):
        pass


def _save_without_room(path, sentences):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    state = new_state()
    state.model.extra = torch.nn.Linear(1000, 1000)
    try:
        save_checkpoint(path, state, get_cfg())
    except InputError as error:
        sentences.put(str(error))
    else:
        sentences.put("no error")


def test_a_checkpoint_without_room_is_a_sentence_with_its_path_and_size_and_keeps_the_old_one(tmp_path):
    """The limit of a file's size stands for a full disk: writing fails in the middle of it."""
    path = checkpoint_path(str(tmp_path), 1)
    path.parent.mkdir()
    path.write_text("old")
    sentences = FORK.SimpleQueue()
    process = FORK.Process(target=_save_without_room, args=(path, sentences))
    process.start()
    process.join()
    sentence = sentences.get()
    assert (
        sentence.startswith(f"{path} cannot be written (File too large): it needs 4,004,")
        and "bytes are free" in sentence
    )
    assert os.listdir(path.parent) == [path.name] and path.read_text() == "old"


def _claim_without_room(folder, sentences):
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with claimed(folder):
        sentences.put("claimed")


def _write_folder_without_room(folder, sentences):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    try:
        with new_folder(folder / "data") as root, h5py.File(root / "A.h5", "w") as file:
            file["frames"] = np.zeros((100, 8, 12))
    except InputError as error:
        sentences.put(str(error))
    else:
        sentences.put("no error")


@pytest.mark.parametrize(
    "write, beginning",
    [(_claim_without_room, "claimed"), (_write_folder_without_room, "{} cannot be written (File too")],
)
def test_without_room_a_folder_is_claimed_all_the_same_and_data_end_in_a_sentence(tmp_path, write, beginning):
    sentences = FORK.SimpleQueue()
    process = FORK.Process(target=write, args=(tmp_path, sentences))
    process.start()
    process.join()
    assert process.exitcode == 0 and sentences.get().startswith(beginning.format(tmp_path))
    assert [name for name in os.listdir(tmp_path) if name != "run.lock"] == []


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("/dev/null/x", "Not a directory"),
        ("/tmp/" + 300 * "x", "File name too long"),
        (f"/{300 * 'x'}/y", "File name too long"),
    ],
)
def test_data_that_cannot_be_written_anywhere_end_in_a_sentence(folder, reason):
    with pytest.raises(InputError, match=rf"^/\S+ cannot be written \({reason}\): choose another folder"):
        with new_folder(folder):
            pass
