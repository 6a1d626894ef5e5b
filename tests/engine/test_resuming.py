"""Runs that go on where another stood: what they are told, what they refuse, and what a signal leaves for them."""

import io
import json
import shutil
import signal
import zipfile
from pathlib import Path

import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.engine import test as testing
from slowfast_thermal.engine import train as training
from slowfast_thermal.engine.launch import launch_run
from slowfast_thermal.errors import InputError, Interrupted
from slowfast_thermal.pyslowfast import last_checkpoint
from tests.conftest import CONFIGS, small_overrides

LAST, BEFORE = "checkpoint_epoch_00002.pyth", "checkpoint_epoch_00001.pyth"
COMPARED = ("model_state", "optimizer_state", "best_map", "epoch", "iteration")


def config(data, output, *overrides):
    settings = ["TEST.ENABLE", "False", "TENSORBOARD.ENABLE", "False", *map(str, overrides)]
    return load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), small_overrides(data, output) + settings)


@pytest.fixture(scope="module")
def finished(synthetic_data, tmp_path_factory):
    output = tmp_path_factory.mktemp("finished")
    launch_run(config(synthetic_data, output), "")
    return output


@pytest.fixture
def output(finished, tmp_path):
    """A copy of a finished run of two epochs."""
    shutil.copytree(finished, tmp_path / "output")
    (tmp_path / "output" / "stdout.log").write_text("")
    return tmp_path / "output"


def changed_data(synthetic_data, folder, change):
    """The data with other annotations for training."""
    folder.mkdir()
    (folder / "frames").symlink_to(synthetic_data / "frames")
    shutil.copytree(synthetic_data / "annotations", folder / "annotations")
    for path in (folder / "annotations").iterdir():
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))
    return folder


def rename(document):
    document["categories"][0]["name"] = "another"


def rotate(document):
    names = [category["name"] for category in document["categories"]]
    for category, name in zip(document["categories"], names[1:] + names[:1]):
        category["name"] = name


def leave_out(document):
    document["annotations"].pop()


@pytest.mark.parametrize("change", [rename, rotate])
def test_other_classes_are_refused_and_nothing_is_overwritten(synthetic_data, output, tmp_path, change):
    data = changed_data(synthetic_data, tmp_path / "data", change)
    before = {path: path.read_bytes() for path in (output / "checkpoints").iterdir()}
    with pytest.raises(
        InputError, match=r"epoch_00002\.pyth was trained for the classes .*, but the annotations list .*: "
    ):
        launch_run(config(data, output, "TEST.ENABLE", True), "")
    assert {path: path.read_bytes() for path in (output / "checkpoints").iterdir()} == before


def test_a_finished_run_on_other_data_is_refused_and_an_unfinished_one_says_what_differs(
    synthetic_data, output, tmp_path
):
    data = changed_data(synthetic_data, tmp_path / "data", leave_out)
    with pytest.raises(
        InputError, match=r"ends a training on other data \('annotations/train\.json' had other content; "
    ):
        launch_run(config(data, output, "TEST.ENABLE", True), "")
    assert not (output / "test_metrics.json").exists()
    launch_run(config(data, output, "SOLVER.MAX_EPOCH", 3, "SOLVER.BASE_LR", 0.01), "")
    log = (output / "stdout.log").read_text()
    assert "was written by a run that differs from this one: " in log
    assert "'annotations/val.json' had other content" in log and "SOLVER.BASE_LR was 0.05 and is 0.01" in log
    assert "SOLVER.MAX_EPOCH was 2 and is 3" in log and "epoch 3 of 3 is next" in log


@pytest.mark.parametrize("epochs", [2, 3])
@pytest.mark.parametrize(
    "other",
    [
        (
            "THERMAL.TRAIN_ANNOTATIONS",
            "['annotations/val.json']",
            "THERMAL.TEST_ANNOTATIONS",
            "['annotations/train.json']",
        ),
        ("THERMAL.TRAIN_RECORDINGS", "['SYN_R0[12]*']"),
    ],
    ids=["files swapped", "other recordings"],
)
def test_what_a_run_has_learned_from_cannot_become_its_test(synthetic_data, output, epochs, other):
    trees = output / "checkpoints" / "trees.npz"
    trees.write_bytes(b"of the run before")
    cfg = config(
        synthetic_data, output, *other, "SOLVER.MAX_EPOCH", epochs, "TEST.ENABLE", True, "MODEL.TREES_WEIGHT", 0.5
    )
    with pytest.raises(
        InputError, match=r"(ends a training on other data|has learned from other keyframes).* was .*: set OUTPUT_DIR"
    ):
        launch_run(cfg, "")
    assert not (output / "test_metrics.json").exists() and trees.read_bytes() == b"of the run before"


def test_a_test_of_other_training_data_says_so(synthetic_data, output, tmp_path):
    def remarks(*other):
        alone = "TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", output / "checkpoints" / LAST, "TEST.ENABLE", True
        launch_run(config(synthetic_data, tmp_path / "test", *alone, *other), "")
        return json.loads((tmp_path / "test" / "test_metrics.json").read_text())["remarks"]

    assert not any("was trained on" in remark for remark in remarks())
    known = remarks(
        "THERMAL.TEST_ANNOTATIONS",
        "['annotations/train.json']",
        "THERMAL.TRAIN_ANNOTATIONS",
        "['annotations/val.json']",
    )
    assert "was trained on keyframes of this test" in known[0]
    same = "THERMAL.TEST_ANNOTATIONS", "['annotations/train.json']", "THERMAL.ACCEPT_PROBLEMS", "['overlap']"
    assert "was trained on keyframes of this test" in remarks(*same)[0]
    other = remarks("THERMAL.TRAIN_RECORDINGS", "['SYN_R0[12]*']")
    assert "was trained on other labels than those of annotations/train.json" in other[0]


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_run_with_nothing_left_to_train_says_so(synthetic_data, output, epochs):
    launch_run(config(synthetic_data, output, "SOLVER.MAX_EPOCH", epochs), "")
    log = (output / "stdout.log").read_text()
    assert (
        f"Nothing is left to train: {output / 'checkpoints' / LAST} has 2 epochs, and SOLVER.MAX_EPOCH is {epochs}"
        in log
    )
    assert "is next" not in log and ("differs" in log) == (epochs == 1)


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    """One bit of the largest tensor; in the headers between tensors are bits that no reader looks at."""
    largest = max(zipfile.ZipFile(io.BytesIO(content)).infolist(), key=lambda entry: entry.file_size)
    place = largest.header_offset + largest.file_size // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("spoil", [cut, flip, lambda content: b""])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(synthetic_data, finished, output, spoil):
    path = output / "checkpoints" / LAST
    path.write_bytes(spoil(path.read_bytes()))
    launch_run(config(synthetic_data, output), "")
    log = (output / "stdout.log").read_text()
    assert f"{path} is " in log and ": the run goes on from the checkpoint before it." in log
    again, whole = (torch.load(folder / "checkpoints" / LAST, weights_only=True) for folder in (output, finished))
    for key in COMPARED:
        torch.testing.assert_close(again[key], whole[key], rtol=0, atol=0)


def test_without_a_whole_checkpoint_the_run_ends_with_a_sentence(synthetic_data, output):
    for name in (LAST, BEFORE):
        (output / "checkpoints" / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(
        InputError, match=r"epoch_00001\.pyth is truncated or damaged .*every checkpoint after it: delete them"
    ):
        launch_run(config(synthetic_data, output), "")


@pytest.mark.parametrize(
    "place, number",
    [
        ("first evaluation", signal.SIGTERM),
        ("last evaluation", signal.SIGINT),
        ("first saving", signal.SIGINT),
        ("last saving", signal.SIGTERM),
    ],
)
def test_a_signal_in_an_evaluation_or_while_saving_ends_the_run_in_good_order(
    synthetic_data, finished, tmp_path, monkeypatch, place, number
):
    calls = []
    wanted = 1 if place.startswith("first") else 2
    evaluate, save = testing._score, training._save_progress

    def evaluate_and_signal(*arguments):
        calls.append(1)
        for scores in evaluate(*arguments):
            if len(calls) == wanted:
                signal.raise_signal(number)
            yield scores

    def save_and_signal(*arguments):
        calls.append(1)
        if len(calls) == wanted:
            signal.raise_signal(number)
        return save(*arguments)

    with monkeypatch.context() as patched:
        if place.endswith("evaluation"):
            patched.setattr(testing, "_score", evaluate_and_signal)
        else:
            patched.setattr(training, "_save_progress", save_and_signal)
        sentence = rf"{number.name} stopped the run after epoch {wanted}: the same command goes on from .*pyth\."
        with pytest.raises(Interrupted, match=sentence):
            launch_run(config(synthetic_data, tmp_path), "")
    stopped = Path(last_checkpoint(str(tmp_path)))
    assert stopped.name.startswith(f"checkpoint_epoch_0000{wanted if place.endswith('saving') else wanted - 1}")
    launch_run(config(synthetic_data, tmp_path), "")
    for name in (LAST, "model_best.pyth"):
        again, whole = (torch.load(folder / "checkpoints" / name, weights_only=True) for folder in (tmp_path, finished))
        for key in COMPARED:
            torch.testing.assert_close(again[key], whole[key], rtol=0, atol=0)


def test_a_signal_while_a_checkpoint_is_read_is_no_damage(synthetic_data, output, monkeypatch):
    def load(*_arguments, **_options):
        raise Interrupted("SIGTERM stopped the run")

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(Interrupted, match="SIGTERM stopped the run"):
        launch_run(config(synthetic_data, output), "")
