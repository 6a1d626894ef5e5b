"""Simulated clips stand for real ones: the same tuple, from the seed and the place in the stream alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import construct_train_loader
from slowfast_thermal.engine.launch import check_run
from slowfast_thermal.engine.train import train
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import unpack_batch
from slowfast_thermal.simulation.dataset import ThermalSimulated
from slowfast_thermal.simulation.parameters import PRIORS
from tests.conftest import CONFIGS


@pytest.fixture
def config(tmp_path):
    """Gives SIMULATED.yaml with further overrides."""

    def load(data, *overrides: object):
        fixed = ["DATA.PATH_TO_DATA_DIR", data, "OUTPUT_DIR", tmp_path / "run", "TRAIN.BATCH_SIZE", 4]
        return load_config(str(CONFIGS / "SIMULATED.yaml"), [str(value) for value in [*fixed, *overrides]])

    return load


SHARED = ("THERMAL.SIMULATION.SHARE", 0.5, "MODEL.NUM_CLASSES", 8)
TO_OWN = ("THERMAL.SIMULATION.CLASS_MAP", [["standing", "standing"], ["lying down-lying with risk", "lying"]])


def test_a_clip_has_the_form_of_a_real_one(synthetic_data, config):
    cfg = config(synthetic_data, *SHARED, *TO_OWN, "THERMAL.CHANNELS", ["less_background", "difference"])
    simulated, real = ThermalSimulated(cfg)[0, 3], Thermal(cfg, "train")[0, 3]
    (clip, labels, index, extra), (clip_, labels_, index_, extra_) = unpack_batch(simulated), unpack_batch(real)
    assert [(part.shape, part.dtype) for part in clip] == [(part.shape, part.dtype) for part in clip_]
    assert all(0 <= part.min() and part.max() <= 1 for part in clip)
    assert labels.shape[1:] == labels_.shape[1:] and labels.dtype == labels_.dtype and index == index_
    assert extra.keys() == extra_.keys()
    for name, values in extra.items():
        assert np.shape(values)[1:] == np.shape(extra_[name])[1:]
        assert name == "metadata" or values.dtype == extra_[name].dtype
    assert len(labels) == len(extra["boxes"]) and (labels.sum(1) == 1).all()


def test_a_clip_depends_on_the_seed_and_its_place_alone(synthetic_data, config):
    def clip(seed: int, places: list[int]) -> torch.Tensor:
        dataset = ThermalSimulated(config(synthetic_data, "RNG_SEED", seed))
        return [dataset[0, place][0][1] for place in places][-1]

    wanted = clip(0, [7])
    assert torch.equal(clip(0, [0, 6, 30, 7]), wanted)
    assert not torch.equal(clip(0, [8]), wanted) and not torch.equal(clip(1, [7]), wanted)


def test_workers_make_the_clips_that_one_process_makes(synthetic_data, config):
    batches = []
    for workers in (0, 2):
        cfg = config(synthetic_data, "SOLVER.EPOCH_ITERS", 3, "DATA_LOADER.NUM_WORKERS", workers)
        batches.append([inputs[1] for inputs, *_ in construct_train_loader(cfg, ThermalSimulated(cfg), 0, 1)])
    assert len(batches[0]) == 3
    assert all(torch.equal(one, other) for one, other in zip(*batches))


def test_a_share_of_the_clips_is_simulated_and_the_rest_is_real(synthetic_data, config):
    cfg = config(synthetic_data, *SHARED, *TO_OWN)
    dataset, real = ThermalSimulated(cfg), Thermal(cfg, "train")
    assert dataset.classes == real.classes and len(dataset) == len(real)
    are_real = [torch.equal(dataset[0, place][0][1], real[0, place][0][1]) for place in range(40)]
    assert 8 <= sum(are_real) <= 32


def test_a_map_renames_classes_and_leaves_out_those_it_does_not_name(synthetic_data, config):
    pairs = [["standing", "up"], ["walking", "up"], ["lying down-lying with risk", "down"]]
    cfg = config(synthetic_data, "THERMAL.SIMULATION.CLASS_MAP", pairs, "MODEL.NUM_CLASSES", 2)
    dataset = ThermalSimulated(cfg)
    assert dataset.classes == ["up", "down"]
    labels = np.concatenate([np.asarray(dataset[0, place][1]) for place in range(20)])
    assert labels.shape[1] == 2 and (labels.sum(0) > 0).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["SOLVER.EPOCH_ITERS", 0], "simulated clips have no end"),
        (["MODEL.NUM_CLASSES", 3], "set MODEL.NUM_CLASSES 14, or say by THERMAL.SIMULATION.CLASS_MAP"),
        (
            ["THERMAL.SIMULATION.CLASS_MAP", [["flying", "up"], ["other", "down"]], "MODEL.NUM_CLASSES", 2],
            "maps 'flying'",
        ),
        (
            ["THERMAL.SIMULATION.CLASS_MAP", [["standing", "up"], ["standing", "down"]], "MODEL.NUM_CLASSES", 2],
            "no simulated class twice",
        ),
        (["IA.ENABLE", True, "IA.FUSION", "concat", "IA.BLOCKS", ["P", "M"]], "simulated clips have no past"),
    ],
)
def test_what_does_not_fit_is_named(synthetic_data, config, overrides, message):
    with pytest.raises(InputError, match=message):
        ThermalSimulated(config(synthetic_data, *overrides))


def test_other_classes_than_simulated_ones_need_a_map(handmade_data, config):
    handmade_data.document["categories"] = [{"id": 0, "name": "up"}, {"id": 1, "name": "down"}]
    cfg = config(handmade_data.write(), "THERMAL.SIMULATION.SHARE", 0.5, "MODEL.NUM_CLASSES", 2)
    with pytest.raises(InputError, match="No simulated class is among up, down"):
        ThermalSimulated(cfg)


def test_alone_they_have_the_classes_of_the_test_annotations_in_their_order(handmade_data, config):
    handmade_data.document["categories"] = [{"id": i, "name": name} for i, name in enumerate(["up", "away", "down"])]
    folder = handmade_data.write()

    def classes(pairs: list, number: int) -> list[str]:
        overrides = ["THERMAL.SIMULATION.CLASS_MAP", pairs, "MODEL.NUM_CLASSES", number]
        return ThermalSimulated(config(folder, *overrides)).classes

    assert classes([["lying down-lying with risk", "down"], ["standing", "up"]], 3) == ["up", "away", "down"]
    assert classes([["lying down-lying with risk", "low"], ["standing", "up"]], 2) == ["low", "up"]


def test_annotations_of_other_classes_need_a_map_to_be_tested_on(synthetic_data, config):
    annotations = Path(synthetic_data) / "annotations" / "val.json"
    document = json.loads(annotations.read_text())
    document["categories"] = [{"id": number, "name": f"class {number}"} for number in range(14)]
    others = Path(config(synthetic_data).OUTPUT_DIR).parent / "others.json"
    others.write_text(json.dumps(document))
    with pytest.raises(
        InputError, match="others.json'] list other categories than simulated people have: say by THERMAL"
    ):
        check_run(config(synthetic_data, "THERMAL.TEST_ANNOTATIONS", [str(others)]))


@pytest.mark.parametrize(("position", "end"), [(0.0, -1), (1.0, 0)])
def test_a_clip_is_seen_to_its_end_wherever_its_keyframe_lies(synthetic_data, config, position, end):
    cfg = config(synthetic_data, "THERMAL.KEYFRAME_POSITION", position, "THERMAL.CLIP_SECONDS", 8.0)
    dataset = ThermalSimulated(cfg)
    clips = [dataset[0, place][0][1][0] for place in range(16)]
    # A sensor that pauses repeats a frame now and then.
    assert sum(torch.equal(fast[end], fast[1 if end == 0 else end - 1]) for fast in clips) <= 4


def test_simulated_clips_alone_come_as_often_as_each_other(synthetic_data, config):
    cfg = config(synthetic_data, "THERMAL.CLASS_SAMPLING_POWER", 0.5, "SOLVER.EPOCH_ITERS", 2)
    assert len(list(construct_train_loader(cfg, ThermalSimulated(cfg), 0, 1))) == 2


def test_the_configuration_knows_all_priors(synthetic_data, config):
    for name in PRIORS:
        assert config(synthetic_data, "THERMAL.SIMULATION.PRIOR", name).THERMAL.SIMULATION.PRIOR == name


def test_a_network_trains_on_simulated_people_among_real_ones(synthetic_data, config):
    cfg = config(synthetic_data, *SHARED, *TO_OWN, "SOLVER.EPOCH_ITERS", 2, "SOLVER.MAX_EPOCH", 1)
    check_run(cfg)
    train(cfg)
    assert list((Path(cfg.OUTPUT_DIR) / "checkpoints").glob("*.pyth"))
