"""The data set in the files that PySlowFast's AVA evaluation reads.

AVA counts time in whole numbers and classes from 1: a keyframe's time is its timestamp in
milliseconds, and class c has the id c + 1.
"""

from pathlib import Path

from slowfast_thermal.datasets import Thermal


def export_ava_files(dataset: Thermal, folder: Path, cfg) -> None:
    """Writes ground truth, label map, excluded timestamps and frame list, and points `cfg.AVA` to them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{keyframe.recording},{keyframe.timestamp},{','.join(f'{v:.6f}' for v in box)},{class_index + 1}"
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
    files = {
        "GROUNDTRUTH_FILE": ("groundtruth.csv", rows),
        "LABEL_MAP_FILE": ("label_map.pbtxt", label_map),
        "EXCLUSION_FILE": ("excluded_timestamps.csv", []),
        "FRAME_LIST": ("frame_list.csv", frame_list),
    }
    for name, lines in files.values():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    cfg.AVA.ANNOTATION_DIR = cfg.AVA.FRAME_LIST_DIR = str(folder)
    for key in ("GROUNDTRUTH_FILE", "LABEL_MAP_FILE", "EXCLUSION_FILE"):
        setattr(cfg.AVA, key, files[key][0])
    cfg.AVA.TRAIN_LISTS = cfg.AVA.TEST_LISTS = [files["FRAME_LIST"][0]]
