"""Raw annotations become annotation files: on handmade records, and on the real ones against the files given with them."""

import json
from collections import Counter

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.raw import convert_raw
from slowfast_thermal.preparation.conversion import read_class_list
from tests import programs

PERSON = {"category": "person", "subcategory": "standing", "bbox": [0.5, 0.5, 0.25, 0.5], "object_id": 0}
CHAIR = {"category": "furniture", "subcategory": "chair", "bbox": [0.25, 0.75, 0.2, 0.2], "object_id": 1}
PHONE = {"category": "object", "subcategory": "phone", "bbox": [0.5, 0.5, 0.1, 0.1], "object_id": 2}
RECORDINGS = ("HALL_R1", "HALL_R2", "ROOM_R1", "ROOM_R2", "YARD_R1")


def keyframe(recording, time, *annotations):
    return {"data_id": recording, "data_time": time, "annotations": list(annotations)}


class RawData:
    """Five recordings of 100 frames of 8x12 pixels, 100 ms apart from 1000 ms on, with ten keyframes of a person each."""

    def __init__(self, root):
        self.raw, self.frames, self.output = root / "raw", root / "frames", root / "annotations"
        self.raw.mkdir()
        self.frames.mkdir()
        for name in RECORDINGS:
            self.write_recording(name, 1000 + 100 * np.arange(100))
            self.write(name, [keyframe(name, 2000 + 500 * i, PERSON) for i in range(10)])

    def write_recording(self, name, timestamps):
        with h5py.File(self.frames / f"{name}.h5", "w") as file:
            file["frames"] = np.full((len(timestamps), 8, 12), 20, np.float32)
            file["timestamps"] = timestamps

    def write(self, name, records):
        (self.raw / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    def only(self, *records):
        """Leaves these records alone in the folder of raw files."""
        for path in self.raw.iterdir():
            path.unlink()
        self.write("all", records)

    def convert(self, **settings):
        return convert_raw(self.raw, self.frames, self.output, **settings)

    def documents(self):
        return read_documents(self.output)


def read_documents(folder):
    return {split: json.loads((folder / f"{split}.json").read_text()) for split in ("train", "val")}


def joined(documents, key):
    return documents["train"][key] + documents["val"][key]


@pytest.fixture
def data(tmp_path):
    return RawData(tmp_path)


def test_people_become_annotations_and_furniture_and_objects_a_list_of_their_image(data):
    lying = {**PERSON, "subcategory": "lying", "attribute_obscured": "25%", "attribute_heat_residual": None}
    data.only(
        {**keyframe("HALL_R1", 3000, CHAIR, PERSON, PHONE), "mac_address": "02:00"},
        keyframe("HALL_R1", 2000, lying),
    )
    data.convert(split="keyframe")
    images = {image["id"]: image for image in joined(data.documents(), "images")}
    assert images == {
        "HALL_R1_2000": {
            "id": "HALL_R1_2000", "sensor_id": "HALL_R1", "timestamp": 2000, "width": 12, "height": 8, "frame_idx": 10,
            "objects": [],
        },
        "HALL_R1_3000": {
            "id": "HALL_R1_3000", "sensor_id": "HALL_R1", "mac_address": "02:00", "timestamp": 3000, "width": 12, "height": 8,
            "frame_idx": 20,
            "objects": [
                {"bbox": [0.25, 0.75, 0.2, 0.2], "category": "furniture", "subcategory": "chair"},
                {"bbox": [0.5, 0.5, 0.1, 0.1], "category": "object", "subcategory": "phone"},
            ],
        },
    }  # fmt: skip
    people = sorted(joined(data.documents(), "annotations"), key=lambda person: person["id"])
    assert people == [
        {
            "id": 0, "image_id": "HALL_R1_2000", "bbox": [0.5, 0.5, 0.25, 0.5], "category_id": 0, "category_name": "lying",
            "object_id": 0, "attribute_obscured": "25%",
        },
        {
            "id": 1, "image_id": "HALL_R1_3000", "bbox": [0.5, 0.5, 0.25, 0.5], "category_id": 1, "category_name": "standing",
            "object_id": 0,
        },
    ]  # fmt: skip


def test_the_files_can_be_loaded(data):
    summary = data.convert()
    annotations = load_annotations([data.output / "train.json", data.output / "val.json"])
    assert annotations.classes == ["standing"]
    assert len(annotations.keyframes) == sum(summary.num_keyframes.values()) == 50


def test_classes_that_occur_are_taken_sorted(data):
    data.only(*(keyframe("HALL_R1", 2000 + 100 * i, {**PERSON, "subcategory": name}) for i, name in enumerate("cab")))
    data.convert(split="keyframe")
    for document in data.documents().values():
        assert document["categories"] == [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}, {"id": 2, "name": "c"}]


def test_a_class_list_gives_the_ids_and_leaves_other_people_out_with_a_count(data):
    others = [{**PERSON, "subcategory": "flying"}, {**PERSON, "subcategory": "lying"}]
    data.only(keyframe("HALL_R1", 2000, PERSON, *others), keyframe("HALL_R1", 3000, PERSON))
    summary = data.convert(split="keyframe", classes=["sitting", "standing", "lying"])
    assert summary.skipped_boxes == {"person's subcategory 'flying' is not in the class list": 1}
    documents = data.documents()
    assert [category["name"] for category in documents["val"]["categories"]] == ["sitting", "standing", "lying"]
    found = Counter((person["category_id"], person["category_name"]) for person in joined(documents, "annotations"))
    assert found == {(1, "standing"): 2, (2, "lying"): 1}
    assert {name: sum(counts[name] for counts in summary.num_boxes.values()) for name in ("sitting", "standing", "lying")} == {
        "sitting": 0, "standing": 2, "lying": 1,
    }  # fmt: skip


@pytest.mark.parametrize("content", ['["b", "a"]', '{"classes": ["b", "a"], "class_to_id": {"b": 0, "a": 1}}'])
def test_a_class_list_is_read_in_its_order(tmp_path, content):
    (tmp_path / "classes.json").write_text(content)
    assert read_class_list(tmp_path / "classes.json") == ["b", "a"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("[", "is not valid JSON"),
        ('{"names": ["a"]}', "holds no class list"),
        ("[]", "name no class"),
        ('["a", "a"]', "name a class twice"),
        ('["a", 1]', "name the class 1"),
        ('["a", " "]', "name the class ' '"),
    ],
)
def test_a_wrong_class_list_is_named(tmp_path, content, message):
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(InputError, match=rf"classes\.json.*{message}"):
        read_class_list(tmp_path / "classes.json")


def test_a_missing_class_list_is_named(tmp_path):
    with pytest.raises(InputError, match=r"'.*gone\.json' does not exist"):
        read_class_list(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "time, frame", [(2000, 10), (2030, 10), (2050, 10), (2051, 11), (1970, 10), (950, 0), (10950, 99)]
)
def test_a_keyframe_takes_the_nearest_frame_and_keeps_its_own_time(data, time, frame):
    data.only(keyframe("HALL_R1", time, PERSON), keyframe("HALL_R1", 5000, PERSON))
    data.convert(split="keyframe")
    images = {image["timestamp"]: image["frame_idx"] for image in joined(data.documents(), "images")}
    assert images == {time: frame, 5000: 40}


@pytest.mark.parametrize(
    "tolerance, kept", [(0, [0]), (9, [0]), (10, [0, 10]), (50, [0, 10, 50]), (51, [0, 10, 50, 51])]
)
def test_the_nearest_frame_must_lie_within_the_tolerance(data, tolerance, kept):
    offsets = (0, 10, 50, 51)
    for i, offset in enumerate(offsets):
        data.write_recording(f"T_R{i}", [1000, 3000])
    data.only(
        keyframe("HALL_R1", 5000, PERSON), *(keyframe(f"T_R{i}", 1000 + o, PERSON) for i, o in enumerate(offsets))
    )
    summary = data.convert(split="keyframe", tolerance=tolerance)
    times = {image["timestamp"] for image in joined(data.documents(), "images")}
    assert times == {5000, *(1000 + offset for offset in kept)}
    missing = len(offsets) - len(kept)
    assert summary.skipped_keyframes == ({f"no frame within {tolerance} ms": missing} if missing else {})


def test_frames_out_of_order_are_matched_all_the_same(data):
    data.write_recording("MIXED_R1", np.array([3000, 1000, 2000], np.uint64))
    data.only(*(keyframe("MIXED_R1", time, PERSON) for time in (1010, 1990, 3000)))
    data.convert(split="keyframe")
    assert {i["timestamp"]: i["frame_idx"] for i in joined(data.documents(), "images")} == {1010: 1, 1990: 2, 3000: 0}


@pytest.mark.parametrize(
    "record, reason",
    [
        (keyframe("GONE_R1", 2000, PERSON), "there is no recording GONE_R1.h5"),
        (keyframe("HALL_R1", 900_000, PERSON), "no frame within 50 ms"),
        (keyframe("HALL_R1", 5000, CHAIR), "its time has a keyframe already"),
        (keyframe("HALL_R1", 5020, CHAIR), "its frame has a keyframe already"),
    ],
)
def test_a_keyframe_left_out_is_counted_with_its_reason(data, record, reason):
    data.only(keyframe("HALL_R1", 5000, PERSON), keyframe("HALL_R1", 3000, PERSON), record, record)
    summary = data.convert(split="keyframe")
    assert summary.skipped_keyframes == {reason: 2}
    assert summary.skipped_boxes == {}
    assert sorted(image["timestamp"] for image in joined(data.documents(), "images")) == [3000, 5000]
    assert len(joined(data.documents(), "annotations")) == 2


@pytest.mark.parametrize("good", [PERSON, CHAIR, PHONE])
@pytest.mark.parametrize(
    "change, reason",
    [
        ({"bbox": [0.5, 0.5, 0.2]}, "bbox is not four finite numbers"),
        ({"bbox": [0.5, float("nan"), 0.2, 0.2]}, "bbox is not four finite numbers"),
        ({"bbox": [0.5, "0.5", 0.2, 0.2]}, "bbox is not four finite numbers"),
        ({"bbox": [0.5, True, 0.2, 0.2]}, "bbox is not four finite numbers"),
        ({"bbox": [0.5, 0.5, 0, 0.2]}, "bbox has a width or height that is not positive"),
        ({"bbox": [0.5, 0.5, 0.2, -0.2]}, "bbox has a width or height that is not positive"),
        ({"bbox": [1.5, 0.5, 0.2, 0.2]}, "bbox lies outside the image"),
        ({"bbox": [0.5, -0.1, 0.2, 0.2]}, "bbox lies outside the image"),
        ({"category": "animal"}, "category 'animal' is not person, furniture or object"),
    ],
)
def test_a_box_left_out_is_counted_with_its_reason_and_the_keyframe_stays(data, good, change, reason):
    data.only(keyframe("HALL_R1", 5000, {**good, **change}), keyframe("HALL_R1", 3000, PERSON, CHAIR))
    summary = data.convert(split="keyframe")
    assert summary.skipped_boxes == {reason: 1}
    assert summary.skipped_keyframes == {}
    documents = data.documents()
    assert len(joined(documents, "images")) == 2
    assert len(joined(documents, "annotations")) == 1
    assert [len(image["objects"]) for image in sorted(joined(documents, "images"), key=lambda i: i["timestamp"])] == [
        1,
        0,
    ]


def test_a_box_that_reaches_over_the_edge_stays_as_it_is(data):
    box = [0.95, 0.02, 0.2, 0.1]
    data.only(keyframe("HALL_R1", 5000, {**PERSON, "bbox": box}), keyframe("HALL_R1", 3000))
    assert data.convert(split="keyframe").skipped_boxes == {}
    assert [person["bbox"] for person in joined(data.documents(), "annotations")] == [box]


def group(split, image):
    return {"keyframe": image["id"], "recording": image["sensor_id"], "session": image["sensor_id"].split("_")[0]}[
        split
    ]


@pytest.mark.parametrize("split", ["keyframe", "recording", "session"])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.4, 0.99])
def test_train_and_val_share_nothing_and_val_has_its_fraction(data, split, fraction):
    summary = data.convert(split=split, val_fraction=fraction)
    parts = {part: {group(split, image) for image in document["images"]} for part, document in data.documents().items()}
    assert parts["train"].isdisjoint(parts["val"])
    count = {"keyframe": 50, "recording": 5, "session": 3}[split]
    assert len(parts["train"]) + len(parts["val"]) == count
    assert len(parts["val"]) == min(max(round(fraction * count), 1), count - 1)
    assert sum(summary.num_keyframes.values()) == 50
    for document in data.documents().values():
        ids = {image["id"] for image in document["images"]}
        assert {person["image_id"] for person in document["annotations"]} == ids


def test_the_split_is_by_session_unless_another_is_asked_for(data):
    data.convert()
    sessions = [{group("session", image) for image in document["images"]} for document in data.documents().values()]
    assert sessions[0].isdisjoint(sessions[1])


def test_a_pattern_tells_the_session(data):
    data.convert(session_pattern=r".*_(R\d)", val_fraction=0.5)
    ends = [{image["sensor_id"][-2:] for image in document["images"]} for document in data.documents().values()]
    assert sorted(ends, key=sorted) == [{"R1"}, {"R2"}]


def test_the_session_ends_at_the_last_separator(data):
    names = ("A_R1_R1", "A_R1_R2", "A_R2_R1")
    for name in names:
        data.write_recording(name, [1000])
    data.only(*(keyframe(name, 1000, PERSON) for name in names))
    data.convert(val_fraction=0.5)
    parts = sorted(sorted(image["sensor_id"] for image in document["images"]) for document in data.documents().values())
    assert parts == [["A_R1_R1", "A_R1_R2"], ["A_R2_R1"]]


def test_a_given_split_is_kept_and_what_it_does_not_know_is_left_out(data, tmp_path):
    data.convert(split="keyframe", val_fraction=0.4)
    given = data.documents()
    forgotten = given["val"]["images"].pop()
    given["val"]["annotations"] = [p for p in given["val"]["annotations"] if p["image_id"] != forgotten["id"]]
    folder = tmp_path / "given"
    folder.mkdir()
    for part, document in given.items():
        (folder / f"{part}.json").write_text(json.dumps(document))
    summary = convert_raw(data.raw, data.frames, tmp_path / "again", split_as=folder)
    for part, document in read_documents(tmp_path / "again").items():
        assert document["images"] == given[part]["images"]
    assert summary.skipped_keyframes == {f"not in {folder}": 1}


def test_a_given_split_must_tell_train_from_val(data, tmp_path):
    data.convert(split="keyframe")
    folder = tmp_path / "given"
    folder.mkdir()
    documents = data.documents()
    for part in ("train", "val"):
        (folder / f"{part}.json").write_text(json.dumps(documents["train"]))
    with pytest.raises(InputError, match="val.json: HALL_R1 at .* ms is in train.json too"):
        convert_raw(data.raw, data.frames, tmp_path / "again", split_as=folder)
    (folder / "val.json").write_text(json.dumps({**documents["val"], "images": [], "annotations": []}))
    with pytest.raises(InputError, match="none into val"):
        convert_raw(data.raw, data.frames, tmp_path / "again", split_as=folder)


@pytest.mark.parametrize("split", ["keyframe", "recording", "session"])
def test_a_seed_gives_the_same_files_again_and_seeds_differ(data, tmp_path, split):
    def written(seed, name):
        convert_raw(data.raw, data.frames, tmp_path / name, split=split, seed=seed)
        return [(tmp_path / name / f"{part}.json").read_bytes() for part in ("train", "val")]

    first = written(0, "a")
    assert written(0, "b") == first
    validation = {json.dumps(json.loads(written(seed, f"seed{seed}")[1])["images"]) for seed in range(8)}
    assert len(validation) > 1


def test_the_order_and_the_files_of_the_records_do_not_matter(data, tmp_path):
    data.convert()
    records = [json.loads(line) for path in data.raw.iterdir() for line in path.read_text().splitlines()]
    data.only(*(records[i] for i in np.random.default_rng(0).permutation(len(records))))
    convert_raw(data.raw, data.frames, tmp_path / "again")
    assert read_documents(tmp_path / "again") == data.documents()


def test_empty_lines_and_windows_line_ends_are_fine(data):
    lines = [json.dumps(keyframe("HALL_R1", time, PERSON)) for time in (2000, 3000)]
    data.only()
    (data.raw / "all.jsonl").write_bytes("\r\n\r\n".join(lines).encode() + b"\r\n\n")
    assert sum(data.convert(split="keyframe").num_keyframes.values()) == 2


def test_the_progress_runs_over_the_raw_files(data):
    seen = []

    def watch(paths):
        for path in paths:
            seen.append(path.stem)
            yield path

    data.convert(progress=watch)
    assert seen == list(RECORDINGS)


GOOD = json.dumps(keyframe("HALL_R1", 2000, PERSON)).encode()


@pytest.mark.parametrize(
    "line, message",
    [
        (b'{"data_id": "HALL_R1", ', "is not valid JSON .*: correct or remove the line"),
        (b"\xff\xfe", "is not valid JSON .*: correct or remove the line"),
        (b"[" * 100_000, "is not valid JSON .*: correct or remove the line"),
        (b"[1, 2]", "has no 'data_id': add it"),
        (GOOD.replace(b"data_id", b"id"), "has no 'data_id': add it"),
        (GOOD.replace(b"data_time", b"time"), "has no 'data_time': add it"),
        (GOOD.replace(b'"annotations"', b'"boxes"'), "has no 'annotations': add it"),
        (GOOD.replace(b"2000", b'"2000"'), "'data_time' is '2000', but must be of type int"),
        (GOOD.replace(b"2000", b"-1"), "data_time -1 is no time in milliseconds"),
        (GOOD.replace(b"2000", b"1" + b"0" * 30), "data_time 10+ is no time in milliseconds"),
        (GOOD.replace(b"HALL_R1", b"../HALL_R1"), "data_id '../HALL_R1' names a recording file"),
        (GOOD.replace(b"HALL_R1", b""), "data_id '' names a recording file"),
        (GOOD.replace(b'"category"', b'"kind"'), r"annotations\[0\] has no 'category': add it"),
        (GOOD.replace(b'"standing"', b"null"), r"annotations\[0\]: 'subcategory' is None, but must be of type str"),
        (GOOD.replace(b'"bbox"', b'"box"'), r"annotations\[0\] has no 'bbox': add it"),
        (json.dumps(keyframe("HALL_R1", 2000, "person")).encode(), r"annotations\[0\] has no 'bbox': add it"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(data, line, message):
    (data.raw / "HALL_R2.jsonl").write_bytes(GOOD + b"\n\n" + line + b"\n")
    with pytest.raises(InputError, match=rf"HALL_R2\.jsonl, line 3,? ?:?.*{message}"):
        data.convert()
    assert sorted(path.name for path in data.output.parent.iterdir()) == ["frames", "raw"]


def test_a_damaged_recording_is_named_and_nothing_is_written(data):
    (data.frames / "ROOM_R1.h5").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"ROOM_R1\.h5 cannot be read as HDF5"):
        data.convert()
    assert not data.output.exists()


def test_an_interrupted_conversion_leaves_nothing_behind(data):
    def interrupt(paths):
        yield paths[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.convert(progress=interrupt)
    assert sorted(path.name for path in data.output.parent.iterdir()) == ["frames", "raw"]


def test_existing_files_are_not_overwritten(data):
    data.convert()
    before = (data.output / "train.json").read_bytes()
    with pytest.raises(InputError, match="annotations exists already: choose a new or empty folder"):
        data.convert(seed=1)
    assert (data.output / "train.json").read_bytes() == before


def test_missing_folders_and_raw_files_are_named(data, tmp_path):
    with pytest.raises(InputError, match=r"raw annotations '.*gone' does not exist"):
        convert_raw(tmp_path / "gone", data.frames, data.output)
    with pytest.raises(InputError, match=r"recordings '.*gone' does not exist"):
        convert_raw(data.raw, tmp_path / "gone", data.output)
    with pytest.raises(InputError, match=r"frames holds no \*\.jsonl file"):
        convert_raw(data.frames, data.frames, data.output)


@pytest.mark.parametrize(
    "records, settings, message",
    [
        ([], {}, "gives no person's box .there are none"),
        ([keyframe("HALL_R1", 2000, CHAIR)], {}, "gives no person's box .there are none"),
        ([keyframe("GONE_R1", 2000, PERSON)], {}, r"no person's box .there is no recording GONE_R1\.h5 .1 times"),
        ([keyframe("HALL_R1", 2, PERSON)], {}, r"no frame within 50 ms .1 times.*data_time is in milliseconds"),
        ([keyframe("HALL_R1", 2000, PERSON)], {"classes": ["lying"]}, "'standing' is not in the class list .1 times"),
        ([keyframe("HALL_R1", 2000, {**PERSON, "subcategory": 'a"'})], {}, "name the class 'a\"'"),
        ([keyframe("HALL_R1", 2000, PERSON)], {"split": "keyframe"}, "one keyframe, 'HALL_R1_2000'.*: add keyframes"),
        (
            [keyframe("HALL_R1", t, PERSON) for t in (2000, 3000)],
            {"split": "recording"},
            "one recording, 'HALL_R1'.* by block",
        ),
        ([keyframe(f"HALL_R{i}", 2000, PERSON) for i in (1, 2)], {}, "one session, 'HALL'.* by block"),
        ([keyframe("HALL_R1", 2000, PERSON)], {"session_pattern": "(.*)_S"}, "'HALL_R1' does not tell its session"),
    ],
)
def test_what_leaves_nothing_to_write_or_split_is_explained(data, records, settings, message):
    data.only(*records)
    with pytest.raises(InputError, match=message):
        data.convert(**settings)
    assert not data.output.exists()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"tolerance": -1}, "tolerance of -1 ms"),
        ({"split": "room"}, "split by 'room'"),
        ({"session_pattern": "("}, "is no regular expression"),
        ({"session_pattern": ".*"}, "has no group"),
        ({"val_fraction": 0.0}, "validation fraction"),
        ({"val_fraction": 1.0}, "validation fraction"),
        ({"seed": -1}, "seed of -1"),
        ({"classes": []}, "name no class"),
        ({"classes": ["a", "a"]}, "name a class twice"),
    ],
)
def test_impossible_settings_are_refused(data, settings, message):
    with pytest.raises(InputError, match=message):
        data.convert(**settings)
    assert not data.output.exists()


def run_command(*arguments):
    return programs.run("tools/thermal_data.py", "convert", *arguments)


def test_the_command_prints_what_was_kept_and_skipped(data, tmp_path):
    lying = {**PERSON, "subcategory": "lying"}
    data.only(
        keyframe("HALL_R1", 2000, PERSON, CHAIR),
        keyframe("HALL_R1", 3000, PERSON, CHAIR),
        keyframe("HALL_R1", 3000, PERSON, CHAIR),
        keyframe("HALL_R1", 4000, PERSON, CHAIR, lying),
    )
    (tmp_path / "classes.json").write_text('["sitting", "standing"]')
    settings = ("--classes", tmp_path / "classes.json", "--split", "keyframe", "--val-fraction", 0.33)
    done = run_command(data.raw, data.frames, data.output, *settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "train: 2 keyframes; boxes: 2 standing; no sitting; furniture and objects: 2 chair",
        "val: 1 keyframes; boxes: 1 standing; no sitting; furniture and objects: 1 chair",
        "Skipped 1 keyframes",
        "  1: its time has a keyframe already",
        "Skipped 1 boxes",
        "  1: person's subcategory 'lying' is not in the class list",
        f"Wrote {data.output}",
    ]


def test_the_command_ends_with_one_sentence_on_bad_input(data):
    (data.raw / "HALL_R1.jsonl").write_text("{")
    done = run_command(data.raw, data.frames, data.output)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"Error: {data.raw / 'HALL_R1.jsonl'}, line 1 is not valid JSON")
    assert "Traceback" not in done.stderr


def keyframes_of(folder):
    """Recording, time, size and frame of every image, and its people as box, class and object ids."""
    documents = read_documents(folder)
    found = {}
    for image in joined(documents, "images"):
        keys = ("sensor_id", "mac_address", "timestamp", "width", "height", "frame_idx")
        found[image["id"]] = (tuple(image[key] for key in keys), [])
    for person in joined(documents, "annotations"):
        keys = ("category_id", "category_name", "object_id", "attribute_obscured")
        found[person["image_id"]][1].append((tuple(person["bbox"]), *(person[key] for key in keys)))
    return found


def test_the_real_raw_annotations_give_the_keyframes_and_boxes_of_the_given_files(real_data, tmp_path):
    classes = read_class_list(real_data / "annotations" / "class_mapping.json")
    summary = convert_raw(real_data / "raw_annotations", real_data / "frames", tmp_path, classes=classes)
    found, given = keyframes_of(tmp_path), keyframes_of(real_data / "annotations")
    assert found == given
    assert len(found) == 387 and sum(len(people) for _, people in found.values()) == 500
    for split, document in read_documents(tmp_path).items():
        assert document["categories"] == read_documents(real_data / "annotations")[split]["categories"]
    things = Counter(summary.num_things["train"]) + Counter(summary.num_things["val"])
    assert things == {"bed": 233, "chair": 383, "water kettle": 171, "pillow": 31, "cellphone": 12, "laptop": 8}
    assert summary.skipped_keyframes == summary.skipped_boxes == {}
    rooms = [{image["sensor_id"][:4] for image in document["images"]} for document in read_documents(tmp_path).values()]
    assert sorted(rooms, key=sorted) == [{"SL14"}, {"SL18"}]
