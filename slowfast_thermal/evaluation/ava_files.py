"""The data set in the files that PySlowFast's AVA evaluation reads.

AVA counts time in whole numbers and classes from 1: a keyframe's time is its timestamp in
milliseconds, and class c has the id c + 1.
"""

import csv
from pathlib import Path

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.metrics import AvaBoxes
from slowfast_thermal.pyslowfast import ava_evaluation

_GROUNDTRUTH, _LABEL_MAP = "groundtruth.csv", "label_map.pbtxt"


def export_ava_files(dataset: Thermal, folder: Path, cfg) -> None:
    """Writes ground truth, label map, excluded timestamps and frame list, and points `cfg.AVA` to them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        [keyframe.recording, keyframe.timestamp, *(f"{value:.6f}" for value in box), class_index + 1]
        for keyframe in dataset.keyframes
        for box, label in zip(keyframe.boxes, keyframe.labels)
        for class_index in label.nonzero()[0]
    ]
    label_map = [
        f'label {{\n  name: "{name}"\n  label_id: {index + 1}\n  label_type: PERSON_MOVEMENT\n}}'
        for index, name in enumerate(dataset.classes)
    ]
    frame_list = ["original_video_id video_id frame_id path labels"] + [
        f'{name} {place} 0 {name}.h5 ""' for place, name in enumerate(dataset.recordings)
    ]
    cfg.AVA.ANNOTATION_DIR = cfg.AVA.FRAME_LIST_DIR = str(folder)
    cfg.AVA.GROUNDTRUTH_FILE = _GROUNDTRUTH
    with open(folder / cfg.AVA.GROUNDTRUTH_FILE, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    cfg.AVA.LABEL_MAP_FILE = _LABEL_MAP
    cfg.AVA.EXCLUSION_FILE = "excluded_timestamps.csv"
    cfg.AVA.TRAIN_LISTS = cfg.AVA.TEST_LISTS = ["frame_list.csv"]
    texts = {cfg.AVA.LABEL_MAP_FILE: label_map, cfg.AVA.EXCLUSION_FILE: [], cfg.AVA.TEST_LISTS[0]: frame_list}
    for name, lines in texts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_ava_files(folder: Path) -> tuple[list[str], AvaBoxes]:
    """The class names and the ground truth that `export_ava_files` wrote into a folder."""
    categories, _ = ava_evaluation.read_labelmap(folder / _LABEL_MAP)
    return [category["name"] for category in categories], ava_evaluation.read_csv(folder / _GROUNDTRUTH)
