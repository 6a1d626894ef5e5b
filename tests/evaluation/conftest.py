import numpy as np
import pytest
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.ava_files import export_ava_files
from slowfast_thermal.evaluation.metrics import DetectionMeter, evaluate_detections
from slowfast_thermal.evaluation.scores import to_ava_boxes

CLASSES = ["standing", "lying", "walking"]


@pytest.fixture
def evaluate_scores(tmp_path):
    """Evaluates scores (R, C) of all people of a data set, sample by sample."""

    def run(dataset, scores, cfg):
        export_ava_files(dataset, tmp_path / "ava", cfg)
        meter = DetectionMeter(1, cfg, "test")
        extras = [dataset[index][-1] for index in range(len(dataset))]
        boxes = torch.cat([torch.from_numpy(extra["ori_boxes"]) for extra in extras])
        metadata = torch.tensor([row for extra in extras for row in extra["metadata"]])
        meter.update_stats(torch.as_tensor(scores), torch.cat([torch.zeros(len(boxes), 1), boxes], 1), metadata)
        meter.finalize_metrics(log=False)
        return meter.evaluation

    return run


@pytest.fixture
def random_evaluation(synthetic_data, small_config, evaluate_scores):
    """The synthetic test set, random scores of a tenth's accuracy evaluated on it, and the configuration."""
    cfg = small_config(synthetic_data)
    dataset = Thermal(cfg, "test")
    num_people = sum(len(dataset[index][1]) for index in range(len(dataset)))
    scores = np.random.default_rng(0).random((num_people, len(dataset.classes))).round(1)
    return dataset, evaluate_scores(dataset, scores, cfg), cfg


def evaluate_rows(keyframes, labels, scores):
    """An evaluation of one person a keyframe, with (C,) labels and scores, at "recording,timestamp" in milliseconds."""
    box = np.array([[0.1, 0.1, 0.4, 0.9]])
    labels = np.where(np.asarray(labels, float) > 0, 1.0, np.nan)
    groundtruth, detections = (
        to_ava_boxes((key, box, row[None]) for key, row in zip(keyframes, np.asarray(rows, float)))
        for rows in (labels, scores)
    )
    return evaluate_detections(CLASSES, groundtruth, detections)
