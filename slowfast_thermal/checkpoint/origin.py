"""What a checkpoint says of the run that wrote it, and in what another run differs from that one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from fvcore.common.config import CfgNode

from slowfast_thermal.config_values import leaves

# What a run sets itself, or where it is; neither changes what is learned.
_SET_BY_THE_RUN = {"OUTPUT_DIR", "SHARD_ID"} | {
    f"AVA.{name}"
    for name in (
        "ANNOTATION_DIR",
        "EXCLUSION_FILE",
        "FRAME_LIST_DIR",
        "GROUNDTRUTH_FILE",
        "LABEL_MAP_FILE",
        "TEST_LISTS",
        "TRAIN_LISTS",
    )
}


@dataclass(frozen=True)
class Labels:
    """The labels that a run trains on or tests on.

    Attributes:
        files: SHA-256 of the annotation files.
        recordings: patterns of the recordings whose keyframes are taken.
    """

    files: frozenset[str]
    recordings: tuple[str, ...]


def learns_from_labels(cfg) -> bool:
    """Whether a run trains on annotations at all: simulated clips alone need none."""
    return not (cfg.TRAIN.DATASET == "thermal_simulated" and cfg.THERMAL.SIMULATION.SHARE == 1)


def fingerprints(cfg) -> dict[str, str]:
    """SHA-256 of each annotation file of a run, by its name in the configuration."""
    root = Path(cfg.DATA.PATH_TO_DATA_DIR)
    names = [*cfg.THERMAL.TRAIN_ANNOTATIONS, *cfg.THERMAL.TEST_ANNOTATIONS]
    # A run without validation may name a file for it that there is not.
    return {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names if (root / name).is_file()}


def learned_labels(content: Mapping[str, object]) -> Labels | None:
    """What the run that wrote a checkpoint trained on; None where it took no label, or the checkpoint does not tell."""
    try:
        cfg = CfgNode(yaml.safe_load(content["cfg"]))
        return labels_of(cfg, "TRAIN", content["data"]) if learns_from_labels(cfg) else None
    except Exception:  # which one depends on what the file holds
        return None


def labels_of(cfg, part: str, data: Mapping[str, str]) -> Labels:
    """What a run trains on or tests on.

    Args:
        cfg: of the run.
        part: "TRAIN" or "TEST".
        data: the `fingerprints` of its files.
    """
    names, recordings = cfg.THERMAL[f"{part}_ANNOTATIONS"], cfg.THERMAL[f"{part}_RECORDINGS"]
    return Labels(frozenset(data[name] for name in names if name in data), tuple(recordings))


def differing_data(recorded: dict[str, str] | None, data: dict[str, str]) -> list[str]:
    """The annotation files in which two runs differ, each with how; nothing is known of a checkpoint that names none."""
    if recorded is None:
        return []
    others = {
        **{name: f"'{name}' was not used there" for name in data.keys() - recorded.keys()},
        **{name: f"'{name}' is not used here" for name in recorded.keys() - data.keys()},
        **{
            name: f"'{name}' had other content"
            for name in data.keys() & recorded.keys()
            if data[name] != recorded[name]
        },
    }
    return [others[name] for name in sorted(others)]


def differing_settings(recorded: str, cfg) -> dict[str, str]:
    """By key in what two configurations differ, with both values; keys that only one of them has are left out."""
    try:
        there = yaml.safe_load(recorded)
    except yaml.YAMLError:
        there = None
    if not isinstance(there, dict):
        return {"": "its configuration cannot be read"}
    there, here = leaves(there), leaves(yaml.safe_load(cfg.dump()))
    return {
        key: f"{key} was {there[key]} and is {here[key]}"
        for key in here
        if key in there and there[key] != here[key] and key not in _SET_BY_THE_RUN
    }
