"""The data set `Thermal`: clips around annotated keyframes, as PySlowFast's AVA data set yields them.

Letters: N clips, T frames of a pathway, H, W sensor pixels, R people and Q objects of a keyframe, C classes.
"""

import fnmatch
import logging
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal.datasets.annotations import Keyframe, count_boxes, load_annotations, load_detections
from slowfast_thermal.datasets.augmentation import Augmentation
from slowfast_thermal.datasets.recording_cache import RecordingCache
from slowfast_thermal.datasets.recordings import Recording, check_folder, frame_faults, size_faults
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import DATASET_REGISTRY, pack_sample

logger = logging.getLogger(__name__)


@DATASET_REGISTRY.register()
class Thermal(torch.utils.data.Dataset):
    """Keyframes of thermal recordings with people's boxes and actions.

    Args:
        cfg: PySlowFast's configuration with node THERMAL.
        split: "train", or "val" or "test", which both read THERMAL.TEST_ANNOTATIONS.

    Attributes:
        classes: names of the C classes.
        keyframes: all annotated keyframes of the split.
        recordings: names of the recordings; a sample's metadata gives the place in this list.
        class_counts: (C,) int64, number of annotated boxes of each class.

    Raises:
        InputError: something is missing or wrong in the files, or they do not fit the configuration.
    """

    def __init__(self, cfg, split: str):
        root = Path(cfg.DATA.PATH_TO_DATA_DIR)
        if not root.is_dir():
            raise InputError(f"Data folder '{root}' does not exist: set DATA.PATH_TO_DATA_DIR.")
        node = cfg.THERMAL
        self._split = split
        names, patterns = (
            (node.TRAIN_ANNOTATIONS, node.TRAIN_RECORDINGS)
            if split == "train"
            else (node.TEST_ANNOTATIONS, node.TEST_RECORDINGS)
        )
        annotations = load_annotations([root / name for name in names])
        self.classes = annotations.classes
        self.keyframes = [
            keyframe
            for keyframe in annotations.keyframes
            if any(fnmatch.fnmatchcase(keyframe.recording, pattern) for pattern in patterns)
        ]
        if len(self.classes) != cfg.MODEL.NUM_CLASSES:
            raise InputError(
                f"{root / names[0]} lists {len(self.classes)} categories, but MODEL.NUM_CLASSES is "
                f"{cfg.MODEL.NUM_CLASSES}: set MODEL.NUM_CLASSES {len(self.classes)}."
            )
        self.recordings = sorted({keyframe.recording for keyframe in self.keyframes})
        self._place = {name: place for place, name in enumerate(self.recordings)}
        on_device = cfg.SPEED.RECORDINGS_ON_DEVICE and cfg.NUM_GPUS
        self._device = torch.device("cuda", torch.cuda.current_device()) if on_device else torch.device("cpu")
        self._open_recordings(root / node.FRAMES_DIR, cfg)

        boxes = [keyframe.boxes for keyframe in self.keyframes]
        labels = [keyframe.labels for keyframe in self.keyframes]
        self.class_counts = count_boxes(self.keyframes, len(self.classes))
        if split != "train" and node.TEST_DETECTIONS:
            sizes = {recording.name: (recording.height, recording.width) for recording in self._cache}
            boxes = load_detections(Path(node.TEST_DETECTIONS), self.keyframes, sizes, cfg.AVA.DETECTION_SCORE_THRESH)
            labels = [np.zeros((len(found), len(self.classes)), np.float32) for found in boxes]
        self._samples = [sample for sample in zip(self.keyframes, boxes, labels) if len(sample[1])]
        if not self._samples:
            raise InputError(
                f"{', '.join(str(root / name) for name in names)}: no keyframe of a recording that matches "
                f"{list(patterns)} has a person's box, so there is nothing to {'train' if split == 'train' else 'test'} on."
            )
        self._seed = cfg.RNG_SEED
        self._batch_size = cfg.TRAIN.BATCH_SIZE
        self._rate = cfg.DATA.SAMPLING_RATE
        self._length = cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE
        self._slow_stride = cfg.SLOWFAST.ALPHA * cfg.DATA.SAMPLING_RATE
        self._window = tuple(node.TEMPERATURE_RANGE)
        self._input_size = tuple(node.INPUT_SIZE)
        self._max_objects = cfg.IA.MAX_OBJECTS
        self._augmentation = Augmentation.from_config(node.AUG) if split == "train" else None
        self._enlarge = np.array(node.TEST_BOX_ENLARGE, np.float32) if split != "train" else np.zeros(2, np.float32)
        logger.info(
            "%s: %d keyframes with %d boxes in %d recordings; %d boxes cut at the image's edge, %d outside it dropped.",
            split, len(self), sum(len(b) for _, b, _ in self._samples), len(self.recordings),
            annotations.num_clipped, annotations.num_dropped,
        )  # fmt: skip

    def _open_recordings(self, folder: Path, cfg) -> None:
        check_folder(folder)
        node = cfg.THERMAL
        recordings = {
            name: Recording(folder / f"{name}.h5", tuple(node.VALID_RANGE), node.FILL_TEMPERATURE, node.UNIT)
            for name in self.recordings
        }
        for fault in chain(size_faults(recordings.values()), frame_faults(self.keyframes, recordings)):
            raise fault
        max_bytes = int(node.CACHE_GIB * 2**30 / max(num_workers(cfg), 1))
        self._cache = RecordingCache(list(recordings.values()), max_bytes, self._device)

    def __len__(self) -> int:
        return len(self._samples)

    def keyframe(self, index: int) -> Keyframe:
        """The keyframe of sample `index`."""
        return self._samples[index][0]

    def sample(self, index: int) -> tuple[Keyframe, np.ndarray, np.ndarray]:
        """The keyframe of sample `index`, (R, 4) the boxes of its people, annotated or detected, and (R, C) their labels."""
        return self._samples[index]

    def temperatures(self, recording: str, indices: np.ndarray) -> np.ndarray:
        """(K, H, W) float32 degrees Celsius of a recording's frames at `indices` (K,); beyond its ends these repeat."""
        return self._cache[recording].read(indices).cpu().numpy()

    def timestamps(self, recording: str) -> np.ndarray:
        """(N,) int64 milliseconds of the N frames of a recording."""
        return self._cache[recording].timestamps

    def __getitem__(self, key: int | tuple[int, int]) -> tuple:
        """One clip with its people.

        Args:
            key: the sample's index; or the index and the place in the stream of training clips, on which its
                augmentation then depends instead of on chance, and with the clips of its batch the size of its crop.

        Returns:
            PySlowFast's tuple of
            inputs: [slow, fast] float32 tensors (1, T, H, W), for a crop that the batch shares with the pixels of
            the crop, temperatures scaled to [0, 1], on the CPU, or on the run's device for SPEED.RECORDINGS_ON_DEVICE;
            labels: (R, C) float32, 1 for a person's actions;
            index: of the sample;
            extra: "boxes" (R, 4) in pixels of the network's input, "ori_boxes" (R, 4) divided by the image
            size, both x1, y1, x2, y2; "metadata" R times [place of the recording, timestamp in ms];
            "objects" (IA.MAX_OBJECTS, 4) like "boxes", zero rows for no object (see `object_boxes`).
        """
        index, place = key if isinstance(key, tuple) else (key, None)
        keyframe, ori_boxes, labels = self._samples[index]
        boxes, objects, shift, slow_start = ori_boxes, keyframe.objects, 0, 0
        if self._augmentation:
            rng, batch_rng = self._generators(place)
            shift, slow_start = self._augmentation.sample_times(rng, self._slow_stride)

        start = keyframe.frame_index - self._length // 2 + shift
        slow = np.arange(start + slow_start, start + self._length, self._slow_stride)
        fast = np.arange(start, start + self._length, self._rate)
        frames = self._cache[keyframe.recording].read(np.concatenate([slow, fast]))
        if self._augmentation:
            frames, boxes, objects = self._augmentation(frames, boxes, objects, rng, batch_rng)

        low, high = self._window
        clip = frames.to(self._device).sub(low).mul_(1 / (high - low)).clamp_(0, 1)[None]
        extra = {
            "boxes": self._to_input_pixels(boxes, self._enlarge),
            "ori_boxes": ori_boxes,
            "metadata": [[self._place[keyframe.recording], keyframe.timestamp]] * len(boxes),
            "objects": self._pad_objects(objects),
        }
        return pack_sample([clip[:, : len(slow)], clip[:, len(slow) :]], labels, index, extra)

    def _generators(self, place: int | None) -> tuple[np.random.Generator, np.random.Generator | None]:
        """The generators of a clip's augmentation and of its batch's, from its place in the stream; else a random one."""
        if place is None:
            return np.random.default_rng(torch.randint(2**62, ()).item()), None
        batch = place // self._batch_size
        return np.random.default_rng((self._seed, place)), np.random.default_rng((self._seed, batch, 1))

    def _pad_objects(self, objects: np.ndarray) -> np.ndarray:
        """The best of (Q, 4) relative boxes as (IA.MAX_OBJECTS, 4) in pixels of the network's input."""
        padded = np.zeros((self._max_objects, 4), np.float32)
        best = objects[: self._max_objects]
        padded[: len(best)] = self._to_input_pixels(best, np.zeros(2, np.float32))
        return padded

    def _to_input_pixels(self, boxes: np.ndarray, enlarge: np.ndarray) -> np.ndarray:
        """(R, 4) relative boxes, enlarged by fractions of width and height, in pixels of the network's input."""
        if enlarge.any():
            margin = (boxes[:, 2:] - boxes[:, :2]) * enlarge / 2
            boxes = np.clip(np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1), 0, 1)
        height, width = self._input_size
        return boxes * np.array([width, height, width, height], np.float32)


def num_workers(cfg) -> int:
    """Workers of a loader; clips that are cut on the device need none."""
    return 0 if cfg.SPEED.RECORDINGS_ON_DEVICE else cfg.DATA_LOADER.NUM_WORKERS


def object_boxes(objects: torch.Tensor) -> torch.Tensor:
    """The objects of a batch as `detection_collate` gives the people.

    Args:
        objects: (N, IA.MAX_OBJECTS, 4), the collated "objects" of the samples.

    Returns:
        (Q, 5), for the Q objects of all clips the clip's place in the batch and x1, y1, x2, y2.
    """
    clips, rows = objects.any(2).nonzero(as_tuple=True)
    return torch.cat([clips[:, None].to(objects.dtype), objects[clips, rows]], 1)
