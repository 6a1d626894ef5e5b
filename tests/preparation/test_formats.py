"""Files of each format become a data set that passes `validate` and on which a network trains.

Those formats that nothing here writes are written by hand, after their specification.
"""

import csv
import json
from fractions import Fraction

import av
import h5py
import numpy as np
import PIL.Image
import pytest
import tifffile

from slowfast_thermal.preparation.annotations.exporting import EXPORTS, export_annotations
from slowfast_thermal.preparation.annotations.importing import import_annotations
from slowfast_thermal.preparation.checks import validate
from slowfast_thermal.preparation.recordings.foreign import Hints
from slowfast_thermal.preparation.recordings.importing import Readings, Timing, import_recordings
from slowfast_thermal.preparation.simulated import simulate_rooms
from tests import programs

SIZE = HEIGHT, WIDTH = 40, 60
# As a user would import the counts that `write_recording` writes, hundredths of Kelvin with 0 where nothing was read.
COUNTS = Readings("centikelvin", dead=(0.0,))


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Three simulated rooms."""
    root = tmp_path_factory.mktemp("formats") / "rooms"
    simulate_rooms(root, num_rooms=3, num_keyframes=30, height=HEIGHT, width=WIDTH, val_fraction=0.34, seed=5)
    return root


def write_recording(format, path, counts, times):
    """Writes (N, H, W) uint16 counts as a file of a format, or a folder; gives its path."""
    if format == "numpy":
        np.savez(path.with_suffix(".npz"), frames=counts, timestamps=times)
        return path.with_suffix(".npz")
    if format == "tiff":
        tifffile.imwrite(path.with_suffix(".tif"), counts)
        return path.with_suffix(".tif")
    if format == "png":
        path.mkdir()
        for place, frame in enumerate(counts):
            PIL.Image.fromarray(frame).save(path / f"{place}.png")
        return path
    if format == "video":
        with av.open(str(path.with_suffix(".mkv")), "w") as video:
            stream = video.add_stream("ffv1", rate=Fraction(8))
            stream.height, stream.width, stream.pix_fmt = *counts.shape[1:], "gray16le"
            for frame in counts:
                video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray16le")))
            video.mux(stream.encode())
        return path.with_suffix(".mkv")
    if format == "text":
        with open(path.with_suffix(".csv"), "w", newline="") as file:
            csv.writer(file).writerows([int(time), *row] for time, row in zip(times, counts.reshape(len(counts), -1)))
        return path.with_suffix(".csv")
    if format == "raw":
        path.with_suffix(".raw").write_bytes(counts.tobytes())
        return path.with_suffix(".raw")
    with h5py.File(path.with_suffix(".hdf5"), "w") as file:
        file["camera/ir"], file["camera/time"] = counts.reshape(len(counts), 1, HEIGHT, WIDTH), times
    return path.with_suffix(".hdf5")


def import_all(format, rooms, files, frames):
    """Imports all recordings of the rooms in a format; those that differ by more than a count say so here."""
    files.mkdir()
    hints = Hints((HEIGHT, WIDTH), "uint16") if format == "raw" else Hints()
    for path in sorted((rooms / "frames").glob("*.h5")):
        with h5py.File(path) as file:
            celsius, times = file["frames"][:], file["timestamps"][:]
        counts = np.nan_to_num((celsius + 273.15) * 100).round().astype(np.uint16)
        source = write_recording(format, files / path.stem, counts, times)
        (files / "times.txt").write_text("\n".join(map(str, times)))
        timing = Timing(times=files / "times.txt")
        import_recordings(format, source, frames, hints=hints, readings=COUNTS, timing=timing)
        with h5py.File(frames / path.name) as file:
            assert np.array_equal(file["timestamps"][:], times)
            assert np.allclose(file["frames"][:], celsius, atol=0.006, equal_nan=True)


def boxes(annotations):
    """Recording, frame, time and, for each person, centre x, y, width, height and action of each keyframe."""
    for part in ("train", "val"):
        document = json.loads((annotations / f"{part}.json").read_text())
        for image in document["images"]:
            of = [each for each in document["annotations"] if each["image_id"] == image["id"]]
            people = [(*each["bbox"], each["category_name"]) for each in of]
            yield image["sensor_id"], image["frame_idx"], image["timestamp"], people


def write_annotations(format, rooms, folder):
    """Writes the rooms' annotations in a format; gives what is to be imported."""
    if format in EXPORTS:
        export_annotations(format, rooms, folder)
        return {"coco": folder / "instances.json", "label-studio": folder / "tasks.json"}.get(format, folder)
    folder.mkdir()
    found = [(f"{name}_{frame:06}", name, time, people) for name, frame, time, people in boxes(rooms / "annotations")]
    names = sorted({person[-1] for *_, people in found for person in people})
    if format == "ava":
        items = "".join(
            f'item {{\n  name: "{name}"\n  id: {number}\n}}\n' for number, name in enumerate(names, start=1)
        )
        (folder / "actions.pbtxt").write_text(items)
        lines = []
        for _, name, time, people in found:
            for x, y, width, height, action in people:
                edges = x - width / 2, y - height / 2, x + width / 2, y + height / 2
                lines.append(",".join(map(str, (name, time, *edges, names.index(action) + 1))))
        (folder / "boxes.csv").write_text("\n".join(lines))
        return folder / "boxes.csv"
    if format == "yolo":
        (folder / "classes.txt").write_text("\n".join(names))
        for picture, _, _, people in found:
            lines = [" ".join(map(str, (names.index(action), *box))) for *box, action in people]
            (folder / f"{picture}.txt").write_text("\n".join(lines))
        return folder
    images = []
    for picture, _, _, people in found:
        edges = [
            [(x - w / 2) * 8 * WIDTH, (y - h / 2) * 8 * HEIGHT, (x + w / 2) * 8 * WIDTH, (y + h / 2) * 8 * HEIGHT]
            for x, y, w, h, _ in people
        ]
        if format == "voc":
            things = "".join(
                f"<object><name>{action}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax>"
                f"<ymax>{box[3]}</ymax></bndbox></object>"
                for box, (*_, action) in zip(edges, people)
            )
            size = f"<size><width>{8 * WIDTH}</width><height>{8 * HEIGHT}</height><depth>1</depth></size>"
            text = f"<annotation><filename>{picture}.png</filename>{size}{things}</annotation>"
            (folder / f"{picture}.xml").write_text(text)
        else:  # images of CVAT
            things = "".join(
                f'<box label="person" xtl="{box[0]}" ytl="{box[1]}" xbr="{box[2]}" ybr="{box[3]}">'
                f'<attribute name="action">{action}</attribute></box>'
                for box, (*_, action) in zip(edges, people)
            )
            images.append(f'<image name="{picture}.png" width="{8 * WIDTH}" height="{8 * HEIGHT}">{things}</image>')
    if format == "cvat images":
        (folder / "images.xml").write_text(f"<annotations><version>1.1</version>{''.join(images)}</annotations>")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "annotations, recordings",
    [("cvat", "numpy"), ("cvat images", "tiff"), ("coco", "png"), ("label-studio", "video"), ("ava", "text"), ("yolo", "raw")]
    + [("voc", "hdf5")],
)  # fmt: skip
def test_what_was_imported_validates_and_trains_for_an_epoch(rooms, tmp_path, annotations, recordings):
    data = tmp_path / "data"
    import_all(recordings, rooms, tmp_path / "recordings", data / "frames")
    source = write_annotations(annotations, rooms, tmp_path / "labels")
    kind = annotations.partition(" ")[0]
    import_annotations(kind, source, data / "frames", data / "annotations", split_as=rooms / "annotations")
    known = {
        (name, frame): sorted(people, key=repr) for name, frame, _, people in boxes(rooms / "annotations") if people
    }
    found = {
        (name, frame): sorted(people, key=repr) for name, frame, _, people in boxes(data / "annotations") if people
    }
    assert found.keys() == known.keys()
    for moment, people in known.items():
        assert [person[-1] for person in found[moment]] == [person[-1] for person in people]
        assert np.allclose([person[:4] for person in found[moment]], [person[:4] for person in people], atol=1e-4)
    assert not validate(data, ["annotations/train.json"], ["annotations/val.json"]).of("problem")
    classes = len(json.loads((data / "annotations" / "train.json").read_text())["categories"])
    settings = (
        f"DATA.PATH_TO_DATA_DIR {data} MODEL.NUM_CLASSES {classes} SOLVER.MAX_EPOCH 1 OUTPUT_DIR {tmp_path / 'run'}"
    )
    trained = programs.run("tools/run_net.py", "--cfg", "configs/Thermal/PEOPLE_SMALL.yaml", *settings.split())
    assert trained.returncode == 0, trained.stderr
    assert json.loads((tmp_path / "run" / "test_metrics.json").read_text())["mAP"] is not None
