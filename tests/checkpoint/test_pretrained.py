import pytest
import torch

from slowfast_thermal.checkpoint.pretrained import load_pretrained, load_trained
from slowfast_thermal.config import load_config
from slowfast_thermal.errors import InputError
from slowfast_thermal.models import ThermalSlowFast
from tests.conftest import CONFIGS

CLASSES = ["standing", "lying"]


def config(**overrides):
    """A small network of the demo's, with `NODE__KEY=value` for overrides."""
    settings = {
        "DATA.PATH_TO_DATA_DIR": ".",
        "NUM_GPUS": 0,
        "MODEL.NUM_CLASSES": len(CLASSES),
        "THERMAL.INPUT_SIZE": [32, 48],
        "RESNET.WIDTH_PER_GROUP": 8,
        "IA.DIM_INNER": 16,
        "IA.DIM_OUT": 320,
        "IA.MEMORY_WINDOW": [2, 2],
    }
    settings |= {key.replace("__", "."): value for key, value in overrides.items()}
    return load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), [str(part) for pair in settings.items() for part in pair])


def network(cfg, seed):
    """In evaluation mode, with weights and statistics with which everything matters."""
    torch.manual_seed(seed)
    model = ThermalSlowFast(cfg).eval()
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("bn.weight") or name.endswith("c_bn.weight"):
            tensor.uniform_(0.3, 0.7)
        elif name.endswith(("bias", "running_mean")) or "structure" in name or "projection" in name:
            tensor.normal_(0, 0.2)
    return model


def loaded(target_cfg, content, path, classes=CLASSES):
    """A network with the weights of `content` written to a file, and the report."""
    torch.save(content, path)
    target_cfg.TRAIN.CHECKPOINT_FILE_PATH = str(path)
    model = network(target_cfg, seed=1)
    return model, load_pretrained(model, target_cfg, classes)


def clip(cfg):
    torch.manual_seed(2)
    frames = (cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA, cfg.DATA.NUM_FRAMES)
    return [torch.rand(1, 1, count, 20, 30) for count in frames]


BOXES = torch.tensor([[0, 2.0, 2, 30, 30], [0, 10, 0, 45, 20], [0, 0, 0, 48, 32]])


@torch.inference_mode()
def scores(model, cfg):
    memory = {}
    if cfg.IA.ENABLE:
        torch.manual_seed(3)
        memory["memory"] = torch.rand(1, 5, cfg.IA.MAX_PER_SECOND, 320)
    return model(clip(cfg), BOXES, **memory)


def test_the_same_network_computes_the_same(tmp_path):
    source = network(config(), seed=0)
    model, report = loaded(config(), {"model_state": source.state_dict()}, tmp_path / "x.pyth")
    assert torch.equal(scores(model, config()), scores(source, config()))
    assert not report.reshaped and not report.initialised and not report.ignored


@pytest.mark.parametrize(
    "recorded, num_classes",
    [(None, 80), (["lying", "standing"], 2)],
    ids=["another number", "another order"],
)
def test_the_classifier_of_other_classes_stays_new_and_the_log_says_so(tmp_path, caplog, recorded, num_classes):
    caplog.set_level("INFO")
    source = network(config(MODEL__NUM_CLASSES=num_classes), seed=0)
    content = {"model_state": source.state_dict(), "classes": recorded}
    model, report = loaded(config(), content, tmp_path / "x.pyth")
    assert report.initialised == ["head.projection.weight", "head.projection.bias"]
    assert torch.equal(model.head.projection.weight, network(config(), seed=1).head.projection.weight)
    assert torch.equal(model.s5.pathway0_res0.branch1.weight, source.s5.pathway0_res0.branch1.weight)
    reason = "80 classes of 320 features, this one 2 of 320" if recorded is None else "classes are lying, standing"
    assert f"classifier is newly initialised: the checkpoint's {'has ' * (recorded is None)}{reason}" in caplog.text


def test_the_classifier_of_other_features_stays_new_as_a_whole(tmp_path, caplog):
    caplog.set_level("INFO")
    content = {"model_state": network(config(), seed=0).state_dict(), "classes": CLASSES}
    target = config(THERMAL__BOX_FEATURES="size_and_place")
    model, report = loaded(target, content, tmp_path / "x.pyth")
    assert report.initialised == ["head.projection.weight", "head.projection.bias"]
    assert torch.equal(model.head.projection.bias, network(target, seed=1).head.projection.bias)
    assert "newly initialised: the checkpoint's has 2 classes of 320 features, this one 2 of 324." in caplog.text


@pytest.mark.parametrize(
    "recorded, is_loaded", [(["x", "y", "z"], True), (["a", "b", "c"], False), (None, False)], ids=str
)
def test_a_class_map_is_for_checkpoints_of_the_classes_that_it_names(tmp_path, recorded, is_loaded):
    source = network(config(MODEL__NUM_CLASSES=3), seed=0)
    target = config(THERMAL__SIMULATION__CLASS_MAP=[["z", "lying"], ["x", "standing"]])
    content = {"model_state": source.state_dict(), "classes": recorded}
    model, report = loaded(target, content, tmp_path / "x.pyth")
    assert bool(report.initialised) != is_loaded
    if is_loaded:
        assert torch.equal(model.head.projection.weight, source.head.projection.weight[[0, 2]])


def test_the_log_tells_counts_and_first_names(tmp_path, caplog):
    caplog.set_level("INFO")
    source = network(config(MODEL__NUM_CLASSES=80), seed=0)
    _, report = loaded(config(), {"model_state": {**source.state_dict(), "extra": torch.ones(2)}}, tmp_path / "x.pyth")
    lines = [" ".join(line.split()) for line in caplog.text.splitlines()]
    assert f"loaded {len(report.loaded)} s1.pathway0_stem.conv.weight, s1.pathway0_stem.bn.weight, ..." in lines
    assert "reshaped 0" in lines
    assert "newly initialised 2 head.projection.weight, head.projection.bias" in lines
    assert "ignored 3 head.projection.weight, head.projection.bias, ..." in lines


def as_alphaction(model):
    """The head's tensors under AlphAction's names and in its shapes, with the backbone as AlphAction names it."""
    prefix = "roi_heads.action.feature_extractor."
    reduced = {"reduce_query": "person_dim_reduce", "person": "person_key_dim_reduce", "object": "object_dim_reduce",
               "memory": "mem_dim_reduce"}  # fmt: skip
    tensors = {}
    for name, tensor in model.state_dict().items():
        parts = name.split(".")
        if name.startswith("head.structure."):
            if parts[2] in ("reduce", "reduce_query"):
                name = f"{reduced[parts[-2]]}.{parts[-1]}"
            elif parts[2] == "result_weights":
                name = f"dense_params.{parts[3]}"
            else:
                position = {"key_position": "temporal_position_k", "value_position": "temporal_position_v"}
                name = f"{parts[3][0]}_block_{parts[3][1]}." + ".".join(position.get(part, part) for part in parts[4:])
            if tensor.dim() == 2:
                tensor = tensor[:, None, :, None, None, None] if "position" in name else tensor[..., None, None, None]
            tensors[f"{prefix}ia_structure.{name}"] = tensor
        elif name.startswith("head.hidden."):
            tensors[prefix + ".".join(parts[2:])] = tensor
        elif name.startswith("head.projection."):
            tensors[f"roi_heads.action.predictor.cls_score.{parts[-1]}"] = tensor
        elif not name.endswith("num_batches_tracked"):
            tensors[alphaction_backbone(parts)] = tensor
    return {"model": tensors}


def alphaction_backbone(parts):
    stage, *rest = parts
    if stage.endswith("_fuse"):
        return f"backbone.fast.Tconv{stage[1]}.conv.{rest[-1]}"
    pathway = "slow" if "pathway0" in rest[0] else "fast"
    if "stem" in rest[0]:
        return f"backbone.{pathway}.{rest[1]}1.{rest[2]}"
    block, unit = rest[0].split("_res")[1], rest[-2]
    kind = "bn" if unit.endswith("_bn") else "conv"
    unit = unit.removesuffix("_bn")
    unit = "shortcut" if unit == "branch1" else f"btnk.conv{'abc'.index(unit) + 1}"
    return f"backbone.{pathway}.res_nl{int(stage[1]) - 1}.res_{block}.{unit}.{kind}.{rest[-1]}"


@pytest.mark.parametrize("structure, blocks", [("dense_serial", list("POMPOM")), ("serial", list("PMPM"))])
def test_an_alphaction_checkpoint_computes_the_same(tmp_path, structure, blocks):
    overrides = dict(IA__ENABLE=True, IA__STRUCTURE=structure, IA__BLOCKS=blocks, SLOWFAST__LATERAL="bias",
                     RESNET__STEM_POOL_PADDING=0, DETECTION__ALIGNED=False)  # fmt: skip
    source = network(config(**overrides), seed=0)
    model, report = loaded(config(**overrides), as_alphaction(source), tmp_path / "x.pth")
    assert not report.reshaped and not report.initialised and not report.ignored
    assert torch.equal(scores(model, config(**overrides)), scores(source, config(**overrides)))


def test_blocks_that_a_network_lacks_are_left_out_by_name(tmp_path):
    """Where the O blocks of the checkpoint pass people on and nothing listens to them, their absence changes nothing."""
    with_objects = config(IA__ENABLE=True, IA__BLOCKS=list("POMPOM"), SLOWFAST__LATERAL="bias")
    without = config(IA__ENABLE=True, IA__BLOCKS=list("PMPM"), SLOWFAST__LATERAL="bias")
    source = network(with_objects, seed=0)
    order = ["P1", "O1", "M1", "P2", "O2", "M2"]
    with torch.no_grad():
        for count, weights in source.head.structure.result_weights.items():
            silent = [place for place in range(int(count)) if order[place].startswith("O")]
            weights[silent] = -1e9
    model, report = loaded(without, as_alphaction(source), tmp_path / "x.pth")
    assert not report.initialised
    assert report.reshaped == {
        "head.structure.result_weights.2": "rows of P1, M1",
        "head.structure.result_weights.3": "rows of P1, M1, P2",
    }
    assert all(
        "structure.blocks.O" in name or "reduce.object" in name or "result_weights" in name for name in report.ignored
    )
    torch.testing.assert_close(scores(model, without), scores(source, with_objects), rtol=1e-5, atol=1e-6)


def test_a_stem_of_three_channels_is_summed_for_one(tmp_path):
    one_channel = dict(DATA__INPUT_CHANNEL_NUM=[1, 1], DATA__MEAN=[0.45], DATA__STD=[0.225])
    source = network(config(), seed=0)
    model, report = loaded(config(**one_channel), {"model_state": source.state_dict()}, tmp_path / "x.pyth")
    assert report.reshaped == {f"s1.pathway{pathway}_stem.conv.weight": "three channels summed" for pathway in (0, 1)}
    torch.testing.assert_close(scores(model, config(**one_channel)), scores(source, config()), rtol=1e-5, atol=1e-6)


def test_two_dimensional_kernels_are_inflated(tmp_path):
    tensors = network(config(), seed=0).state_dict()
    name = "s4.pathway1_res0.branch2.a.weight"
    flat = tensors[name][:, :, 0].clone()
    model, report = loaded(config(), {"model_state": {**tensors, name: flat}}, tmp_path / "x.pyth")
    assert report.reshaped == {name: "inflated to 3 frames"}
    torch.testing.assert_close(model.s4.pathway1_res0.branch2.a.weight.sum(2), flat)


@pytest.mark.parametrize(
    "theirs, ours, message",
    [
        ({"RESNET__DEPTH": 101}, {}, "RESNET.DEPTH is 50 here and 101 there"),
        ({}, {"RESNET__DEPTH": 101}, "RESNET.DEPTH is 101 here and 50 there"),
        (
            {"RESNET__WIDTH_PER_GROUP": 16, "SLOWFAST__LATERAL": "conv", "IA__DIM_OUT": 640},
            {},
            "RESNET.WIDTH_PER_GROUP is 8 here and 16 there; SLOWFAST.LATERAL is norm here and conv there",
        ),
    ],
)
def test_another_backbone_is_refused_with_the_nearest_explanations(tmp_path, theirs, ours, message):
    source = network(config(**theirs), seed=0)
    with pytest.raises(InputError, match=rf"x\.pyth \(PySlowFast\) fits \d+% of the backbone's tensors: {message}"):
        loaded(config(**ours), {"model_state": source.state_dict()}, tmp_path / "x.pyth")


def test_a_network_that_is_refused_keeps_its_weights(tmp_path):
    cfg = config()
    torch.save({"s1.pathway0_stem.conv.weight": torch.zeros(8, 3, 1, 7, 7)}, tmp_path / "x.pyth")
    cfg.TRAIN.CHECKPOINT_FILE_PATH = str(tmp_path / "x.pyth")
    model = network(cfg, seed=1)
    with pytest.raises(InputError, match="fits 0% of the backbone"):
        load_pretrained(model, cfg, CLASSES)
    assert model.s1.pathway0_stem.conv.weight.abs().sum() > 0


def test_another_variant_is_logged_as_overrides_to_copy(tmp_path, caplog):
    source = network(config(SLOWFAST__LATERAL="bias", RESNET__STEM_POOL_PADDING=0), seed=0)
    loaded(config(), as_alphaction(source), tmp_path / "x.pth")
    wanted = (
        "SLOWFAST.LATERAL bias RESNET.STEM_POOL_PADDING 0 DETECTION.ALIGNED False THERMAL.TEST_BOX_ENLARGE '[0.1,0.05]'"
    )
    assert f"was trained with other settings. To compute what it computed there, add: {wanted}" in caplog.text


def test_another_input_than_the_recorded_one_is_logged_as_overrides_to_copy(tmp_path, caplog):
    recorded = config(THERMAL__INPUT_SIZE=[48, 48], THERMAL__CLIP_SECONDS=4.0)
    recorded.THERMAL.CHANNELS = ["difference"]
    recorded.THERMAL.PERSON_CROPS.ENABLE = recorded.THERMAL.PERSON_CROPS.OUTWARD_UP = True
    recorded.THERMAL.PERSON_CROPS.SIZE = 30.0
    content = {"model_state": network(config(), seed=0).state_dict(), "cfg": recorded.dump()}
    loaded(config(), content, tmp_path / "x.pyth")
    assert (
        "add: THERMAL.INPUT_SIZE '[48,48]' THERMAL.CLIP_SECONDS 4.0 THERMAL.CHANNELS \"['difference']\" "
        "THERMAL.PERSON_CROPS.ENABLE True THERMAL.PERSON_CROPS.SIZE 30.0 THERMAL.PERSON_CROPS.OUTWARD_UP True"
        in caplog.text
    )


@pytest.mark.parametrize(
    "channels, temperatures, added",
    [
        (["less_median", "difference"], [-10.0, 15.0], None),
        (["less_median", "difference"], [-20.0, 60.0], "THERMAL.TEMPERATURE_RANGE '[10.0,35.0]'"),
        (["temperature", "difference"], [-10.0, 15.0], "THERMAL.TEMPERATURE_RANGE '[10.0,35.0]'"),
    ],
    ids=["differences, as wide", "differences, wider", "temperatures"],
)
def test_another_scale_of_temperatures_is_told(tmp_path, caplog, channels, temperatures, added):
    settings = {"THERMAL__CHANNELS": channels, "DATA__MEAN": [0.0, 0.0], "DATA__STD": [1.0, 1.0]}
    settings["DATA__INPUT_CHANNEL_NUM"] = [2, 2]
    recorded, here = config(**settings), config(**settings, THERMAL__TEMPERATURE_RANGE=temperatures)
    loaded(here, {"model_state": network(recorded, seed=0).state_dict(), "cfg": recorded.dump()}, tmp_path / "x.pyth")
    assert ("other settings" in caplog.text) == bool(added)
    assert (added or "") in caplog.text


def test_the_right_variant_is_not_warned_of(tmp_path, caplog):
    loaded(
        config(), {"model_state": network(config(), seed=0).state_dict(), "cfg": config().dump()}, tmp_path / "x.pyth"
    )
    assert "other settings" not in caplog.text


def test_a_test_needs_the_classes_of_the_training(tmp_path):
    cfg = config()
    torch.save(
        {"model_state": network(cfg, seed=0).state_dict(), "classes": ["lying", "standing"]}, tmp_path / "x.pyth"
    )
    with pytest.raises(
        InputError, match="trained for the classes lying, standing, but the annotations list standing, lying"
    ):
        load_trained(tmp_path / "x.pyth", "pytorch", network(cfg, seed=1), cfg, CLASSES)
