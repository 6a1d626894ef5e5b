"""Exported networks against the networks that they were written from."""

import json
import shutil

import numpy as np
import pytest
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.engine.exported import ExportedNetwork
from slowfast_thermal.engine.test import evaluate, prepare_evaluation
from slowfast_thermal.errors import InputError
from slowfast_thermal.export import check, folder
from slowfast_thermal.export.graph import ActionGraph, GraphShapes
from slowfast_thermal.export.session import FORMATS, SETTINGS, ExportedActions, is_exported, read_settings
from tests.conftest import CONFIGS, small_overrides

INTERACTIONS = (
    "IA.ENABLE True IA.BLOCKS ['P','O','M'] IA.DIM_INNER 16 IA.DIM_OUT 320 IA.MEMORY_WINDOW [20,20] IA.ZERO_INIT False "
    "IA.MASK_ABSENT True"
).split()
CROPS = "MODEL.NUM_CLASSES 8 TEST.BATCH_SIZE 4 THERMAL.BASELINES False THERMAL.BOOTSTRAP_SAMPLES 10".split()
CROPS += ["THERMAL.BOX_FEATURES", "size_and_place"]


def build(data, output, kind):
    """A configuration, its network with random weights and statistics, and a file in the place of its checkpoint."""
    if kind == "crops":
        fixed = ["DATA.PATH_TO_DATA_DIR", str(data), "OUTPUT_DIR", str(output), *CROPS]
        cfg = load_config(str(CONFIGS / "PEOPLE_SMALL.yaml"), fixed)
    else:
        overrides = [*small_overrides(data, output), "NUM_GPUS", "0", *(INTERACTIONS if kind == "interactions" else [])]
        cfg = load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), overrides)
    torch.manual_seed(0)
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.1)
    output.mkdir(parents=True, exist_ok=True)
    checkpoint = output / "checkpoint.pyth"
    checkpoint.write_bytes(b"weights")
    return cfg, model.eval(), checkpoint


def export(data, output, kind):
    """A configuration, its network, a file in the place of its checkpoint, and the folder with its ONNX graph."""
    cfg, model, checkpoint = build(data, output, kind)
    classes = [f"class {number}" for number in range(cfg.MODEL.NUM_CLASSES)]
    folder.export_folder(output / "folder", cfg, classes, checkpoint, model)
    return cfg, model, checkpoint, output / "folder"


@pytest.fixture(scope="module")
def traced(synthetic_data, tmp_path_factory):
    """What `export` gives for a network on crops, whose graph takes seconds to trace."""
    return export(synthetic_data, tmp_path_factory.mktemp("crops"), "crops")


@pytest.fixture(scope="module", params=[pytest.param("plain", marks=pytest.mark.slow), "interactions", "crops"])
def exported(request, synthetic_data, traced, tmp_path_factory):
    """A configuration, its network, and the folder with its ONNX graph."""
    if request.param == "crops":
        cfg, model, _, path = traced
    else:
        cfg, model, _, path = export(synthetic_data, tmp_path_factory.mktemp(request.param), request.param)
    return cfg, model, path


@pytest.mark.parametrize("num_people", [0, 1, 3, 17])
@pytest.mark.parametrize("num_clips", [1, 3])
@pytest.mark.parametrize("size", [(20, 30), (31, 24)])
def test_scores_are_the_networks_for_any_number_of_people_clips_and_pixels(exported, num_people, num_clips, size):
    cfg, model, path = exported
    graph, shapes = graph_of(cfg, model)
    inputs = shapes.random(num_clips, num_people, size, num_objects=3, seed=1)
    found = ExportedActions(path)(inputs)
    assert found[0].shape == (num_people, cfg.MODEL.NUM_CLASSES)
    if not num_people:
        return
    np.testing.assert_allclose(found[0], check.scores(graph, inputs), atol=1e-4)
    assert found[0].std(0).max() > 1e-4 or num_people == 1


def test_an_evaluation_of_the_folder_gives_the_networks_scores(exported):
    cfg, model, path = exported
    loader = prepare_evaluation(cfg, "test")
    folder.write_settings({**read_settings(path), "classes": loader.dataset.classes}, path)
    expected = evaluate(model, loader, cfg, "test")
    found = evaluate(ExportedNetwork(path, cfg, loader.dataset.classes), loader, cfg, "test")
    assert found.detections[0].keys() == expected.detections[0].keys()
    for keyframe, scores in expected.detections[2].items():
        np.testing.assert_allclose(found.detections[2][keyframe], scores, atol=1e-4)
    with pytest.raises(InputError, match="has the classes"):
        ExportedNetwork(path, cfg, loader.dataset.classes[1:])
    other = cfg.clone()
    other.THERMAL.TEMPERATURE_RANGE = [0.0, 50.0]
    with pytest.raises(InputError, match="another THERMAL.TEMPERATURE_RANGE"):
        ExportedNetwork(path, other, loader.dataset.classes)


@pytest.fixture
def crops(traced, monkeypatch):
    """A network on crops that is traced already."""
    cfg, model, checkpoint, written = traced
    graph = written / "actions.onnx"
    monkeypatch.setattr(folder, "write_onnx", lambda _graph, _shapes, path, _metadata: shutil.copy(graph, path))
    return cfg, model, checkpoint


def graph_of(cfg, model):
    graph = ActionGraph(model, cfg.THERMAL.TEMPERATURE_RANGE)
    return graph, GraphShapes.of(cfg, graph)


@pytest.mark.parametrize("kind", sorted(FORMATS.keys() - {"onnx"}))
def test_other_formats_give_the_same_scores(crops, tmp_path, kind):
    cfg, model, checkpoint = crops
    done = folder.export_folder(tmp_path / "folder", cfg, ["a"] * 8, checkpoint, model, kind=kind)
    assert done.difference < 1e-4 and is_exported(tmp_path / "folder")


@pytest.mark.parametrize(("precision", "largest"), [("float16", 0.05), ("int8", 0.2)])
def test_smaller_numbers_make_a_smaller_file_and_similar_scores(crops, tmp_path, precision, largest):
    cfg, model, checkpoint = crops
    samples = [graph_of(cfg, model)[1].random(2, 4, (20, 30), seed=seed) for seed in range(20, 24)]
    whole = folder.export_folder(tmp_path / "whole", cfg, ["a"] * 8, checkpoint, model)
    done = folder.export_folder(tmp_path / "small", cfg, ["a"] * 8, checkpoint, model, None, "onnx", precision, samples)
    assert 1e-6 < done.difference < largest
    assert done.num_bytes < whole.num_bytes


def test_a_folder_that_differs_is_not_left(crops, tmp_path, monkeypatch):
    cfg, model, checkpoint = crops
    monkeypatch.setattr(check, "scores", lambda graph, inputs: np.zeros((len(inputs["boxes"]), 8)))
    with pytest.raises(InputError, match="differ from the network's by up to"):
        folder.export_folder(tmp_path / "folder", cfg, ["a"] * 8, checkpoint, model)
    assert not list(tmp_path.iterdir())


def test_a_library_that_is_missing_is_named(traced, tmp_path, monkeypatch):
    def export(*arguments, **options):
        raise ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")

    monkeypatch.setattr(torch.onnx, "export", export)
    cfg, model, checkpoint, _ = traced
    with pytest.raises(InputError, match=r"needs onnxscript: pip install onnxscript\.$"):
        folder.export_folder(tmp_path / "folder", cfg, ["a"] * 8, checkpoint, model)


_SETTINGS = {
    "classes": ["a"],
    "configuration": {"THERMAL": {"UNIT": ""}},
    "format": "onnx",
    "inputs": [],
    "memory": None,
}


@pytest.mark.parametrize(
    "changed", [{"classes": []}, {"inputs": ["slow"]}, {"configuration": {"THERMAL": {"UNIT": "kelvin"}}}]
)
def test_settings_may_be_changed_in_their_events_alone(tmp_path, changed):
    folder.write_settings(_SETTINGS, tmp_path)
    document = json.loads((tmp_path / SETTINGS).read_text())
    with_events = {**document["configuration"], "EVENTS": {"THRESHOLD": 0.5}}
    (tmp_path / SETTINGS).write_text(json.dumps({**document, "configuration": with_events}))
    assert read_settings(tmp_path).configuration.EVENTS.THRESHOLD == 0.5
    (tmp_path / SETTINGS).write_text(json.dumps({**document, **changed}))
    with pytest.raises(InputError, match="was changed, .* only configuration, EVENTS may differ"):
        read_settings(tmp_path)


def test_what_is_no_exported_folder_is_told(tmp_path):
    with pytest.raises(InputError, match="holds no settings.json"):
        ExportedActions(tmp_path)
    (tmp_path / SETTINGS).write_text("[1]")
    with pytest.raises(InputError, match="is no settings file of an exported network"):
        ExportedActions(tmp_path)
    folder.write_settings(_SETTINGS, tmp_path)
    with pytest.raises(InputError, match="actions.onnx does not exist: copy the whole folder"):
        ExportedActions(tmp_path)
    (tmp_path / "actions.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="actions.onnx cannot be run"):
        ExportedActions(tmp_path)
