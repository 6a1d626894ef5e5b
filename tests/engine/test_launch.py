"""What stops a run before it starts, because `validate` calls it a problem."""

import re

import numpy as np
import pytest

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.engine.launch import check_run
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.checks import MAX_SAMPLED, SAMPLED_PARTS


def in_kelvin(data):
    data.frames["B"] += np.float32(273.15)


def with_failed_reads(data):
    data.frames["A"][40:60, 2:4] = 0


def all_the_same(data):
    data.frames["A"][:] = 20


def with_times_out_of_order(data):
    data.timestamps["B"] = data.timestamps["B"].copy()
    data.timestamps["B"][[10, 11]] = data.timestamps["B"][[11, 10]]


def in_microseconds(data):
    for image in data.document["images"]:
        image["timestamp"] *= 1000
    data.timestamps = {name: times * 1000 for name, times in data.timestamps.items()}


def with_a_keyframe_of_another_time(data):
    data.document["images"][1]["timestamp"] += 400


def transposed(data):
    data.frames = {name: frames.transpose(0, 2, 1) for name, frames in data.frames.items()}


PROBLEMS = {
    "temperatures": [
        (in_kelvin, r"frames/B\.h5: 100% of the readings.* look like kelvin: set THERMAL\.UNIT kelvin"),
        (with_failed_reads, r"frames/A\.h5: 480 readings are exactly 0 degrees.*THERMAL\.VALID_RANGE"),
        (all_the_same, r"frames/A\.h5: every reading is 20 degrees"),
    ],
    "times": [
        (with_times_out_of_order, r"frames/B\.h5: timestamps do not increase at 1 of 99 steps"),
        (in_microseconds, r"frames/A\.h5: .*looks like microseconds: write milliseconds"),
        (with_a_keyframe_of_another_time, r"images\[1\]: frame_idx 50 is at 8500 ms, but the timestamp is 8900 ms"),
    ],
    "sizes": [(transposed, r"images\[0\]: the image is 12 pixels wide .*\(frames, height, width\)")],
    "overlap": [(lambda data: None, r"val\.json, images\[0\]: A at 7000 ms is in the training set too")],
}


@pytest.mark.parametrize(
    "kind, change, message", [(kind, *problem) for kind, problems in PROBLEMS.items() for problem in problems]
)
def test_a_problem_stops_the_run_unless_its_kind_is_accepted(handmade_data, small_config, kind, change, message):
    change(handmade_data)
    keys = handmade_data.write(), "MODEL.NUM_CLASSES", 2, "THERMAL.ACCEPT_PROBLEMS"
    others = [other for other in PROBLEMS if other != kind]
    with pytest.raises(InputError) as error:
        check_run(small_config(*keys, others))
    assert re.search(message, str(error.value)) and f"ACCEPT_PROBLEMS \"['{kind}']\"" in str(error.value)
    check_run(small_config(*keys, list(PROBLEMS)))


def test_a_problem_stops_a_training_without_a_validation_set(handmade_data, small_config):
    in_kelvin(handmade_data)
    folder = handmade_data.write()
    (folder / "annotations" / "val.json").unlink()
    with pytest.raises(InputError, match=r"frames/B\.h5: .* look like kelvin"):
        check_run(small_config(folder, "MODEL.NUM_CLASSES", 2, "TEST.ENABLE", False))


def test_validation_with_frames_of_another_size_stops_the_run(handmade_data, small_config):
    handmade_data.frames["B"] = handmade_data.frames["B"].repeat(2, 1)
    for image in handmade_data.document["images"]:
        del image["width"], image["height"]
    keys = "MODEL.NUM_CLASSES", 2, "TRAIN.BATCH_SIZE", 2, "THERMAL.TRAIN_RECORDINGS", ["A"]
    with pytest.raises(InputError, match=r"B\.h5 has frames of 16x12 pixels, but .*A\.h5 of 8x12"):
        check_run(small_config(handmade_data.write(), *keys, "THERMAL.TEST_RECORDINGS", ["B"]))


def test_a_set_unit_or_range_lets_the_run_start(handmade_data, small_config):
    handmade_data.frames = {name: frames + np.float32(273.15) for name, frames in handmade_data.frames.items()}
    folder = handmade_data.write()
    check_run(small_config(folder, "MODEL.NUM_CLASSES", 2, "THERMAL.UNIT", "kelvin"))
    hot = "THERMAL.TEMPERATURE_RANGE", [280, 310], "THERMAL.VALID_RANGE", [200, 400]
    check_run(small_config(folder, "MODEL.NUM_CLASSES", 2, *hot))


def test_a_run_that_only_tests_may_test_on_what_was_trained_on(handmade_data, small_config):
    keys = "MODEL.NUM_CLASSES", 2, "THERMAL.ACCEPT_PROBLEMS", [], "TRAIN.ENABLE", False
    check_run(small_config(handmade_data.write(), *keys))


def test_a_large_recording_is_judged_by_a_few_of_its_parts(handmade_data, small_config, monkeypatch):
    handmade_data.frames["A"] = np.tile(handmade_data.frames["A"], (30, 1, 1))
    handmade_data.timestamps["A"] = 1000 + 150 * np.arange(3000)
    parts = []

    def read_stored(recording, start, stop, out=None):
        if recording.name == "A":
            parts.append((start, stop))
        return whole(recording, start, stop, out)

    whole = Recording.read_stored
    monkeypatch.setattr(Recording, "read_stored", read_stored)
    check_run(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2))
    assert len(parts) == MAX_SAMPLED < SAMPLED_PARTS and parts[0][0] == 0 and parts[-1][1] == 3000
    assert all(stop - start <= 64 for start, stop in parts)
