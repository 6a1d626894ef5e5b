"""The benchmark of preparation: its data are a data set like others, and its figures are of processes that ended well."""

import json

import pytest

from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.preparation.annotations.importing import import_annotations
from slowfast_thermal.preparation.annotations.raw import convert_raw
from slowfast_thermal.preparation.checks import validate
from tools.benchmarks import preparation
from tools.benchmarks.common import REPOSITORY

SECONDS = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preparation") / "data"
    preparation.write_data(folder, SECONDS)
    return folder


def test_its_data_have_no_problem_but_lost_packets(data):
    report = validate(data, ["annotations/train.json"], ["annotations/val.json"])
    assert report.of("problem") == [] and report.num_keyframes == {"train": 30, "val": 10}
    (lost,) = [finding.message for finding in report.findings if finding.kind == "lost packets"]
    assert "packets of 576 readings" in lost


def test_its_raw_annotations_and_its_video_are_of_the_same_people(data, tmp_path):
    frames = data / "frames"
    convert_raw(data / "raw", frames, tmp_path / "raw", split="keyframe")
    import_annotations("cvat", data / "video.xml", frames, tmp_path / "video", split="keyframe")

    def people(folder):
        keyframes = load_annotations([folder / "train.json", folder / "val.json"]).keyframes
        return {k.frame_index: [k.boxes.round(3).tolist(), k.labels.tolist()] for k in keyframes}

    assert people(tmp_path / "raw") == people(tmp_path / "video") == people(data / "annotations")


def test_a_command_takes_turns_with_that_of_an_earlier_checkout(monkeypatch):
    everything = preparation.commands
    monkeypatch.setattr(preparation, "commands", lambda data, output: {"convert": everything(data, output)["convert"]})
    found = preparation.measure(1, REPOSITORY, SECONDS)
    (row,) = found["commands"]
    assert (found["frames"], found["keyframes"], found["boxes"]) == (8 * SECONDS, SECONDS, 2 * SECONDS)
    assert row["command"] == "convert" and row["ratio"] == row["now, s"] / row["before, s"] > 0
    assert row["now, MiB"] > 10


def test_a_command_that_fails_is_no_figure(monkeypatch):
    monkeypatch.setattr(
        preparation, "commands", lambda data, _: {"stats": ["tools/thermal_data.py", "stats", str(data / "none")]}
    )
    with pytest.raises(RuntimeError, match="stats .*none failed: (.|\n)*does not exist"):
        preparation.measure(1, None, SECONDS)


@pytest.mark.slow
def test_every_command_is_measured():
    found = preparation.measure(1, None, SECONDS)
    json.dumps(found)
    assert [row["command"] for row in found["commands"]] == list(preparation.commands(REPOSITORY, REPOSITORY))
