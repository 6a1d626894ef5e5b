"""Recordings that nobody annotated: who is found, when they are scored, and what is written."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.moments import moments
from slowfast_thermal.engine import finding
from slowfast_thermal.engine.finding import follow_all
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.followed import write_people
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.trees.features import box_features
from slowfast_thermal.trees.people import fit_box_trees, fit_trees, read_people
from tests import programs
from tests.conftest import CONFIGS

CONFIGURATION = str(CONFIGS / "SIMULATED.yaml")
CHOSEN = ["--cfg", CONFIGURATION, "--checkpoint", "SIMULATED"]


@pytest.fixture(scope="module")
def predictor():
    return Predictor.from_checkpoint(CONFIGURATION, "SIMULATED")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    root = tmp_path_factory.mktemp("room") / "data"
    simulate_rooms(root, num_rooms=2, num_keyframes=10, seed=3)
    return root / "frames" / "SIM001_R1.h5"


def test_arrays_give_what_their_file_gives(predictor, room):
    with h5py.File(room) as file:
        frames, times = file["frames"][:], file["timestamps"][:]
    of_file = predictor.predict([predictor.open(room)])[0]
    of_arrays = predictor(frames, times)
    assert len(of_file) > 5
    for person, same in zip(of_file, of_arrays, strict=True):
        assert (person.timestamp, person.track, person.scores) == (same.timestamp, same.track, same.scores)


def test_trees_that_know_the_place_predict_the_mean_of_both_kinds(room, tmp_path):
    trees = str(CONFIGS / "TREES.yaml")
    cfg = load_config(trees, ["DATA.PATH_TO_DATA_DIR", str(room.parents[1]), "MODEL.NUM_CLASSES", "14"])
    dataset = Thermal(cfg, "train")
    people, predicted = read_people(dataset), {}
    for with_place in (False, True):
        path = tmp_path / f"{with_place}.npz"
        fit_trees(people, dataset.classes, 0, with_place).save(path)
        predictor = Predictor.from_checkpoint(trees, str(path))
        predicted[with_place] = predictor.predict([predictor.open(room)])[0]
    boxes = fit_box_trees(people, dataset.classes, 0).predict(box_features(np.array([p.box for p in predicted[True]])))
    plain, placed = ([list(person.scores.values()) for person in predicted[kind]] for kind in (False, True))
    np.testing.assert_allclose(placed, (np.array(plain) + boxes) / 2, atol=1e-6)


def test_moments_reach_from_the_first_frame_to_the_last(predictor, room):
    recording = predictor.open(room)
    everyone = [person.timestamp for person in predictor.predict([recording], every=1e-3)[0]]
    times = sorted({person.timestamp for person in predictor.predict([recording], every=2.0)[0]})
    assert times[0] - everyone[0] < 2000 and everyone[-1] - times[-1] < 2000
    # Nearest frames of a sensor that now and then pauses.
    assert np.median(np.diff(times)) == pytest.approx(2000, abs=300)


def test_a_track_is_one_person(predictor):
    rng = np.random.default_rng(0)
    frames = rng.normal(20, 0.1, (120, 40, 60)).astype(np.float32)
    for place in range(120):
        x = 5 + place // 3
        frames[place, 5:15, x : x + 5] = 30
        frames[place, 25:35, 50 - x : 55 - x] = 30
    people = predictor(frames, 100 * np.arange(120))
    assert {person.track for person in people} == {1, 2}
    for track in (1, 2):
        boxes = np.array([person.box for person in people if person.track == track])
        assert len(boxes) == 13
        assert np.ptp(boxes[:, 1]) < 0.05 < np.ptp(boxes[:, 0])


def test_one_frame_and_an_empty_room_are_recordings(predictor, tmp_path):
    empty = np.full((50, 40, 60), 20, np.float32) + np.random.default_rng(0).normal(0, 0.1, (50, 40, 60))
    assert predictor(empty[:1], np.array([1000])) == []
    people = predictor(empty, 100 * np.arange(50))
    assert people == []
    write_people(people, tmp_path)
    assert (tmp_path / "predictions.csv").read_text() == (tmp_path / "tracks.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("frames", "times", "every", "message"),
    [
        (np.zeros((4, 40, 60)), np.arange(3), 1, "are no recording"),
        (np.zeros((4, 40)), np.arange(4), 1, "are no recording"),
        (np.full((4, 40, 60), "warm"), np.arange(4), 1, "are no recording"),
        (np.full((4, 40, 60), 20.0), np.array([0, 2, 1, 3]), 1, "timestamps decrease after frame 1"),
        (np.zeros((4, 40, 60)), np.arange(4), 0, "every 0 seconds"),
        (np.zeros((4, 40, 60)), np.arange(4), float("nan"), "every nan seconds"),
    ],
)
def test_what_is_no_recording_is_refused(predictor, frames, times, every, message):
    with pytest.raises(InputError, match=message):
        predictor(frames, times, every)


def test_temperatures_of_another_unit_are_refused_and_read_once_it_is_said(predictor):
    scene = np.random.default_rng(0).normal(294, 2, (10, 40, 60))
    with pytest.raises(InputError, match="they look like kelvin: set THERMAL.UNIT kelvin"):
        predictor(scene, np.arange(10))
    assert Predictor.from_checkpoint(CONFIGURATION, "SIMULATED", ["THERMAL.UNIT", "kelvin"])(scene, np.arange(10)) == []


def test_a_map_gives_the_classes_other_names():
    pairs = [["standing", "up"], ["walking", "up"], ["lying down-lying with risk", "down"]]
    mapped = Predictor.from_checkpoint(CONFIGURATION, "SIMULATED", ["THERMAL.SIMULATION.CLASS_MAP", str(pairs)])
    assert mapped.classes == ["up", "down"] and mapped.model.head.projection.out_features == 2


@pytest.mark.parametrize("name", ["nowhere.pyth", 300 * "x"])
def test_a_missing_checkpoint_is_named(name):
    with pytest.raises(InputError, match=f"Checkpoint '{name}' does not exist"):
        Predictor.from_checkpoint(CONFIGURATION, name)


def test_a_folder_that_is_no_exported_one_is_no_checkpoint(tmp_path):
    with pytest.raises(
        InputError, match=f"{tmp_path} holds no settings.json: give a folder that tools/export.py wrote"
    ):
        Predictor.from_checkpoint(CONFIGURATION, str(tmp_path))


def test_a_long_gap_has_no_moments(predictor, room):
    assert moments(np.array([0, 100, 1000, 10**13]), 1.0).tolist() == [0, 2, 3]
    assert moments(np.array([0, 100, 1000]), 1e-9).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("name", "checkpoint"), [("TREES.yaml", "SIMULATED"), ("SIMULATED.yaml", "trees.npz")])
def test_trees_and_networks_are_told_apart(tmp_path, monkeypatch, name, checkpoint):
    monkeypatch.chdir(tmp_path)
    Path("trees.npz").write_bytes(b"")
    with pytest.raises(InputError, match="does not fit MODEL.TREES_WEIGHT"):
        Predictor.from_checkpoint(str(CONFIGS / name), checkpoint)


def test_a_configuration_for_gpus_predicts_without_one(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    overrides = ["RESNET.WIDTH_PER_GROUP", "8"]
    with pytest.raises(InputError, match="SIMULATED.pyth"):  # of another network, which is found out after the GPU is
        Predictor.from_checkpoint(str(CONFIGS / "SLOWFAST_4x16_R50.yaml"), "SIMULATED", overrides)


def test_two_recordings_of_one_name_are_refused(predictor, room):
    with pytest.raises(InputError, match="same name"):
        predictor.predict([predictor.open(str(room))] * 2)


def test_a_file_is_no_output_folder(room, tmp_path):
    (tmp_path / "out").write_text("")
    done = programs.run("tools/predict.py", *CHOSEN, "--output", tmp_path / "out", room)
    assert done.returncode == 2 and "write to another folder" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_tool_writes_people_tracks_and_a_video(predictor, room, tmp_path):
    options = ["--video", "--output", tmp_path / "out", room.parent, "NUM_GPUS", "0"]
    done = programs.run("tools/predict.py", *CHOSEN, *options)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "tracks.jsonl").read_text().splitlines()]
    assert {line["recording"] for line in lines} == {"SIM001_R1", "SIM002_R1"}
    expected = predictor.predict([predictor.open(room)])[0]
    found = [line for line in lines if line["recording"] == "SIM001_R1"]
    assert [(line["timestamp"], line["track"]) for line in found] == [(p.timestamp, p.track) for p in expected]
    rows = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert len(rows) == len(lines) * len(predictor.classes)
    assert all((tmp_path / "out" / f"{name}.mp4").stat().st_size for name in ("SIM001_R1", "SIM002_R1"))


def test_the_tool_refuses_a_name_that_would_break_its_lines(room, tmp_path):
    (tmp_path / "two\nlines.h5").symlink_to(room)
    done = programs.run("tools/predict.py", *CHOSEN, "--output", tmp_path / "out", tmp_path)
    assert done.returncode == 2 and "two\\nlines.h5" in done.stderr and not (tmp_path / "out").exists()


def test_the_tool_names_a_folder_without_recordings(tmp_path):
    done = programs.run("tools/predict.py", *CHOSEN, "--output", tmp_path / "out", tmp_path)
    assert done.returncode == 2
    assert "holds no recording" in done.stderr and len(done.stderr.splitlines()) == 1


def test_recordings_are_followed_side_by_side_as_one_after_another(predictor, room, monkeypatch):
    recordings = [predictor.open(path) for path in sorted(room.parent.glob("*.h5"))]
    alone = list(follow_all(predictor.follow, recordings))
    monkeypatch.setattr(finding, "_FRAMES_PER_PROCESS", 1)
    monkeypatch.setattr(finding, "cpu_count", lambda: 2)
    together = list(follow_all(predictor.follow, recordings))
    assert len(recordings) > 1 and sum(map(len, alone[0]))
    for one, other in zip(alone, together, strict=True):
        assert [[(p.track, p.seen) for p in frame] for frame in one] == [[(p.track, p.seen) for p in f] for f in other]
        assert all((p.box == q.box).all() for f, g in zip(one, other) for p, q in zip(f, g))
