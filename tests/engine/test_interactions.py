"""Training and testing with interactions and memory."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.engine import train as engine_train
from slowfast_thermal.engine.launch import check_run
from slowfast_thermal.engine.test import evaluate, prepare_evaluation
from slowfast_thermal.errors import InputError
from slowfast_thermal.models import ThermalSlowFast

# Everything that interactions can do, in a small size.
INTERACTIONS = (
    "IA.ENABLE True IA.BLOCKS ['P','O','M'] IA.DIM_INNER 16 IA.DIM_OUT 320 IA.MEMORY_WINDOW [20,20] IA.ZERO_INIT False "
    "IA.LR_FACTOR 1.0 IA.CLASSIFIER projection"
).split()


@pytest.fixture(scope="module")
def data_with_objects(synthetic_data, tmp_path_factory):
    """The synthetic data set; every second keyframe has objects."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "frames").symlink_to(synthetic_data / "frames")
    (folder / "annotations").mkdir()
    for path in (synthetic_data / "annotations").iterdir():
        document = json.loads(path.read_text())
        for image in document["images"][::2]:
            image["objects"] = [{"bbox": [0.3, 0.6, 0.2, 0.3]}, {"bbox": [0.7, 0.5, 0.3, 0.4], "score": 0.5}]
        (folder / "annotations" / path.name).write_text(json.dumps(document))
    return folder


def scores_by_person(evaluation):
    """Scores of all classes by keyframe and box."""
    found = {}
    for keyframe in evaluation.detections[0]:
        for box, label, score in zip(*(part[keyframe] for part in evaluation.detections)):
            found.setdefault((keyframe, *box), {})[label] = score
    return {person: torch.tensor([score for _, score in sorted(of.items())]) for person, of in sorted(found.items())}


def evaluate_random_network(cfg):
    torch.manual_seed(0)
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return scores_by_person(evaluate(model, prepare_evaluation(cfg, "test"), cfg, "test"))


def test_scores_do_not_depend_on_batch_size_or_order_of_the_keyframes(data_with_objects, small_config, tmp_path):
    expected = evaluate_random_network(small_config(data_with_objects, *INTERACTIONS))
    assert len(expected) > 5
    assert (torch.stack(list(expected.values())).std(0) > 1e-3).any()

    backwards = tmp_path / "backwards"
    (backwards / "annotations").mkdir(parents=True)
    (backwards / "frames").symlink_to(data_with_objects / "frames")
    for path in (data_with_objects / "annotations").iterdir():
        document = json.loads(path.read_text())
        document["images"].reverse()
        (backwards / "annotations" / path.name).write_text(json.dumps(document))

    for data, batch_size in ((data_with_objects, 1), (data_with_objects, 5), (backwards, 4)):
        found = evaluate_random_network(small_config(data, *INTERACTIONS, "TEST.BATCH_SIZE", batch_size))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_person_is_judged_by_the_seconds_in_the_window_and_by_no_others(handmade_data, small_config):
    """Keyframes 15 s apart with clips of 9.6 s: no clip shows what another one does."""
    keyframes = range(40, 460, 100)
    rng = np.random.default_rng(0)
    handmade_data.frames = {"A": rng.uniform(15, 30, (500, 8, 12)).astype(np.float32)}
    handmade_data.timestamps = {"A": 150 * np.arange(500)}
    images = [{"id": f"A_{i}", "sensor_id": "A", "timestamp": 150 * i, "frame_idx": i} for i in keyframes]
    boxes = [{"image_id": image["id"], "bbox": [0.5, 0.5, 0.25, 0.5], "category_id": 0} for image in images]
    handmade_data.document.update(images=images, annotations=boxes)
    settings = [*INTERACTIONS, "MODEL.NUM_CLASSES", 2, "IA.MEMORY_WINDOW", "[20,35]"]

    def score(folder_name):
        handmade_data.folder = handmade_data.folder.with_name(folder_name)
        return torch.stack(list(evaluate_random_network(small_config(handmade_data.write(), *settings)).values()))

    before = score("before")
    handmade_data.frames["A"][210:271] = 29  # the clip of the third keyframe
    after = score("after")
    changed = (after - before).abs().max(1).values > 1e-6
    assert changed.tolist() == [True, True, True, True, False]


def test_the_backbone_runs_once_a_clip(data_with_objects, small_config, monkeypatch):
    clips = []
    features = ThermalSlowFast.features

    def count(self, inputs):
        clips.append(len(inputs[0]))
        return features(self, inputs)

    monkeypatch.setattr(ThermalSlowFast, "features", count)
    cfg = small_config(data_with_objects, *INTERACTIONS)
    evaluate_random_network(cfg)
    assert sum(clips) == len(prepare_evaluation(cfg, "test").dataset)


def test_training_and_evaluation_never_share_memory(data_with_objects, small_config, monkeypatch):
    memories = []
    new_memory = ThermalSlowFast.new_memory

    def collect(self, *arguments):
        memories.append(new_memory(self, *arguments))
        return memories[-1]

    monkeypatch.setattr(ThermalSlowFast, "new_memory", collect)
    cfg = small_config(data_with_objects, *INTERACTIONS, "SOLVER.MAX_EPOCH", 2)
    engine_train.train(cfg)

    def remembered(memory):
        state = memory.state_dict()
        return {(state["recordings"][place], timestamp) for place, timestamp in state["keyframes"].tolist()}

    def annotated(split):
        images = json.loads((data_with_objects / "annotations" / f"{split}.json").read_text())["images"]
        return {(image["sensor_id"], image["timestamp"]) for image in images}

    training, *evaluations = map(remembered, memories)
    assert training and training <= annotated("train")
    assert evaluations == [annotated("val")] * 2


def test_a_stopped_run_ends_with_the_same_weights_and_memory_as_one_that_was_not(
    data_with_objects, small_config, monkeypatch, tmp_path
):
    def load(name):
        fixed = [*INTERACTIONS, "SOLVER.MAX_EPOCH", 3, "OUTPUT_DIR", tmp_path / name, "IA.DROPOUT", 0.3]
        return small_config(data_with_objects, *fixed)

    def last(name):
        return torch.load(tmp_path / name / "checkpoints" / "checkpoint_epoch_00003.pyth", weights_only=True)

    engine_train.train(load("whole"))
    save = engine_train._save

    def save_and_stop(state, path, cfg):
        save(state, path, cfg)
        if path.name == "checkpoint_epoch_00001.pyth":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(engine_train, "_save", save_and_stop)
        engine_train.train(load("stopped"))
    torch.manual_seed(99)
    engine_train.train(load("stopped"))
    whole, stopped = last("whole"), last("stopped")
    assert len(whole["memory_state"]["features"]) > 10
    assert stopped["memory_state"].pop("recordings") == whole["memory_state"].pop("recordings")
    for key in ("model_state", "optimizer_state", "memory_state", "best_map"):
        torch.testing.assert_close(stopped[key], whole[key], rtol=0, atol=0)


def test_blocks_that_cannot_be_connected_are_found_before_the_run_starts(data_with_objects, small_config):
    cfg = small_config(data_with_objects, *INTERACTIONS, "IA.STRUCTURE", "parallel")
    with pytest.raises(InputError, match=r"IA\.BLOCKS \['P', 'O', 'M'\] cannot be built: .* list of layers"):
        check_run(cfg)
    assert not Path(cfg.OUTPUT_DIR).exists()
