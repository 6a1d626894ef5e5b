"""The data set `Thermal`: clips around annotated keyframes, as PySlowFast's AVA data set yields them.

Letters: N clips, T frames of a pathway, H, W sensor pixels, R people and Q objects of a keyframe, C classes.
"""

import logging
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from slowfast_thermal.datasets.annotations import (
    Annotations,
    Keyframe,
    count_boxes,
    load_annotations,
    moved,
    of_recordings,
)
from slowfast_thermal.datasets.augmentation import Augmentation
from slowfast_thermal.datasets.clip_frames import ClipFrames, nearest_frames
from slowfast_thermal.datasets.clips import background, check_order
from slowfast_thermal.datasets.detections import Detections, load_detections
from slowfast_thermal.datasets.found_people import Follow, follow_people, people_at, people_source
from slowfast_thermal.datasets.planes import planes
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
        split: "train", or "val" or "test", which both read THERMAL.TEST_ANNOTATIONS; only "val" may have no person.
        follow: finds and follows the people of a recording, where THERMAL.PEOPLE asks for that.

    Attributes:
        classes: names of the C classes.
        keyframes: all annotated keyframes of the split.
        recordings: names of the recordings; a sample's metadata gives the place in this list.
        class_counts: (C,) int64, number of annotated boxes of each class.
        keyframe_position: THERMAL.KEYFRAME_POSITION.

    Raises:
        InputError: something is missing or wrong in the files, or they do not fit the configuration.
    """

    needs_people = True
    """Whether keyframes without people are left out."""

    def __init__(self, cfg, split: str, follow: Follow = follow_people):
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
        annotations = self._read_annotations([root / name for name in names])
        self.classes = annotations.classes
        self.keyframes = moved(of_recordings(annotations.keyframes, patterns), node.BOX_SHIFT)
        if len(self.classes) != cfg.MODEL.NUM_CLASSES:
            raise InputError(
                f"{root / names[0]} lists {len(self.classes)} categories, but MODEL.NUM_CLASSES is "
                f"{cfg.MODEL.NUM_CLASSES}: set MODEL.NUM_CLASSES {len(self.classes)}, or give all annotation files one list of categories."
            )
        where = (
            f"{', '.join(str(root / name) for name in names)}: no keyframe of a recording that matches {list(patterns)}"
        )
        purpose = "train" if split == "train" else "test"
        if not self.keyframes and split != "val":
            raise InputError(
                f"{where} is there, so there is nothing to {purpose} on: add images, or correct "
                f"THERMAL.{purpose.upper()}_RECORDINGS."
            )
        self.recordings = sorted({keyframe.recording for keyframe in self.keyframes})
        self._place = {name: place for place, name in enumerate(self.recordings)}
        self._open_recordings(root / node.FRAMES_DIR, cfg)

        boxes = [keyframe.boxes for keyframe in self.keyframes]
        labels = [keyframe.labels for keyframe in self.keyframes]
        self.class_counts = count_boxes(self.keyframes, len(self.classes))
        if split != "train" and people_source(cfg) != "annotated" and self.keyframes:
            boxes, summary = self._find_people(cfg, follow)
            logger.info("%s.", summary)
            labels = [np.zeros((len(found), len(self.classes)), np.float32) for found in boxes]
        self._samples = [
            sample for sample in zip(self.keyframes, boxes, labels) if len(sample[1]) or not self.needs_people
        ]
        if not any(len(sample[1]) for sample in self._samples) and split != "val":
            what, remedy = "a person's box", "annotate some"
            if split != "train":
                if people_source(cfg) in ("blobs", "detector"):
                    what, remedy = "a person who was found", "set THERMAL.PEOPLE annotated"
                else:
                    remedy += ", set THERMAL.PEOPLE blobs to find people"
                remedy += ", name detected people by THERMAL.TEST_DETECTIONS, or set TEST.ENABLE False to train without"
            raise InputError(f"{where} has {what}, so there is nothing to {purpose} on: {remedy}.")
        self._configure(cfg, split)
        logger.info(
            "%s: keyframes: %d, boxes: %d (%d cut at the image's edge, %d outside it dropped, %d joined to a person's first "
            "one), recordings: %d.",
            split, len(self), sum(len(b) for _, b, _ in self._samples),
            annotations.num_clipped, annotations.num_dropped, len(annotations.joined), len(self.recordings),
        )  # fmt: skip

    def _read_annotations(self, paths: list[Path]) -> Annotations:
        return load_annotations(paths)

    def _find_people(self, cfg, follow: Follow) -> Detections:
        if people_source(cfg) in ("blobs", "detector"):
            return people_at(self.keyframes, self._cache, follow)
        sizes = {recording.name: (recording.height, recording.width) for recording in self._cache}
        path = Path(cfg.THERMAL.TEST_DETECTIONS)
        return load_detections(path, self.keyframes, sizes, cfg.AVA.DETECTION_SCORE_THRESH)

    def _configure(self, cfg, split: str) -> None:
        """Takes over what clips are made like."""
        node = cfg.THERMAL
        self._device = _device(cfg)
        self._seed = cfg.RNG_SEED
        self._batch_size = cfg.TRAIN.BATCH_SIZE
        self._clip_frames = ClipFrames.from_config(cfg)
        self.keyframe_position = node.KEYFRAME_POSITION
        self._planes = planes(node.CHANNELS)
        self._difference = 1000 * node.DIFFERENCE_SECONDS
        self._backgrounds: dict[str, torch.Tensor] = {}
        self._person_crops = node.PERSON_CROPS.ENABLE
        self._window = tuple(node.TEMPERATURE_RANGE)
        self._input_size = tuple(node.INPUT_SIZE)
        self._max_objects = cfg.IA.MAX_OBJECTS
        self._augmentation = Augmentation.from_config(node.AUG) if split == "train" else None
        self._enlarge = np.array(node.TEST_BOX_ENLARGE, np.float32) if split != "train" else np.zeros(2, np.float32)

    def _open_recordings(self, folder: Path, cfg) -> None:
        check_folder(folder)
        node = cfg.THERMAL
        packet_length = node.PACKET_LENGTH if node.REPAIR_FRAMES else None
        settings = (tuple(node.VALID_RANGE), node.FILL_TEMPERATURE, node.UNIT, packet_length)
        recordings = {name: Recording(folder / f"{name}.h5", *settings) for name in self.recordings}
        for fault in chain(size_faults(recordings.values()), frame_faults(self.keyframes, recordings)):
            raise fault
        if node.CLIP_SECONDS or "difference" in node.CHANNELS:
            for recording in recordings.values():
                check_order(recording)
        max_bytes = int(node.CACHE_GIB * 2**30 / max(num_workers(cfg), 1))
        self._cache = RecordingCache(list(recordings.values()), max_bytes, _device(cfg))

    def __len__(self) -> int:
        return len(self._samples)

    def keyframe(self, index: int) -> Keyframe:
        """The keyframe of sample `index`."""
        return self._samples[index][0]

    def sample(self, index: int) -> tuple[Keyframe, np.ndarray, np.ndarray]:
        """The keyframe of sample `index`, (R, 4) the boxes of its people, annotated or detected, and (R, C) their labels."""
        return self._samples[index]

    def sample_weights(self, power: float) -> np.ndarray:
        """(len(self),) float64: n ** -power where n is the number of boxes of the sample's rarest class."""
        rarest = [self.class_counts[labels.any(0)].min() for _, _, labels in self._samples]
        return np.array(rarest, np.float64) ** -power

    def files(self) -> list[Recording]:
        """The recordings, not decoded by being listed."""
        return list(self._cache)

    def temperatures(self, recording: str, indices: np.ndarray) -> np.ndarray:
        """(K, H, W) float32 degrees Celsius of a recording's frames at `indices` (K,); beyond its ends these repeat."""
        return self._cache[recording].read(indices).cpu().numpy()

    def timestamps(self, recording: str) -> np.ndarray:
        """(N,) int64 milliseconds of the N frames of a recording."""
        return self._cache.timestamps(recording)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple:
        """One clip with its people.

        Args:
            key: the sample's index; or the index and the place in the stream of training clips, on which its
                augmentation then depends instead of on chance, and with the clips of its batch the size of its crop.

        Returns:
            PySlowFast's tuple of
            inputs: [slow, fast] float32 tensors (S, T, H, W), for a crop that the batch shares with the pixels of
            the crop, of the S planes that THERMAL.CHANNELS needs (see `channels.planes`; one, the temperature, by default),
            temperatures scaled to [0, 1], on the CPU, or on the run's device for SPEED.RECORDINGS_ON_DEVICE;
            labels: (R, C) float32, 1 for a person's actions;
            index: of the sample;
            extra: "boxes" (R, 4) in pixels of the network's input, or of the clip for THERMAL.PERSON_CROPS, "ori_boxes"
            (R, 4) divided by the image size, both x1, y1, x2, y2; "metadata" R times [place of the recording, timestamp in
            ms]; "objects" (IA.MAX_OBJECTS, 4) like "boxes", zero rows for no object (see `object_boxes`); for the training
            of person crops "view" (4,), by which `PersonCrops` changes the windows of the clip.
        """
        index, place = key if isinstance(key, tuple) else (key, None)
        keyframe, boxes, labels = self._samples[index]
        metadata = [self._place[keyframe.recording], keyframe.timestamp]
        return self._clip(index, place, self._cache[keyframe.recording], keyframe, boxes, labels, metadata)

    def _clip(
        self,
        index: int,
        place: int | None,
        recording: Recording,
        keyframe: Keyframe,
        ori_boxes: np.ndarray,
        labels: np.ndarray,
        metadata: list[int],
    ) -> tuple:
        """What `__getitem__` gives for (R, 4) relative boxes and (R, C) labels of the people of a recording's keyframe."""
        boxes, objects, shift, slow_start = ori_boxes, keyframe.objects, 0, 0
        if self._augmentation:
            rng, batch_rng = self._generators(place)
            shift, slow_start = self._augmentation.sample_times(rng, self._clip_frames.slow_stride)

        slow, fast = self._clip_frames(recording.timestamps, keyframe.frame_index, shift, slow_start)
        frames = self._read(recording, np.concatenate([slow, fast]))
        if self._augmentation:
            frames, boxes, objects = self._augmentation(frames, boxes, objects, rng, batch_rng)

        low, high = self._window
        frames = frames.to(self._device).sub(low).mul_(1 / (high - low)).clamp_(0, 1)
        clip = self._arrange(frames, len(slow) + len(fast))
        size = frames.shape[1:] if self._person_crops else self._input_size
        extra = {
            "boxes": _to_pixels(boxes, size, self._enlarge),
            "ori_boxes": ori_boxes,
            "metadata": [metadata] * len(boxes),
            "objects": self._pad_objects(objects, size),
        }
        if self._augmentation and self._person_crops:
            extra["view"] = self._augmentation.sample_view(rng)
        return pack_sample([clip[:, : len(slow)], clip[:, len(slow) :]], labels, index, extra)

    def _read(self, recording: Recording, indices: np.ndarray) -> torch.Tensor:
        """The K frames at `indices`, then K a moment earlier and one of the background as far as the channels need them."""
        wanted = [indices]
        if "earlier" in self._planes:
            wanted.append(nearest_frames(recording.timestamps, recording.timestamps[indices] - self._difference))
        frames = recording.read(np.concatenate(wanted))
        if "background" not in self._planes:
            return frames
        return torch.cat([frames, self._background(recording)[None]])

    def _background(self, recording: Recording) -> torch.Tensor:
        """(H, W) of a recording, see `background`."""
        if recording.name not in self._backgrounds:
            self._backgrounds[recording.name] = background(recording)
        return self._backgrounds[recording.name]

    def _arrange(self, frames: torch.Tensor, count: int) -> torch.Tensor:
        """What `_read` gave for `count` frames, as planes (S, K, H, W)."""
        if len(self._planes) == 1:
            return frames[None]
        return torch.stack([plane.expand(count, -1, -1) for plane in frames.split(count)])

    def _generators(self, place: int | None) -> tuple[np.random.Generator, np.random.Generator | None]:
        """The generators of a clip's augmentation and of its batch's, from its place in the stream; else a random one."""
        if place is None:
            return np.random.default_rng(torch.randint(2**62, ()).item()), None
        batch = place // self._batch_size
        return np.random.default_rng((self._seed, place)), np.random.default_rng((self._seed, batch, 1))

    def _pad_objects(self, objects: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The best of (Q, 4) relative boxes as (IA.MAX_OBJECTS, 4) in pixels of an image of this size."""
        padded = np.zeros((self._max_objects, 4), np.float32)
        best = objects[: self._max_objects]
        padded[: len(best)] = _to_pixels(best, size, np.zeros(2, np.float32))
        return padded


def _device(cfg) -> torch.device:
    """Where clips are cut."""
    on_device = cfg.SPEED.RECORDINGS_ON_DEVICE and cfg.NUM_GPUS
    return torch.device("cuda", torch.cuda.current_device()) if on_device else torch.device("cpu")


def _to_pixels(boxes: np.ndarray, size: tuple[int, int], enlarge: np.ndarray) -> np.ndarray:
    """(R, 4) relative boxes, enlarged by fractions of width and height, in pixels of an image of this height and width."""
    if enlarge.any():
        margin = (boxes[:, 2:] - boxes[:, :2]) * enlarge / 2
        boxes = np.clip(np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1), 0, 1)
    height, width = size
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
