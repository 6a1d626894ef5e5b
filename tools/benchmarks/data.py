"""Clips a second through a loader, beside one of one worker that prepares pictures as PySlowFast does.

The baseline reads a clip's frames from its file, fills nothing, resizes each to the network's input with OpenCV, repeats
it in three channels, normalises and packs the pathways with PySlowFast's own function. This project, with its training
augmentations, is measured with a worker and without: where recordings are cached, a clip is a slice of memory and needs
none. The limit is the time in which the memory copies the bytes of a clip. All runs on one core.
"""

import os
import tempfile
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch
from slowfast.datasets.utils import pack_pathway_output
from torch.utils.data import DataLoader, Dataset

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.datasets.loader import construct_train_loader
from slowfast_thermal.preparation.synthetic import synthesize
from slowfast_thermal.pyslowfast import detection_collate, pack_sample
from tools.benchmarks.common import CONFIGS, median_seconds


class PictureClips(Dataset):
    """The keyframes of a data set, prepared as PySlowFast prepares pictures."""

    def __init__(self, cfg, dataset: Thermal):
        self._cfg = cfg
        self._keyframes = [dataset.keyframe(index) for index in range(len(dataset))]
        self._files: dict[str, h5py.File] = {}

    def __len__(self) -> int:
        return len(self._keyframes)

    def __getitem__(self, index: int) -> tuple:
        cfg, keyframe = self._cfg, self._keyframes[index]
        path = Path(cfg.DATA.PATH_TO_DATA_DIR) / cfg.THERMAL.FRAMES_DIR / f"{keyframe.recording}.h5"
        if keyframe.recording not in self._files:
            self._files[keyframe.recording] = h5py.File(path, "r")
        file = self._files[keyframe.recording]
        half = cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE // 2
        places = np.arange(keyframe.frame_index - half, keyframe.frame_index + half, cfg.DATA.SAMPLING_RATE)
        places = places.clip(0, len(file["frames"]) - 1)
        frames = file["frames"][places[0] : places[-1] + 1][places - places[0]]
        height, width = cfg.THERMAL.INPUT_SIZE
        low, high = cfg.THERMAL.TEMPERATURE_RANGE
        pictures = np.stack([cv2.resize(frame, (width, height)) for frame in frames])
        pictures = np.repeat(((pictures.clip(low, high) - low) / (high - low))[None], 3, axis=0)
        mean, std = (np.array(values, np.float32)[:, None, None, None] for values in (cfg.DATA.MEAN, cfg.DATA.STD))
        clip = torch.from_numpy(((pictures - mean) / std).astype(np.float32))
        boxes = keyframe.boxes * np.array([width, height, width, height], np.float32)
        extra = {"boxes": boxes, "ori_boxes": keyframe.boxes, "metadata": [[0, keyframe.timestamp]] * len(boxes)}
        return pack_sample(pack_pathway_output(cfg, clip), keyframe.labels, index, extra)


def clips_per_second(loader: DataLoader, passes: int) -> float:
    """Of the last passes over a loader; the first one starts the worker and fills its cache."""
    for number in range(passes + 1):
        if number == 1:
            start = time.perf_counter()
        clips = sum(len(batch[0][0]) for batch in loader)
    return passes * clips / (time.perf_counter() - start)


def measure(data_dir: str, repeats: int, device: torch.device) -> dict[str, float]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if not data_dir:
            data_dir = f"{folder}/data"
            synthesize(data_dir, num_recordings=8, num_keyframes=400)
        classes = load_annotations([Path(data_dir) / "annotations" / "train.json"]).classes
        options = ["DATA.PATH_TO_DATA_DIR", data_dir, "NUM_GPUS", "0", "MODEL.NUM_CLASSES", str(len(classes))]
        cfg = load_config(str(CONFIGS / "SLOWFAST_8x8_R101.yaml"), options)
        opening = median_seconds({"opening": lambda: Thermal(cfg, "train")}, repeats)["opening"]
        dataset = Thermal(cfg, "train")
        baseline = DataLoader(
            PictureClips(cfg, dataset),
            batch_size=cfg.TRAIN.BATCH_SIZE,
            num_workers=1,
            collate_fn=detection_collate,
            persistent_workers=True,
        )
        rates = {"baseline": clips_per_second(baseline, 1)}
        for workers in (1, 0):
            cfg.DATA_LOADER.NUM_WORKERS = workers
            rates[workers] = clips_per_second(construct_train_loader(cfg, dataset, 0, 1), 2 * repeats)
        keys = [(place, place) for place in range(len(dataset))]
        clip_bytes = sum(pathway.nbytes for key in keys for pathway in dataset[key][0]) / len(keys)
    large = torch.empty(2**28, dtype=torch.uint8)
    bandwidth = 2 * len(large) / median_seconds({"copy": large.clone}, repeats)["copy"]
    limit = bandwidth / (2 * clip_bytes)
    return {
        "opening the data set, s": opening,
        "baseline, clips/s": rates["baseline"],
        "this project with a worker, clips/s": rates[1],
        "ratio with a worker": rates[1] / rates["baseline"],
        "this project without, clips/s": rates[0],
        "ratio without a worker": rates[0] / rates["baseline"],
        "bytes of a clip, mean": clip_bytes,
        "copying memory, GB/s": bandwidth / 1e9,
        "limit, clips/s": limit,
        "part of the limit, without a worker": rates[0] / limit,
    }
