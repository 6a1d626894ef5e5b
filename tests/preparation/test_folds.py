"""Every keyframe is in val once; what a fold's train may not hold is known from names and times alone."""

import json
from collections import Counter

import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.checks import validate
from slowfast_thermal.preparation.folds import read_folds, split_folds
from tests import programs


def annotate(folder, keyframes):
    """An annotation file of (recording, seconds) with one person each."""
    images = [
        {"id": f"{name}_{seconds}", "sensor_id": name, "timestamp": 1000 * seconds, "frame_idx": seconds}
        for name, seconds in keyframes
    ]
    people = [{"image_id": image["id"], "bbox": [0.5, 0.5, 0.2, 0.2], "category_id": 0} for image in images]
    path = folder / "all.json"
    path.write_text(
        json.dumps({"images": images, "annotations": people, "categories": [{"id": 0, "name": "standing"}]})
    )
    return [path]


def keyframes(folder, part):
    images = json.loads((folder / f"{part}.json").read_text())["images"]
    return [(image["sensor_id"], image["timestamp"] // 1000) for image in images]


# Two recordings of one session whose times interleave, and another session.
HALL = [("HALL_R1", t) for t in range(0, 100, 2)] + [("HALL_R2", t) for t in range(1, 100, 2)]
YARD = [("YARD_R1", 5000 + t) for t in range(50)]


def test_each_session_is_cut_into_equal_stretches_with_a_guard(tmp_path):
    folds = split_folds(
        annotate(tmp_path, HALL + YARD),
        tmp_path / "folds",
        split="block",
        num_folds=5,
        guard=6,
        session_pattern="(.+)_R.",
    )
    held_out = Counter()
    for fold in folds:
        folder = tmp_path / "folds" / fold.name
        train, val = keyframes(folder, "train"), keyframes(folder, "val")
        held_out.update(val)
        for session, step in (("HALL", 20), ("YARD", 10)):
            times = sorted(t for name, t in val if name.startswith(session))
            assert len(times) == step and times[-1] - times[0] == step - 1
            near = [t for name, t in train if name.startswith(session) and times[0] - 6 < t < times[-1] + 6]
            assert not near
        assert len(train) + len(val) + fold.num_guarded == len(HALL + YARD) and fold.num_guarded
        assert fold.num_keyframes == {"train": len(train), "val": len(val)}
    assert set(held_out.values()) == {1} and len(held_out) == len(HALL + YARD)


def test_a_long_pause_does_not_empty_a_stretch(tmp_path):
    morning_and_evening = [("HALL_R1", t) for t in range(10)] + [("HALL_R1", 40_000 + t) for t in range(10)]
    split_folds(annotate(tmp_path, morning_and_evening), tmp_path / "folds", split="block", num_folds=2)
    held_out = [keyframes(folder, "val") for folder in read_folds(tmp_path / "folds").values()]
    assert held_out == [morning_and_evening[:10], morning_and_evening[10:]]


def test_as_many_folds_as_sessions_leave_out_one_at_a_time(tmp_path):
    folds = split_folds(annotate(tmp_path, HALL + YARD), tmp_path / "folds", split="session", num_folds=2)
    assert {fold.name: fold.num_keyframes["val"] for fold in folds} == {"HALL": 100, "YARD": 50}
    assert keyframes(tmp_path / "folds" / "HALL", "train") == YARD


def test_fewer_folds_than_recordings_hold_out_several(tmp_path):
    folds = split_folds(annotate(tmp_path, HALL + YARD), tmp_path / "folds", split="recording", num_folds=2, seed=1)
    assert len(folds) == 2
    held_out = [{name for name, _ in keyframes(tmp_path / "folds" / fold.name, "val")} for fold in folds]
    assert sorted(len(names) for names in held_out) == [1, 2] and not held_out[0] & held_out[1]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"split": "room", "num_folds": 2}, "Folds by 'room': choose one of keyframe, recording, session, block"),
        ({"split": "session", "num_folds": 3}, "3 folds by session, but there are 2: give --folds 2 or less"),
        (
            {"split": "session", "num_folds": 2, "session_pattern": ".(A).*"},
            "There is one session alone, so none can be held out: add another, or split by block",
        ),
        ({"split": "block", "num_folds": 1}, "1 folds: give at least 2"),
        ({"split": "block", "num_folds": 2, "guard": -1.0}, r"A guard of -1\.0 seconds: give 0 or more"),
        ({"split": "block", "num_folds": 2, "guard": 500.0}, "leaves fold 'block_1' no training keyframe"),
        ({"split": "block", "num_folds": 400}, "No keyframe lies in stretch 2 of 400: give fewer"),
    ],
)
def test_what_gives_no_folds_is_explained_and_nothing_written(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        split_folds(annotate(tmp_path, HALL[:20] + YARD[:20]), tmp_path / "folds", **settings)
    assert not (tmp_path / "folds").exists()


def test_a_recording_without_a_session_is_guarded_as_one_of_its_own(tmp_path):
    names = [("first", t) for t in range(10)] + [("second", t) for t in range(10)]
    folds = split_folds(annotate(tmp_path, names), tmp_path / "folds", split="recording", num_folds=2, guard=5.0)
    assert [fold.num_guarded for fold in folds] == [0, 0]


def test_a_folder_without_folds_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no fold"):
        read_folds(tmp_path)


def test_the_command_writes_folds_that_validate_accepts(synthetic_data, tmp_path):
    command = ["tools/thermal_data.py", "split", synthetic_data, tmp_path / "folds", "--by", "block", "--folds", "2"]
    done = programs.run(*command, "--guard", "1")
    assert done.returncode == 0, done.stderr
    assert "block_2" in done.stdout and f"Wrote {tmp_path / 'folds'}" in done.stdout
    for folder in read_folds(tmp_path / "folds").values():
        assert not validate(synthetic_data, [folder / "train.json"], [folder / "val.json"]).of("problem")
    refused = programs.run(*command[:-2])
    assert refused.returncode == 2 and "give their number with --folds" in refused.stderr
