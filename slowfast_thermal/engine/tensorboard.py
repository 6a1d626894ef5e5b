"""What TensorBoard shows of a training."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.evaluation.pictures import draw_predictions

# Keyframes shown at each evaluation, spread over the whole set.
_NUM_PICTURES = 4


class TrainingBoard:
    """Writes loss, learning rate, mAP, AP of each class, and keyframes with their predictions.

    Writes to TENSORBOARD.LOG_DIR inside OUTPUT_DIR, or nothing without TENSORBOARD.ENABLE.
    """

    def __init__(self, cfg):
        self._writer = None
        if cfg.TENSORBOARD.ENABLE:
            self._writer = SummaryWriter(Path(cfg.OUTPUT_DIR) / (cfg.TENSORBOARD.LOG_DIR or "tensorboard"))

    def add_training(self, iteration: int, loss: float, learning_rate: float) -> None:
        """`iteration` counts from the start of the run."""
        if self._writer:
            self._writer.add_scalar("Train/loss", loss, iteration)
            self._writer.add_scalar("Train/lr", learning_rate, iteration)

    def add_evaluation(self, epoch: int, evaluation: Evaluation, dataset: Thermal) -> None:
        """`dataset` holds the evaluated keyframes."""
        if not self._writer:
            return
        self._writer.add_scalar("Val/mAP", evaluation.mean_ap, epoch)
        for name, ap in evaluation.class_ap.items():
            if ap is not None:
                self._writer.add_scalar(f"Val/AP/{name}", ap, epoch)
        step = max(len(dataset) // _NUM_PICTURES, 1)
        for index in range(0, len(dataset), step)[:_NUM_PICTURES]:
            picture = draw_predictions(dataset, index, evaluation)
            self._writer.add_image(f"Val/{dataset.keyframe(index).image_id}", picture, epoch, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Ends the event file."""
        if self._writer:
            self._writer.close()
