"""The exported detector of people against the detector."""

import pickle
import shutil

import numpy as np
import pytest
import torch

from slowfast_thermal.engine import prediction
from slowfast_thermal.errors import InputError
from slowfast_thermal.export.folder import write_settings
from slowfast_thermal.export.people_graph import BOX_TOLERANCE, largest_people_difference, write_people_onnx
from slowfast_thermal.export.session import PEOPLE, SETTINGS, open_people
from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.people.detector import MAX_PEOPLE, DetectorFinder, most_likely
from tests.conftest import CONFIGS


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(0)
    network = PersonDetector(48, [4, 8, 8, 8, 8], 32).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.nn.init.normal_(network.head.classification_head.cls_logits.weight, std=0.5)
    torch.nn.init.zeros_(network.head.classification_head.cls_logits.bias)
    torch.nn.init.normal_(network.head.regression_head.bbox_reg.weight, std=0.2)
    return network


@pytest.fixture(scope="module")
def folder(detector, tmp_path_factory):
    """One with a detector, and nothing to score people by."""
    path = tmp_path_factory.mktemp("people")
    write_people_onnx(detector, path / PEOPLE)
    write_settings({"classes": ["a"], "configuration": {}, "detector_frame_size": [40, 60]}, path)
    return path


def test_the_graph_finds_the_detectors_people_in_frames_of_any_size(detector, folder):
    run = open_people(folder)
    box, score = largest_people_difference(detector, run)
    assert box < BOX_TOLERANCE and score < 1e-4
    frames = np.random.default_rng(1).normal(0, 3, (1, 3, 50, 70)).astype(np.float32)
    (expected,), (found,) = detector.find_people(frames), run(frames)
    assert len(expected[0]) > 5
    np.testing.assert_allclose(found[0], expected[0], atol=BOX_TOLERANCE)


def test_a_predictor_takes_the_detector_of_a_folder_also_to_other_processes(detector, folder, monkeypatch):
    monkeypatch.setattr(prediction, "ExportedNetwork", lambda *_: None)
    configuration = str(CONFIGS / "SIMULATED.yaml")
    predictor = prediction.Predictor.from_checkpoint(configuration, str(folder))
    assert isinstance(predictor.finder(), DetectorFinder)
    frames = np.random.default_rng(1).normal(0, 3, (1, 3, 40, 60)).astype(np.float32)
    ((found, _),) = pickle.loads(pickle.dumps(predictor.detector)).find_people(frames)
    np.testing.assert_allclose(found, detector.find_people(frames)[0][0], atol=BOX_TOLERANCE)
    with_blobs = prediction.Predictor.from_checkpoint(configuration, str(folder), ["THERMAL.PEOPLE", "blobs"])
    assert with_blobs.detector is None


def test_a_folder_without_a_detector_has_none(folder, tmp_path):
    assert open_people(tmp_path) is None
    shutil.copy(folder / SETTINGS, tmp_path)
    with pytest.raises(InputError, match="people.onnx does not exist: copy the whole folder"):
        open_people(tmp_path)


def test_of_boxes_that_overlap_the_better_one_is_a_person():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [5, 5, 5, 5], [5, 5, 5, 5]], np.float32)
    found, scores = most_likely(boxes, np.array([0.5, 0.9, 0.3, 0.2, 0.01]))
    np.testing.assert_array_equal(found, boxes[[1, 2, 3]])
    np.testing.assert_array_equal(scores, [0.9, 0.3, 0.2])
    many = np.arange(100)[:, None] * 20 + np.array([[0, 0, 10, 10]])
    assert len(most_likely(many, np.full(100, 0.5))[0]) == MAX_PEOPLE
