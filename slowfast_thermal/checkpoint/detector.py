"""A trained detector of people from its checkpoint alone, which says what network it is."""

from pathlib import Path

import torch
import yaml

from slowfast_thermal.checkpoint.training_state import load_weights, read_checkpoint
from slowfast_thermal.errors import InputError
from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.user_input import is_file


def load_detector(path: Path, device: torch.device) -> PersonDetector:
    """The network of a detector's checkpoint, in evaluation mode.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    if not is_file(path):
        raise InputError(
            f"Detector '{path}' does not exist: give the .pyth file of a training with PERSON_DETECTOR.yaml."
        )
    checkpoint = read_checkpoint(path)
    try:
        node = yaml.safe_load(checkpoint["cfg"])["THERMAL"]["DETECTOR"]
        network = PersonDetector(node["HEIGHT"], node["WIDTHS"], node["DIM"])
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        node = None
    if node is None or "frame_size" not in checkpoint["model_state"]:
        raise InputError(
            f"{path} is no detector of people: give the checkpoint of a training with configs/Thermal/PERSON_DETECTOR.yaml."
        )
    load_weights(path, checkpoint["model_state"], network)
    return network.to(device).eval()
