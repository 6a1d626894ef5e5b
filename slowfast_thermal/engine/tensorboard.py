"""What TensorBoard shows of a training."""

import itertools
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.confusion import count_confusions, plot_confusions
from slowfast_thermal.evaluation.figures import figure_picture
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.evaluation.people import match_people
from slowfast_thermal.evaluation.pictures import draw_keyframe

# Keyframes shown at each evaluation, spread over the whole set.
_NUM_PICTURES = 4


def board_folder(cfg) -> Path:
    """Where a training writes for TensorBoard: TENSORBOARD.LOG_DIR inside OUTPUT_DIR."""
    return Path(cfg.OUTPUT_DIR) / (cfg.TENSORBOARD.LOG_DIR or "tensorboard")


class TrainingBoard:
    """Writes loss, accuracy, learning rate, mAP, AP of each class, the confusion matrix, and keyframes with their predictions.

    Writes to TENSORBOARD.LOG_DIR inside OUTPUT_DIR, or nothing without TENSORBOARD.ENABLE.
    """

    def __init__(self, cfg):
        self._writer = None
        if cfg.TENSORBOARD.ENABLE:
            self._writer = SummaryWriter(board_folder(cfg))

    def add_training(self, iteration: int, loss: float, learning_rate: float, top1: float) -> None:
        """`iteration` counts from the start of the run; `top1` is the share of people whose highest class was right."""
        if self._writer:
            self._writer.add_scalar("Train/loss", loss, iteration)
            self._writer.add_scalar("Train/lr", learning_rate, iteration)
            self._writer.add_scalar("Train/top1", top1, iteration)

    def add_evaluation(self, epoch: int, evaluation: Evaluation, dataset: Thermal) -> None:
        """`dataset` holds the evaluated keyframes."""
        if not self._writer:
            return
        if evaluation.json_map is not None:
            self._writer.add_scalar("Val/mAP", evaluation.json_map, epoch)
        for name, ap in evaluation.class_ap.items():
            if ap is not None:
                self._writer.add_scalar(f"Val/AP/{name}", ap, epoch)
        people = [match_people(keyframe, evaluation.detections) for keyframe in dataset.keyframes]
        counts = count_confusions(itertools.chain(*people), len(dataset.classes))
        figure = plot_confusions(counts, dataset.classes, normalized=False)
        self._add_picture("Val/confusion", figure_picture(figure), epoch)
        step = max(len(people) // _NUM_PICTURES, 1)
        for keyframe, found in list(zip(dataset.keyframes, people))[::step][:_NUM_PICTURES]:
            self._add_picture(f"Val/{keyframe.image_id}", draw_keyframe(dataset, keyframe, found), epoch)
        self._writer.flush()

    def _add_picture(self, name: str, picture: Image.Image, epoch: int) -> None:
        self._writer.add_image(name, np.asarray(picture), epoch, dataformats="HWC")

    def close(self) -> None:
        """Ends the event file."""
        if self._writer:
            self._writer.close()
