"""Each defect of a data set is found, alone; the synthetic set has none, and the real ones are counted."""

import itertools
import json
import re
from collections import Counter
from dataclasses import replace

import h5py
import numpy as np
import pytest

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.checks import Report, validate
from slowfast_thermal.preparation.overlap import CLIP_FRAMES, ClipLength, clip_span
from slowfast_thermal.preparation.recording_checks import time_unit
from slowfast_thermal.preparation.settings import DataSettings
from slowfast_thermal.preparation.splits import split_again
from tests import programs
from tests.conftest import CONFIGS

TRAIN, VAL = ["annotations/train.json"], ["annotations/val.json"]
FIRST_TIME, INTERVAL = 1000, 150


class CleanData:
    """Two recordings of 100 frames of 8x12 pixels, one for training, one for validation, without anything to find.

    Each has keyframes at frames 40 and 50 with a person who stands and one who lies.
    """

    def __init__(self, folder):
        rng = np.random.default_rng(0)
        self.folder = folder
        self.frames, self.timestamps, self.documents = {}, {}, {}
        for split, name in (("train", "HALL_R1"), ("val", "ROOM_R1")):
            self.frames[name] = rng.uniform(15, 30, (100, 8, 12)).astype(np.float32)
            self.timestamps[name] = FIRST_TIME + INTERVAL * np.arange(100)
            self.documents[split] = {
                "images": [self.image(name, frame) for frame in (40, 50)],
                "annotations": [
                    {"image_id": f"{name}_{frame}", "bbox": [x, 0.5, 0.25, 0.5], "category_id": action}
                    for frame in (40, 50)
                    for action, x in ((0, 0.25), (1, 0.75))
                ],
                "categories": [{"id": 0, "name": "standing"}, {"id": 1, "name": "lying"}],
            }

    @staticmethod
    def image(name, frame):
        time = FIRST_TIME + INTERVAL * frame
        return {"id": f"{name}_{frame}", "sensor_id": name, "timestamp": time, "frame_idx": frame}

    def write(self):
        (self.folder / "frames").mkdir(parents=True)
        (self.folder / "annotations").mkdir()
        for name, frames in self.frames.items():
            with h5py.File(self.path(name), "w") as file:
                file["frames"] = frames
                file["timestamps"] = self.timestamps[name]
        for split, document in self.documents.items():
            (self.folder / "annotations" / f"{split}.json").write_text(json.dumps(document))

    def path(self, name):
        return self.folder / "frames" / f"{name}.h5"

    def validate(self, **settings):
        return validate(self.folder, TRAIN, VAL, **settings)


@pytest.fixture
def data(tmp_path):
    return CleanData(tmp_path / "data")


def told(report):
    """Problems and warnings."""
    return [finding for finding in report.findings if finding.severity != "note"]


def test_nothing_is_found_where_nothing_is_wrong(data):
    data.write()
    report = data.validate()
    assert told(report) == []
    assert report.num_keyframes == {"train": 2, "val": 2} and report.num_recordings == 2


def test_nothing_is_found_in_the_synthetic_set_whose_lost_packets_are_a_note(synthetic_data):
    report = validate(synthetic_data, TRAIN, VAL)
    assert told(report) == []
    dead = [finding.message for finding in report.findings if finding.kind == "dead pixels"]
    assert [message.split(":")[0] for message in dead] == ["frames/SYN_R01.h5", "frames/SYN_R03.h5"]


def record(split, section, position, **fields):
    """Sets fields of a record; None takes one away."""

    def change(data):
        content = data.documents[split][section][position]
        for key, value in fields.items():
            content[key] = value
            if value is None:
                del content[key]

    return change


def append(split, section, **fields):
    return lambda data: data.documents[split][section].append(fields)


def frames(name, function):
    """Replaces a recording's frames by what the function makes of them."""

    def change(data):
        data.frames[name] = function(data.frames[name])

    return change


def times(name, function):
    def change(data):
        data.timestamps[name] = function(data.timestamps[name])

    return change


def with_value(array, place, value):
    array = array.copy()
    array[place] = value
    return array


def take_frame_after_30_ms(data):
    data.timestamps["HALL_R1"][41] = data.timestamps["HALL_R1"][40] + 30
    data.documents["train"]["images"][0]["frame_idx"] = 41


def drop_people(data):
    del data.documents["val"]["annotations"][2:]


def reverse_categories(data):
    for category, name in zip(data.documents["val"]["categories"], ("lying", "standing")):
        category["name"] = name


def only_standing(*splits):
    def change(data):
        for split in splits:
            for annotation in data.documents[split]["annotations"]:
                annotation["category_id"] = 0

    return change


def add_recording(data):
    data.frames["HALL_R2"], data.timestamps["HALL_R2"] = data.frames["HALL_R1"], data.timestamps["HALL_R1"]


def second_keyframe_to_val(data):
    """Puts the second training keyframe, 1.5 s after the first, into val."""
    train, val = data.documents["train"], data.documents["val"]
    val["images"].append(train["images"].pop())
    val["annotations"] += train["annotations"][2:]
    del train["annotations"][2:]


def same_session(shift):
    """Val's recording becomes a second one of the training session that begins `shift` milliseconds later."""

    def change(data):
        data.frames["HALL_R2"] = data.frames.pop("ROOM_R1")
        data.timestamps["HALL_R2"] = data.timestamps.pop("ROOM_R1") + shift
        for image in data.documents["val"]["images"]:
            image |= {"sensor_id": "HALL_R2", "timestamp": image["timestamp"] + shift}

    return change


def in_other_time_unit(factor, start=0):
    """All times, of frames and keyframes, become so many units a millisecond, after a start in milliseconds."""

    def change(data):
        for name, timestamps in data.timestamps.items():
            data.timestamps[name] = ((timestamps + start) * factor).astype(np.int64)
        for document in data.documents.values():
            for image in document["images"]:
                image["timestamp"] = int((image["timestamp"] + start) * factor)

    return change


DEAD = -273.2
FAILED = np.s_[30:33]
DEFECTS = {
    "image without a field": (
        record("train", "images", 0, frame_idx=None), "problem", "annotations",
        r"train.json, images\[0\] has no 'frame_idx': add it",
    ),
    "box without size": (
        record("train", "annotations", 1, bbox=[0.5, 0.5, 0, 0.5]), "problem", "annotations",
        r"train.json, annotations\[1\]: bbox .* not positive: correct or remove it",
    ),
    "box not finite": (
        record("val", "annotations", 0, bbox=[0.5, float("nan"), 0.2, 0.5]), "problem", "annotations",
        r"val.json, annotations\[0\]: bbox .* four finite numbers",
    ),
    "box beyond all floats": (
        record("val", "annotations", 0, bbox=[10**400, 0.5, 0.2, 0.5]), "problem", "annotations",
        r"val.json, annotations\[0\]: bbox .* four finite numbers",
    ),
    "faulty object": (
        record("train", "images", 0, objects=[{"bbox": [0.5]}]), "problem", "annotations",
        r"train.json, images\[0\], objects\[0\]: bbox .* four finite numbers",
    ),
    "unknown category": (
        record("train", "annotations", 0, category_id=9), "problem", "annotations",
        r"train.json, annotations\[0\]: category_id 9 is not in the categories \[0, 1\]",
    ),
    "unknown image": (
        append("val", "annotations", image_id="gone", bbox=[0.5, 0.5, 0.2, 0.5], category_id=0), "problem", "annotations",
        r"val.json, annotations\[4\]: image_id 'gone' is no image of this file",
    ),
    "image id twice": (
        append("train", "images", **{**CleanData.image("HALL_R1", 60), "id": "HALL_R1_40"}), "problem", "annotations",
        r"train.json, images\[2\]: image id 'HALL_R1_40' stands in .*images\[0\] already",
    ),
    "keyframe twice": (
        append("train", "images", **{**CleanData.image("HALL_R1", 40), "id": "again"}), "problem", "annotations",
        r"train.json, images\[2\]: HALL_R1 has a keyframe at 7000 ms in .*images\[0\] already",
    ),
    "no time": (
        record("val", "images", 0, timestamp=10**30), "problem", "annotations",
        r"val.json, images\[0\]: timestamp 1.* is no time in milliseconds",
    ),
    "category twice": (
        append("train", "categories", id=1, name="sitting"), "problem", "annotations",
        r"train.json, categories\[2\]: id 1 .* stands there twice",
    ),
    "no categories": (
        lambda data: data.documents["val"].pop("categories"), "problem", "annotations", r"val.json has no 'categories'",
    ),
    "no images": (
        lambda data: data.documents["val"].pop("images"), "problem", "annotations", r"val.json has no 'images'",
    ),
    "other categories": (
        reverse_categories, "problem", "annotations", r"val.json has other categories than annotations/train.json",
    ),
    "one category more": (
        append("val", "categories", id=2, name="sitting"), "problem", "annotations",
        r"val.json has other categories than annotations/train.json",
    ),
    "other size": (
        frames("ROOM_R1", lambda f: f[:, :, :10]), "problem", "recordings",
        r"frames/ROOM_R1.h5 has frames of 8x10 pixels, but frames/HALL_R1.h5 of 8x12",
    ),
    "wrong shape": (
        frames("ROOM_R1", lambda f: f[:, 0]), "problem", "recordings", r"ROOM_R1.h5: 'frames' has shape \(100, 12\)",
    ),
    "wrong type": (
        frames("ROOM_R1", lambda f: f.astype(np.int16)), "problem", "recordings", r"ROOM_R1.h5: 'frames' .* type int16, counts of no known unit",
    ),
    "a timestamp missing": (
        times("ROOM_R1", lambda t: t[:-1]), "problem", "recordings", r"ROOM_R1.h5: 'timestamps' has shape \(99,\)",
    ),
    "timestamps with fractions": (
        times("ROOM_R1", lambda t: t / 1000), "problem", "recordings", r"ROOM_R1.h5: 'timestamps' .* type float64",
    ),
    "times not increasing": (
        times("HALL_R1", lambda t: with_value(t, 20, t[19])), "problem", "times",
        r"HALL_R1.h5: timestamps do not increase at 1 of 99 steps, first from frame 19 \(3850 ms\) to 20 \(3850 ms\)",
    ),
    "frame outside": (
        record("train", "images", 0, frame_idx=100), "problem", "times",
        r"annotations/\w+\.json, images\[\d+\]: image 'HALL_R1_40' has frame_idx 100, but frames/HALL_R1.h5 holds frames 0 to 99",
    ),
    "frame of another time": (
        record("train", "images", 0, frame_idx=41), "problem", "times",
        r"train.json, images\[0\]: frame_idx 41 is at 7150 ms, but the timestamp is 7000 ms, nearest to frame 40",
    ),
    "frame beside the nearest": (
        take_frame_after_30_ms, "problem", "times",
        r"train.json, images\[0\]: frame_idx 41 is at 7030 ms, but the timestamp is 7000 ms, nearest to frame 40",
    ),
    "time before the recording": (
        lambda data: data.documents["val"]["images"][0].update(frame_idx=0, timestamp=1), "problem", "times",
        r"val.json, images\[0\]: frame_idx 0 is at 1000 ms, but the timestamp is 1 ms",
    ),
    "transposed": (
        lambda data: data.documents["train"]["images"][1].update(width=8, height=12), "problem", "sizes",
        r"train.json, images\[1\]: the image is 8 pixels wide and 12 high, but the frames of frames/HALL_R1.h5 are 12 wide "
        r"and 8 high: store them as \(frames, height, width\)",
    ),
    "image of another size": (
        lambda data: [image.update(width=60, height=40) for image in data.documents["val"]["images"]], "problem", "sizes",
        r"val.json, images\[0\]: the image is 60 pixels wide .*ROOM_R1.h5 are 12 wide .* correct the one",
    ),
    "size of the wrong type": (
        record("train", "images", 0, width="12", height=8), "problem", "annotations", r"images\[0\]: 'width' is '12'",
    ),
    "kelvin": (
        frames("HALL_R1", lambda f: f + np.float32(273.15)), "problem", "temperatures",
        r"HALL_R1.h5: .* lie outside THERMAL.TEMPERATURE_RANGE \[10, 35\]; they look like kelvin: set THERMAL.UNIT kelvin",
    ),
    "failed reads": (
        frames("ROOM_R1", lambda f: with_value(f, FAILED, 0.0)), "problem", "temperatures",
        r"ROOM_R1.h5: 288 readings are exactly 0 degrees .* THERMAL.VALID_RANGE \[7.5,300\], which leaves them out",
    ),
    "all the same": (
        frames("ROOM_R1", lambda f: np.full_like(f, 20)), "problem", "temperatures", r"ROOM_R1.h5: every reading is 20 deg",
    ),
    "gap": (
        times("HALL_R1", lambda t: t + 60_000 * (np.arange(100) > 95)), "warning", "times",
        r"HALL_R1.h5: 150 to 60150 ms .* median of 150; 1% are less than half .*, and 1 more than ten times.*THERMAL.CLIP_SECONDS",
    ),
    "irregular": (
        times("ROOM_R1", lambda t: with_value(t, slice(71, 95, 2), t[71:95:2] - 100)), "warning", "times",
        r"ROOM_R1.h5: 50 to 250 ms .* median of 150; 12% are less than half .*, and 0 more than ten times",
    ),
    "dead pixel": (
        frames("HALL_R1", lambda f: with_value(f, np.s_[:, 3, 3], DEAD)), "warning", "dead pixels",
        r"HALL_R1.h5: 100 readings \(1.0%\) are missing, in 100 of 100 frames, and 1 of 96 pixels read in .*, 1 of them never",
    ),
    "many dead readings": (
        frames("HALL_R1", lambda f: with_value(f, np.s_[:20], np.nan)), "warning", "dead pixels",
        r"HALL_R1.h5: 1920 readings \(20.0%\) are missing, in 20 of 100 frames: check the sensor",
    ),
    "box over the edge": (
        record("val", "annotations", 0, bbox=[0.05, 0.5, 0.25, 0.5]), "warning", "boxes",
        r"val.json, annotations\[0\]: the box reaches over the image's edge and is cut",
    ),
    "object over the edge": (
        record("val", "images", 1, objects=[{"bbox": [0.05, 0.5, 0.25, 0.5]}]), "warning", "boxes",
        r"val.json, images\[1\], objects\[0\]: the box reaches over the image's edge and is cut",
    ),
    "box outside": (
        record("val", "annotations", 0, bbox=[6, 4, 3, 4]), "warning", "boxes",
        r"val.json, annotations\[0\]: the box lies outside the image and is dropped",
    ),
    "image without people": (
        drop_people, "warning", "boxes", r"val.json, images\[1\]: image 'ROOM_R1_50' has no person's box",
    ),
    "class without boxes": (
        only_standing("train", "val"), "warning", "classes",
        r"train.json: class 'lying' has no training box and none for validation",
    ),
    "class only in val": (
        only_standing("train"), "warning", "classes",
        r"train.json: class 'lying' has no training box, but 2 for validation",
    ),
    "recording without keyframes": (
        add_recording, "warning", "unused", r"frames/HALL_R2.h5: no keyframe is from this recording",
    ),
    "clips of one recording": (
        second_keyframe_to_val, "warning", "overlap", r"1 of 3 validation clips share frames .* .1 keyframes lie",
    ),
    "clips of one session": (
        same_session(10_000), "warning", "overlap", r"1 of 2 validation clips share frames .* .0 keyframes lie",
    ),
    "clips of an earlier recording": (
        same_session(-10_000), "warning", "overlap", r"1 of 2 validation clips share frames .* .0 keyframes lie",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, severity, kind, message", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_is_found_and_nothing_else(data, change, severity, kind, message):
    change(data)
    data.write()
    (finding,) = told(data.validate())
    assert (finding.severity, finding.kind) == (severity, kind)
    assert re.search(message, finding.message)


@pytest.mark.parametrize("factor, start, unit", [
    (1e3, 0, "microseconds"), (1e6, 0, "nanoseconds"), (1e-3, 0, "seconds"), (1e3, 1.76e12, "microseconds"),
    (1e6, 1.76e12, "nanoseconds"), (1e-3, 1.76e12, "seconds"),
])  # fmt: skip
def test_times_in_another_unit_are_a_problem_of_each_recording(data, factor, start, unit):
    in_other_time_unit(factor, start)(data)
    data.write()
    problems = [finding.message for finding in data.validate().of("problem")]
    for name in ("HALL_R1", "ROOM_R1"):
        assert any(
            re.search(rf"{name}.h5: timestamps .* looks like {unit}: write milliseconds", told) for told in problems
        )


@pytest.mark.parametrize("start, interval", [(0, 5), (0, 9000), (1.76e12, 30_000), (1.7e9, 150)])
def test_fast_and_slow_recordings_are_in_milliseconds_all_the_same(start, interval):
    assert time_unit(np.int64(start) + interval * np.arange(100)) is None


def rewrite(name, function):
    """Changes a file's bytes."""

    def change(folder):
        (folder / name).write_bytes(function((folder / name).read_bytes()))

    return change


def without_dataset(key):
    def change(folder):
        with h5py.File(folder / "frames" / "HALL_R1.h5", "a") as file:
            del file[key]

    return change


def with_damaged_chunk(key):
    """Stores a data set compressed, then spoils its bytes."""

    def change(folder):
        path = folder / "frames" / "HALL_R1.h5"
        with h5py.File(path, "a") as file:
            values = file[key][:]
            del file[key]
            stored = file.create_dataset(key, data=values, chunks=values.shape, compression=4)
            place = stored.id.get_chunk_info(0).byte_offset
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(bytes(20))

    return change


BROKEN_FILES = {
    "annotations missing": (
        lambda folder: (folder / "annotations" / "val.json").unlink(), "annotations",
        r"'annotations/val.json' does not exist",
    ),
    "invalid JSON": (
        rewrite("annotations/train.json", lambda content: content[:-1]), "annotations",
        r"annotations/train.json is not valid JSON .*: write it again",
    ),
    "recording missing": (
        lambda folder: (folder / "frames" / "HALL_R1.h5").unlink(), "recordings",
        r"'frames/HALL_R1.h5' does not exist: correct the name, add the file, or remove its annotations",
    ),
    "no recordings": (
        lambda folder: (folder / "frames").rename(folder / "videos"), "recordings", r"recordings 'frames' does not exist",
    ),
    "truncated": (
        rewrite("frames/HALL_R1.h5", lambda content: content[: len(content) // 2]), "recordings",
        r"frames/HALL_R1.h5 cannot be read as HDF5 .*truncated",
    ),
    "no HDF5": (
        rewrite("frames/HALL_R1.h5", lambda content: b"<html>"), "recordings", r"HALL_R1.h5 cannot be read as HDF5",
    ),
    "no frames": (without_dataset("frames"), "recordings", r"HALL_R1.h5 has no data set 'frames'"),
    "no timestamps": (without_dataset("timestamps"), "recordings", r"HALL_R1.h5 has no data set 'timestamps'"),
    "damaged frames": (with_damaged_chunk("frames"), "recordings", r"HALL_R1.h5: frames 0 to 99 cannot be read"),
    "damaged times": (with_damaged_chunk("timestamps"), "recordings", r"HALL_R1.h5: timestamps cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("change, kind, message", BROKEN_FILES.values(), ids=BROKEN_FILES.keys())
def test_a_broken_file_is_found_and_nothing_else(data, change, kind, message):
    data.write()
    change(data.folder)
    (finding,) = told(data.validate())
    assert (finding.severity, finding.kind) == ("problem", kind)
    assert re.search(message, finding.message)


def test_a_keyframe_in_both_files_is_a_problem(data):
    train, val = data.documents["train"], data.documents["val"]
    val["images"].append(train["images"][0])
    val["annotations"] += train["annotations"][:2]
    data.write()
    problem, overlap = told(data.validate())
    assert problem.severity == "problem" and overlap.kind == "overlap"
    assert re.search(
        r"val.json, images\[2\]: HALL_R1 at 7000 ms is in the training set too: remove it", problem.message
    )


def test_nobody_to_test_on_is_a_problem(data):
    data.documents["val"]["annotations"].clear()
    data.write()
    (problem,) = data.validate().of("problem")
    assert "annotations/val.json: no keyframe has a person's box, so there is nothing to test on" in problem.message


def test_all_defects_of_a_set_are_listed_not_only_the_first(data):
    record("train", "annotations", 0, bbox=[0.5], category_id=9)(data)
    record("train", "images", 1, frame_idx="fifty", objects=[])(data)
    record("val", "annotations", 3, image_id="gone")(data)
    times("ROOM_R1", lambda t: t[::-1])(data)
    data.write()
    data.path("HALL_R1").unlink()
    problems = [finding.message for finding in data.validate().of("problem")]
    places = [
        r"train.json, images\[1\]", r"train.json, annotations\[0\]: category", r"train.json, annotations\[0\]: bbox",
        r"val.json, annotations\[3\]", r"HALL_R1.h5", r"ROOM_R1.h5: timestamps do not increase at 99 of 99",
        r"val.json, images\[0\]: frame_idx 40 is at", r"val.json, images\[1\]: frame_idx 50 is at",
    ]  # fmt: skip
    assert len(problems) == len(places)
    for place, problem in zip(places, problems):
        assert re.search(place, problem)


def test_a_session_pattern_tells_which_recordings_show_the_same(data):
    same_session(10_000)(data)
    data.write()

    def validated(pattern: str) -> Report:
        return data.validate(settings=replace(DataSettings.default(), session_pattern=pattern))

    assert told(validated("(.+)")) == []
    found = validated("(ROOM)_.*")
    assert told(found) == []
    assert any("does not fit HALL_R1, HALL_R2" in note.message for note in found.of("note"))


def test_the_distance_is_from_the_keyframe_to_the_nearest_training_clip(data):
    same_session(10_000)(data)
    data.write()
    # Training clips span 2.2 s to 13.15 s; the validation keyframes lie at 17 s and 18.5 s.
    distances = [(d.image_id, d.milliseconds, d.shares_frames) for d in data.validate().overlap]
    assert distances == [("ROOM_R1_40", 3850, True), ("ROOM_R1_50", 5350, False)]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"'.*gone' does not exist"):
        validate(tmp_path / "gone", TRAIN, VAL)


def test_checks_look_at_the_clips_of_the_configurations(tmp_path):
    cfg = load_config(
        str(CONFIGS / "SLOWFAST_8x8_R101.yaml"), ["DATA.PATH_TO_DATA_DIR", str(tmp_path), "NUM_GPUS", "0"]
    )
    assert cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE == CLIP_FRAMES


def test_clips_are_those_of_the_configuration_and_trees_look_further(small_config, synthetic_data):
    def length(*overrides):
        return ClipLength.of(small_config(synthetic_data, *overrides))

    half, before = (CLIP_FRAMES // 2, CLIP_FRAMES // 2 - 1), ("THERMAL.KEYFRAME_POSITION", 1.0)
    assert length() == ClipLength(half, (0, 0))
    assert length("THERMAL.CLIP_SECONDS", 4.0) == ClipLength((0, 0), (2000, 2000))
    assert length("MODEL.TREES_WEIGHT", 1) == ClipLength((0, 0), (8000, 8000))
    assert length("MODEL.TREES_WEIGHT", 0.5) == ClipLength(half, (8000, 8000))
    assert length(*before) == ClipLength((CLIP_FRAMES - 1, 0), (0, 0))
    assert length("MODEL.TREES_WEIGHT", 0.5, "THERMAL.CLIP_SECONDS", 4.0, *before) == ClipLength((0, 0), (8000, 0))
    keyframe = replace(load_annotations([synthetic_data / "annotations" / "val.json"]).keyframes[0], frame_index=100)
    times, moment = np.arange(200) * 150, 15_000
    assert clip_span(keyframe, times, ClipLength((32, 31), (0, 0))) == (moment - 32 * 150, moment + 31 * 150)
    assert clip_span(keyframe, times, ClipLength((0, 0), (2000, 1000))) == (moment - 2000, moment + 1000)
    assert clip_span(keyframe, times, ClipLength((32, 31), (8000, 8000))) == (moment - 8000, moment + 8000)


def run_command(*arguments):
    return programs.run("tools/thermal_data.py", *arguments)


def test_the_command_tells_problems_by_its_exit_status(data):
    record("val", "annotations", 0, bbox=[0.05, 0.5, 0.25, 0.5])(data)
    data.write()
    done = run_command("validate", data.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 train and 2 val keyframes, 2 recordings",
        "",
        "0 problems",
        "",
        "1 warning",
        "  boxes (1)",
        "    annotations/val.json, annotations[0]: the box reaches over the image's edge and is cut there: correct it.",
        "",
        "1 note",
        "  overlap (1)",
        "    none of 2 validation clips shares a frame with a training clip; no session is in both.",
    ]
    data.path("ROOM_R1").unlink()
    done = run_command("validate", data.folder, "--json")
    assert done.returncode == 2, done.stderr
    (problem,) = [f for f in json.loads(done.stdout)["findings"] if f["severity"] == "problem"]
    assert "frames/ROOM_R1.h5" in problem["message"]


def test_the_commands_read_as_the_configuration_says(data):
    frames("HALL_R1", lambda f: f + np.float32(273.15))(data)
    frames("ROOM_R1", lambda f: with_value(f + np.float32(273.15), FAILED, 273.15))(data)
    data.write()
    (data.folder / "frames").rename(data.folder / "kelvin")
    (data.folder / "mine.yaml").write_text(
        f"_BASE_: {CONFIGS / 'Base.yaml'}\nTHERMAL:\n  FRAMES_DIR: kelvin\n  UNIT: kelvin\n"
    )
    settings = "--cfg", data.folder / "mine.yaml", "THERMAL.VALID_RANGE", "[5,300]"
    done = run_command("validate", data.folder, *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run_command("stats", data.folder, *settings, "--json")
    low, high = [json.loads(done.stdout)["recordings"][0]["readings"]["celsius"][key] for key in ("low", "high")]
    assert 14.9 < low < high < 30.1


def test_only_the_recordings_that_the_run_uses_are_compared(data):
    """One annotation file for both, as where recordings say what is for training."""
    data.documents["train"]["images"] += data.documents["val"]["images"]
    data.documents["train"]["annotations"] += data.documents["val"]["annotations"]
    data.documents["val"] = data.documents["train"]
    data.write()
    assert {finding.kind for finding in data.validate().of("problem")} == {"overlap"}
    settings = replace(DataSettings.default(), recordings={"train": ["HALL*"], "val": ["ROOM*"]})
    assert told(data.validate(settings=settings)) == []


def test_an_accepted_problem_is_a_warning(data):
    frames("ROOM_R1", lambda f: with_value(f, FAILED, 0.0))(data)
    data.write()
    report = data.validate(settings=replace(DataSettings.default(), accepted=("temperatures",)))
    assert [(finding.severity, finding.kind) for finding in told(report)] == [("warning", "temperatures")]


def test_what_is_wrong_with_the_real_recordings_is_found_and_counted(real_data):
    report = validate(real_data, TRAIN, VAL)
    assert report.of("problem") == []
    kinds = Counter((finding.severity, finding.kind) for finding in report.findings)
    assert kinds == {
        ("warning", "classes"): 3, ("warning", "boxes"): 1, ("warning", "times"): 8, ("warning", "overlap"): 1,
        ("note", "lost packets"): 4,
    }  # fmt: skip
    for name in ("SL14_R1", "SL14_R2", "SL14_R3", "SL14_R4"):
        with h5py.File(real_data / "frames" / f"{name}.h5") as file:
            lost = file["frames"][:] < -200
        counts = f"in {lost.any((1, 2)).sum()} of {len(lost)} frames ({lost.mean():.1%} of the readings)"
        counts = f"{name}.h5: packets of 576 readings were lost {counts}"
        assert any(counts in finding.message for finding in report.of("note"))
    assert "73 of 73 validation clips share frames" in next(f.message for f in report.findings if f.kind == "overlap")


def test_recordings_of_a_real_session_hold_the_same_frames_where_their_times_overlap(real_data):
    """What the checks take for granted when they compare clips of different recordings by time."""

    def read(name):
        with h5py.File(real_data / "frames" / f"{name}.h5") as file:
            return dict(zip(file["timestamps"][:].tolist(), file["frames"][:]))

    for session in ("SL14", "SL18"):
        for first, second in itertools.pairwise(read(f"{session}_R{i}") for i in range(1, 5)):
            start, end = min(second), max(first)
            assert {t for t in first if t >= start} == {t for t in second if t <= end}
            assert sum(t >= start for t in first) > 100
            for time in first.keys() & second.keys():
                np.testing.assert_array_equal(first[time], second[time])


def test_a_split_of_the_real_recordings_by_session_shares_no_frames(real_data, tmp_path):
    files = [real_data / name for name in (*TRAIN, *VAL)]
    shared = {}
    for split in ("session", "recording", "keyframe"):
        split_again(files, tmp_path / split, split=split)
        report = validate(real_data, [tmp_path / split / "train.json"], [tmp_path / split / "val.json"])
        assert report.of("problem") == []
        shared[split] = sum(distance.shares_frames for distance in report.overlap)
        assert len(report.overlap) == report.num_keyframes["val"]
    assert shared["session"] == 0 < shared["recording"] < shared["keyframe"]
