"""Files of other tools, written after their specifications, become annotation files with the same boxes and actions."""

import json
import sys

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.annotations.importing import FORMATS, guess_format, import_annotations
from tools import thermal_data

# Width and height of the pictures that were annotated, which are enlarged.
SIZE = (240, 160)


class Imports:
    """Recordings HALL_R1, HALL_R2 and ДОМ_R1 of 50 frames of 40x60 pixels, 100 ms apart, and files in `folder`."""

    def __init__(self, root):
        self.folder, self.frames, self.output = root / "files of a tool", root / "frames", root / "annotations"
        self.folder.mkdir()
        self.frames.mkdir()
        for number, name in enumerate(("HALL_R1", "HALL_R2", "ДОМ_R1")):
            with h5py.File(self.frames / f"{name}.h5", "w") as file:
                file["frames"] = np.full((50, 40, 60), 20, np.float32)
                file["timestamps"] = 1_700_000_000_000 + 10**7 * number + 100 * np.arange(50)
        self.told = []

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def run(self, kind, source, split="recording", **settings):
        self.summary = import_annotations(
            kind, source, self.frames, self.output, split=split, val_fraction=0.5, tell=self.told.append, **settings
        )
        return self

    def people(self):
        """Recording, frame, box in the annotated pictures' pixels, actions and number of each person."""
        paths = [self.output / "train.json", self.output / "val.json"]
        annotations = load_annotations(paths)
        ids = {}
        for path in paths:
            for record in json.loads(path.read_text())["annotations"]:
                ids.setdefault(record["image_id"], []).append(record.get("object_id"))
        return sorted(
            (
                keyframe.recording,
                keyframe.frame_index,
                tuple(np.round(box * np.tile(SIZE, 2), 2).tolist()),
                tuple(np.array(annotations.classes)[label > 0].tolist()),
            )
            for keyframe in annotations.keyframes
            for box, label in zip(keyframe.boxes, keyframe.labels)
        )


@pytest.fixture
def imports(tmp_path):
    return Imports(tmp_path)


WALKER = ("HALL_R1", 3, (12.0, 20.0, 60.0, 100.0), ("walking",))
SITTER = ("HALL_R2", 7, (100.0, 40.0, 130.0, 90.0), ("sitting",))
FALLER = ("ДОМ_R1", 11, (0.0, 8.0, 24.0, 40.0), ("falling",))


def coco():
    images = [
        {"id": 1, "file_name": "HALL_R1_000003.png"},
        {"id": 2, "file_name": "HALL_R2/frame 7.png"},
        {"id": "c", "file_name": "sub/ДОМ_R1_1700020001100.png"},
        {"id": 4, "file_name": "HALL_R2_000040.png"},
    ]
    boxes = [(1, [12, 20, 48, 80], 5), (2, [100, 40, 30, 50], 6), ("c", [-6, 8, 30, 32], 9)]
    return {
        "images": [{**image, "width": SIZE[0], "height": SIZE[1]} for image in images],
        "annotations": [
            {"id": place, "image_id": image, "bbox": box, "category_id": category, "area": 1, "iscrowd": 0}
            for place, (image, box, category) in enumerate(boxes)
        ],
        "categories": [{"id": 5, "name": "walking"}, {"id": 6, "name": "sitting"}, {"id": 9, "name": "falling"}],
    }


def test_coco_with_categories_that_are_actions(imports):
    assert imports.run("coco", imports.write("instances.json", coco())).people() == [WALKER, SITTER, FALLER]
    assert sum(imports.summary.num_keyframes.values()) == 4
    assert any("box's label" in line for line in imports.told)


def test_coco_with_the_action_in_an_attribute_tracks_and_turned_boxes(imports):
    document = coco()
    document["categories"] = [{"id": 5, "name": "person"}, {"id": 6, "name": "person "}, {"id": 9, "name": "furniture"}]
    document["categories"][1]["name"] = "human"
    for annotation, action in zip(document["annotations"], ("walking", "sitting", "chair")):
        annotation["attributes"] = {"Action": action, "occluded": False, "rotation": 0.0, "track_id": 4}
    document["annotations"][1]["attributes"]["rotation"] = 90.0
    imports.run("coco", imports.write("a.json", document))
    assert imports.people() == [WALKER, ("HALL_R2", 7, (90.0, 50.0, 140.0, 80.0), ("sitting",))]
    assert any("turned" in line for line in imports.told) and any("'Action'" in line for line in imports.told)
    things = [
        image["objects"] for part in ("train", "val") for image in read(imports, part)["images"] if image["objects"]
    ]
    assert [thing["category"] for (thing,) in things] == ["furniture"]
    assert {person["object_id"] for part in ("train", "val") for person in read(imports, part)["annotations"]} == {4}


def read(imports, part):
    return json.loads((imports.output / f"{part}.json").read_text())


def cvat_video(tracks, name="HALL_R1.mp4"):
    body = ""
    for number, (label, boxes) in enumerate(tracks):
        body += f'<track id="{number}" label="{label}" source="manual">'
        for frame, corners, keyframe, outside, action in boxes:
            edges = " ".join(f'{key}="{value}"' for key, value in zip(("xtl", "ytl", "xbr", "ybr"), corners))
            body += f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="1" {edges} z_order="0">'
            body += f'<attribute name="action">{action}</attribute></box>'
        body += "</track>"
    return (
        f"<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version><meta><task><name>a task</name><original_size>"
        f"<width>{SIZE[0]}</width><height>{SIZE[1]}</height></original_size><source>{name}</source></task></meta>{body}</annotations>"
    )


def test_tracks_of_a_cvat_video_are_interpolated_where_somebody_set_a_box(imports):
    walker = [
        (3, (12, 20, 60, 100), 1, 0, "walking"),
        (7, (52, 20, 100, 100), 1, 0, "walking"),
        (9, (52, 20, 100, 100), 1, 1, ""),
    ]
    other = [
        (5, (100, 40, 130, 90), 1, 0, "sitting"),
        (6, (100, 40, 130, 90), 0, 0, "sitting"),
        (12, (1, 1, 9, 9), 1, 0, "sitting"),
    ]
    imports.run(
        "cvat", imports.write("task.xml", cvat_video([("person", walker), ("person", other)])), split="keyframe"
    )
    assert imports.people() == [
        ("HALL_R1", 3, (12.0, 20.0, 60.0, 100.0), ("walking",)),
        ("HALL_R1", 5, (32.0, 20.0, 80.0, 100.0), ("walking",)),
        ("HALL_R1", 5, (100.0, 40.0, 130.0, 90.0), ("sitting",)),
        ("HALL_R1", 7, (52.0, 20.0, 100.0, 100.0), ("walking",)),
        ("HALL_R1", 7, (83.5, 33.5, 109.83, 76.5), ("sitting",)),
        ("HALL_R1", 12, (1.0, 1.0, 9.0, 9.0), ("sitting",)),
    ]
    numbers = {
        a["category_name"]: a["object_id"] for part in ("train", "val") for a in read(imports, part)["annotations"]
    }
    assert numbers == {"walking": 0, "sitting": 1}
    assert any("nobody set a box" in line for line in imports.told)


def cvat_images(rows):
    body = "".join(
        f'<image id="{place}" name="{name}" width="{SIZE[0]}" height="{SIZE[1]}">{boxes}</image>'
        for place, (name, boxes) in enumerate(rows)
    )
    return f"<annotations><version>1.1</version>{body}</annotations>"


def cvat_box(corners, label, **attributes):
    edges = " ".join(f'{key}="{value}"' for key, value in zip(("xtl", "ytl", "xbr", "ybr"), corners))
    inside = "".join(f'<attribute name="{key}">{value}</attribute>' for key, value in attributes.items())
    return f'<box label="{label}" source="manual" occluded="0" {edges} z_order="0">{inside}</box>'


def test_cvat_images_with_polygons_and_pictures_without_people(imports):
    rows = [
        (
            "HALL_R1_000003.png",
            cvat_box((12, 20, 60, 100), "walking") + '<polygon label="walking" points="1,1;2,2;3,1"/>',
        ),
        ("HALL_R2_000007.png", cvat_box((100, 40, 130, 90), "sitting")),
        ("ДОМ_R1_000011.png", cvat_box((0, 8, 24, 40), "falling") + cvat_box((0, 8, 24, 40), "person")),
        ("HALL_R2_000009.png", ""),
        ("elsewhere.png", cvat_box((0, 8, 24, 40), "falling")),
    ]
    imports.run("cvat", imports.write("images.xml", cvat_images(rows)))
    assert imports.people() == [WALKER, SITTER, FALLER]
    assert imports.summary.skipped_boxes == {"a polygon, not a box": 1, "a person without an action": 1}
    assert imports.summary.skipped_keyframes == {"its name tells no frame of a recording that is there": 1}
    assert sum(imports.summary.num_keyframes.values()) == 4


def test_attributes_that_only_some_boxes_have_are_no_hindrance(imports):
    rows = [
        ("HALL_R1_000003.png", cvat_box((12, 20, 60, 100), "person", action="walking")),
        ("HALL_R2_000007.png", cvat_box((100, 40, 130, 90), "person", action="sitting", cover="blanket")),
        ("HALL_R2_000009.png", cvat_box((100, 40, 130, 90), "person", cover="blanket")),
    ]
    assert imports.run("cvat", imports.write("images.xml", cvat_images(rows))).people() == [WALKER, SITTER]
    assert imports.summary.skipped_boxes == {"a person without an action": 1}


def studio_task(name, result, key="image"):
    return {"id": 1, "data": {key: f"/data/upload/3/1a2b3c4d-{name}"}, "annotations": [{"id": 2, "result": result}]}


def rectangle(corners, label, region="r", **extra):
    x1, y1, x2, y2 = corners
    width, height = SIZE
    value = {
        "x": 100 * x1 / width,
        "y": 100 * y1 / height,
        "width": 100 * (x2 - x1) / width,
        "height": 100 * (y2 - y1) / height,
    }
    result = {"id": region, "type": "rectanglelabels", "from_name": "label", "to_name": "image"}
    value |= {"rotation": 0, "rectanglelabels": [label], **extra}
    return {**result, "original_width": width, "original_height": height, "value": value}


def test_label_studio_images_with_choices_and_turned_rectangles(imports):
    choice = {
        "id": "r",
        "type": "choices",
        "from_name": "action",
        "to_name": "image",
        "value": {"choices": ["walking"]},
    }
    turned = rectangle((130, 40, 180, 70), "human", rotation=90)
    sitting = {**choice, "id": "s", "value": {"choices": ["sitting"]}}
    relation = {"type": "relation", "from_id": "r", "to_id": "s", "direction": "right"}
    tasks = [
        studio_task("HALL_R1_000003.png", [rectangle(WALKER[2], "person"), choice, relation]),
        studio_task("HALL_R2_000007.png", [{**turned, "id": "s"}, sitting]),
        {"id": 9, "data": {"image": "/data/upload/3/1a2b3c4d-HALL_R2_000008.png"}, "annotations": []},
    ]
    imports.run("label-studio", imports.write("project.json", tasks))
    assert imports.people() == [WALKER, SITTER]
    assert any("nobody annotated" in line for line in imports.told)
    assert imports.summary.skipped_boxes == {"a relation, not a rectangle": 1}


def test_label_studio_videos_are_interpolated_between_boxes_and_end_where_they_are_not_enabled(imports):
    def at(frame, corners, enabled=True):
        value = rectangle(corners, "")["value"]
        return {
            "frame": frame,
            "enabled": enabled,
            **{key: value[key] for key in ("x", "y", "width", "height", "rotation")},
        }

    def region(label, *sequence):
        value = {"framesCount": 50, "sequence": list(sequence), "labels": [label]}
        return {"id": label, "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value}

    walker = region("walking", at(4, (12, 20, 60, 100)), at(8, (52, 20, 100, 100), enabled=False))
    sitter = region("sitting", at(6, (100, 40, 130, 90)), at(11, (100, 40, 130, 90)))
    imports.run(
        "label-studio",
        imports.write("v.json", [studio_task("HALL_R1.mp4", [walker, sitter], "video")]),
        split="keyframe",
    )
    still = (100.0, 40.0, 130.0, 90.0)
    assert imports.people() == [
        ("HALL_R1", 3, (12.0, 20.0, 60.0, 100.0), ("walking",)),
        ("HALL_R1", 5, (32.0, 20.0, 80.0, 100.0), ("walking",)),
        ("HALL_R1", 5, still, ("sitting",)),
        ("HALL_R1", 7, (52.0, 20.0, 100.0, 100.0), ("walking",)),
        ("HALL_R1", 7, still, ("sitting",)),
        ("HALL_R1", 10, still, ("sitting",)),
    ]


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
def test_ava_with_a_label_map_several_actions_and_times_of_either_unit(imports, unit):
    imports.write("map.pbtxt", 'item {\n name: "walking"\n id: 1\n}\nlabel { name: "talking" label_id: 2 }\n')
    rows = [
        ("HALL_R1", 3, "0.05,0.125,0.25,0.625", 1),
        ("HALL_R1", 3, "0.05,0.125,0.25,0.625", 2),
        ("HALL_R2", 2, "0.1,0.1,0.2,0.3", 7),
    ]
    first = {"HALL_R1": 1_700_000_000_000, "HALL_R2": 1_700_010_000_000}
    when = lambda name, at: at if unit == "seconds" else first[name] + 1000 * at  # noqa: E731
    rows = [*rows, ("HALL_R2", 3, "0.1,0.1,0.2,0.3", 1)]
    lines = "".join(f"{name},{when(name, at)},{box},{action},0\n" for name, at, box, action in rows)
    imports.run("ava", imports.write("ava.csv", lines))
    assert imports.people() == [
        ("HALL_R1", 30, (12.0, 20.0, 60.0, 100.0), ("talking", "walking")),
        ("HALL_R2", 30, (24.0, 16.0, 48.0, 48.0), ("walking",)),
    ]
    assert imports.summary.skipped_boxes == {"an action that the label map does not name": 1}
    assert ("Times are seconds from a recording's first frame." in imports.told) == (unit == "seconds")


def test_yolo_with_frames_that_are_counted_from_1(imports):
    imports.write("data.yaml", "names: {0: walking, 1: sitting}\n")
    imports.write("labels/HALL_R1_000004.txt", "0 0.15 0.375 0.2 0.5\n")
    imports.write("labels/HALL_R2_000008.txt", "1 0.4791666667 0.40625 0.125 0.3125 0.9\n")
    imports.write("labels/HALL_R2_000050.txt", "")
    assert imports.run("yolo", imports.folder / "labels").people() == [WALKER, SITTER]
    assert any("from 1" in line for line in imports.told)


def test_names_of_a_pattern_of_ones_own_and_a_first_frame_that_is_told(imports):
    imports.write("classes.txt", "walking\nsitting\n")
    imports.write("labels/f4@HALL_R1.txt", "0 0.15 0.375 0.2 0.5\n")
    imports.write("labels/f8@HALL_R2.txt", "1 0.4791666667 0.40625 0.125 0.3125\n")
    settings = {"names": r"f(?P<frame>\d+)@(?P<recording>\w+)", "first_frame": 1}
    assert imports.run("yolo", imports.folder, **settings).people() == [WALKER, SITTER]


def voc(imports, folder, *pictures):
    """Writes a file for each (name, edges, action)."""
    for name, box, action in pictures:
        edges = "".join(f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box))
        size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>1</depth></size>"
        attribute = f"<attributes><attribute><name>action</name><value>{action}</value></attribute></attributes>"
        thing = f"<object><name>person</name>{attribute}<bndbox>{edges}</bndbox></object>"
        imports.write(f"{folder}/{name}.xml", f"<annotation><filename>{name}.png</filename>{size}{thing}</annotation>")


@pytest.mark.parametrize("spelled", [str, "{}.0".format])
def test_voc_counts_pixels_from_1_however_they_are_spelled(imports, spelled):
    first, second = ("HALL_R1_3", (13, 21, 60, 100), "walking"), ("HALL_R2_7", (101, 41, 130, 90), "sitting")
    voc(imports, "set/Annotations", *((name, map(spelled, box), action) for name, box, action in (first, second)))
    imports.write("set/ImageSets/Main/train.txt", "HALL_R1_3\n")
    assert guess_format(imports.folder / "set") == "voc"
    assert imports.run("voc", imports.folder / "set").people() == [WALKER, SITTER]
    assert "2 boxes in pixels that are counted from 1." in imports.told


@pytest.mark.parametrize("edges", [(0, 8, 24, 40), (0.5, 8, 24, 40)])
def test_voc_counts_pixels_from_0_if_a_box_begins_there_or_between_two(imports, edges):
    voc(imports, ".", ("HALL_R1_3", (12, 20, 60, 100), "walking"), ("ДОМ_R1_11", edges, "falling"))
    assert imports.run("voc", imports.folder).people() == [WALKER, ("ДОМ_R1", 11, edges, ("falling",))]


def test_a_cvat_project_holds_several_videos(imports):
    box = '<track id="0" label="{}" task_id="{}"><box frame="{}" keyframe="1" {}/></track>'
    edges = " ".join(f'{key}="{value}"' for key, value in zip(("xtl", "ytl", "xbr", "ybr"), WALKER[2]))
    size = f"<original_size><width>{SIZE[0]}</width><height>{SIZE[1]}</height></original_size>"
    tasks = "".join(
        f"<task><id>{number}</id><name>{name}</name>{size}<source>{name}.mp4</source></task>"
        for number, name in ((7, "HALL_R1"), (8, "HALL_R2"))
    )
    meta = f"<meta><project><name>HALL_R1</name><tasks>{tasks}</tasks></project></meta>"
    tracks = box.format("walking", 7, 3, edges) + box.format("sitting", 8, 3, edges)
    imports.run("cvat", imports.write("project.xml", f"<annotations>{meta}{tracks}</annotations>"))
    assert imports.people() == [WALKER, ("HALL_R2", *WALKER[1:3], ("sitting",))]
    lost = imports.write("lost.xml", f"<annotations>{meta}{box.format('walking', 9, 3, edges)}</annotations>")
    with pytest.raises(InputError, match="track 0: its task_id '9' is none of the 2 tasks"):
        FORMATS["cvat"].read(lost)


def test_frames_of_a_video_that_cvat_exports_as_images_are_of_the_video_that_it_names(imports):
    meta = "<meta><task><id>1</id><name>a task</name><source>HALL_R1.mp4</source></task></meta>"
    images = cvat_images([("frame_000003", cvat_box(WALKER[2], "walking")), ("frame_000000", "")])
    imports.run("cvat", imports.write("a.xml", images.replace("<image", meta + "<image", 1)), split="keyframe")
    assert imports.people() == [WALKER]


def test_a_track_of_a_billion_frames_takes_no_more_memory_than_its_boxes(imports):
    boxes = [(frame, (12, 20, 60, 100), 1, 0, "walking") for frame in (3, 10**9)]
    (first, last) = FORMATS["cvat"].read(imports.write("task.xml", cvat_video([("person", boxes)]))).frames
    assert (first.number, last.number) == (3, 10**9)


def test_names_with_what_no_recording_may_have_are_those_of_the_recordings_that_were_imported(imports):
    (imports.frames / "HALL_R1.h5").rename(imports.frames / "the_HALL_R1.h5")
    document = coco()
    document["images"][0]["file_name"] = "the HALL,R1_000003.png"
    imports.run("coco", imports.write("instances.json", document))
    assert imports.people() == sorted([("the_HALL_R1", *WALKER[1:]), SITTER, FALLER])


def test_images_alone_beside_their_annotations_hide_nobody(imports):
    imports.write("image_info.json", {**coco(), "annotations": []})
    imports.write("instances.json", coco())
    assert imports.run("coco", imports.folder).people() == [WALKER, SITTER, FALLER]


def test_words_of_a_text_field_are_read_whole(imports):
    text = {"id": "r", "type": "textarea", "from_name": "action", "value": {"text": "walking"}}
    task = studio_task("HALL_R1_000003.png", [rectangle(WALKER[2], "person"), text])
    other = studio_task(
        "HALL_R2_000007.png", [rectangle(SITTER[2], "person"), {**text, "value": {"text": ["sitting"]}}]
    )
    assert imports.run("label-studio", imports.write("project.json", [task, other])).people() == [WALKER, SITTER]


def test_a_hundred_thousand_boxes_are_read(imports):
    boxes = [(frame, (12, 20, 60, 100), 1, 0, "walking") for frame in range(50)]
    path = imports.write("task.xml", cvat_video([("person", boxes)] * 2000))
    frames = FORMATS["cvat"].read(path).frames
    assert sum(len(frame.boxes) for frame in frames) == 100_000


@pytest.mark.parametrize(
    ("kind", "name", "content", "message"),
    [
        ("coco", "a.xml", cvat_images([]), "is not COCO JSON: it looks like CVAT XML 1.1, of images or a video, so import it as 'cvat'."),
        ("cvat", "a.json", [studio_task("a.png", [])], "it looks like Label Studio JSON, so import it as 'label-studio'"),
        ("label-studio", "a.json", coco(), "it looks like COCO JSON, so import it as 'coco'"),
        ("coco", "a.csv", "v,1,0,0,1,1,3,0\n", "it looks like AVA CSV, so import it as 'ava'"),
        ("voc", "a.json", coco(), "is a file, and not a folder of Pascal VOC's XML files: it looks like COCO JSON"),
        ("cvat", "a.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotations/>", "declares a document type or entities"),
        ("cvat", "a.xml", "<annotations><track", "is not valid XML"),
        ("cvat", "a.xml", cvat_images([("HALL_R1_1", cvat_box((1, 1, "x", 2), "a"))]), "box xbr: 'x' is no finite number"),
        ("ava", "a.csv", "v,1,0,0\n", "has 4 fields"),
        ("ava", "a.csv", "HALL_R1,1e300,0,0,1,1,walking\n", "'1e300' is no time in seconds or milliseconds"),
        ("cvat", "a.xml", cvat_video([("person", [("9" * 5000, (1, 1, 2, 2), 1, 0, "a")])]), "no finite number"),
        ("cvat", "a.xml", cvat_images([("", cvat_box((1, 1, 5, 2), "a"))]), "its name tells no frame of a recording"),
        ("coco", "a.json", {**coco(), "images": coco()["images"] * 2}, "images[4]: another image has the id 1 too"),
        ("coco", "a.json", {**coco(), "images": [{**coco()["images"][0], "width": 0}]}, "images[0]: the size is 0 x 160"),
        ("coco", "a.json", {**coco(), "images": [{**coco()["images"][0], "file_name": "HALL_R1_" + "9" * 5000}]}, "stands nowhere else"),
        ("label-studio", "a.json", [studio_task("HALL_R1_3.png", [3])], "task 0, result 0 has no 'type'"),
        ("label-studio", "a.json", [studio_task("HALL_R1_3.png", [{**rectangle(WALKER[2], "a"), "value": []}])], "'value' is []"),
        ("label-studio", "a.json", [studio_task("HALL_R1_3.png", [rectangle(WALKER[2], 7)])], "must be a list of words"),
        ("label-studio", "a.json", [{"data": {"image": "HALL_R1_3.png"}, "annotations": ["a"]}], "annotation 0 has no 'result'"),
        ("coco", "a.json", {"images": [], "annotations": [], "categories": []}, "gives no person's box"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_in_one_sentence(imports, kind, name, content, message):
    with pytest.raises(InputError) as error:
        imports.run(kind, imports.write(name, content))
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not imports.output.exists()


def test_labels_that_only_say_that_somebody_is_there_need_an_action(imports):
    rows = [("HALL_R1_000003.png", cvat_box((12, 20, 60, 100), "person"))]
    with pytest.raises(InputError, match=r"a person without an action \(1 times\)\): check with --action"):
        imports.run("cvat", imports.write("images.xml", cvat_images(rows)))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "is no regular expression"), (r"\d+", "has no group"), ("(?P<frame>.+)", "must be a number")],
)
def test_a_pattern_that_finds_no_number_is_refused(imports, pattern, message):
    with pytest.raises(InputError, match=message):
        imports.run("coco", imports.write("a.json", coco()), names=pattern)


def test_nothing_is_guessed_of_a_file_that_is_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"\x00\xff" * 100)
    assert guess_format(tmp_path / "a") is None


def test_the_command_tells_what_it_guessed_and_wrote(imports, monkeypatch, capsys):
    places = map(str, (imports.write("instances.json", coco()), imports.frames, imports.output))
    settings = ["--split", "recording", "--val-fraction", "0.5"]
    monkeypatch.setattr(sys, "argv", ["thermal_data.py", "import-annotations", "coco", *places, *settings])
    with pytest.raises(SystemExit) as ended:
        thermal_data.main()
    assert not ended.value.code
    told = capsys.readouterr().out
    assert "The names of pictures count frames from 0" in told and "Wrote" in told
