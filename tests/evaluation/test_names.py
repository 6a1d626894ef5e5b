"""Names that files, figures and pictures have to hold as they are."""

from pathlib import Path

import numpy as np
import pytest

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.baselines import compare_with
from slowfast_thermal.evaluation.report import write_report
from slowfast_thermal.evaluation.results import read_predictions, write_results

NAMES = ['"', '"A"', "a'b\"c", "%s%d{0}", "$x_$", "ünïcödé立つ", "[A]*", "-x", ".", "x" * 250]


@pytest.mark.parametrize("recording", NAMES)
def test_a_name_of_a_recording_is_the_same_everywhere(
    handmade_data, small_config, evaluate_scores, tmp_path, recording
):
    for part in (handmade_data.frames, handmade_data.timestamps):
        part[recording] = part.pop("A")
    for image in handmade_data.document["images"]:
        image["sensor_id"] = image["sensor_id"].replace("A", recording)
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)
    assert_perfect_scores_are_found(Thermal(cfg, "test"), evaluate_scores, cfg, tmp_path)


@pytest.mark.parametrize(
    "name", ["falling, lying", "100 % still", "%s", "$x_$ \\frac", "it's", "x" * 300, "ﬁ é ½", "a|b"]
)
def test_a_name_of_a_class_is_the_same_everywhere(handmade_data, small_config, evaluate_scores, tmp_path, name):
    handmade_data.document["categories"][0]["name"] = name
    cfg = small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2)
    dataset = Thermal(cfg, "test")
    evaluation = assert_perfect_scores_are_found(dataset, evaluate_scores, cfg, tmp_path)
    assert list(evaluation.class_ap) == [name, "lying"]
    Path(cfg.OUTPUT_DIR).mkdir()
    wrong = evaluate_scores(dataset, np.tile([0.25, 0.75], (4, 1)), cfg)
    write_report(compare_with({}, wrong, cfg), dataset, Path("last.pyth"), cfg)


def assert_perfect_scores_are_found(dataset, evaluate_scores, cfg, tmp_path):
    scores = np.concatenate([labels for _, labels, *_ in (dataset[index] for index in range(len(dataset)))])
    evaluation = evaluate_scores(dataset, scores, cfg)
    assert evaluation.mean_ap == 1
    write_results(compare_with({}, evaluation, cfg), tmp_path)
    boxes, _, _ = read_predictions(tmp_path / "predictions.csv", dataset)
    assert boxes.keys() == evaluation.groundtruth[0].keys()
    return evaluation
