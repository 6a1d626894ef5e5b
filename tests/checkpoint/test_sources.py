"""Each source's checkpoint in our network computes what it computed at home.

`alphaction/*.json` holds the names and shapes of all tensors of released AlphAction models, `alphaction/*.npz` what
AlphAction computes with the weights that `golden_weights` makes from such names.
"""

import json
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.pretrained import load_pretrained, load_trained
from slowfast_thermal.checkpoint.sources import SETTINGS, SOURCES, convert, read_weights
from slowfast_thermal.checkpoint.variants import describe_backbone
from slowfast_thermal.config import load_config
from slowfast_thermal.errors import InputError
from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.models.input_layer import ThermalInput
from tests.checkpoint import golden_weights
from tests.conftest import CONFIGS

HERE = Path(__file__).parent
ALPHACTION = {
    "resnet50_4x16f_baseline": ("SLOWFAST_4x16_R50_SERIAL_IA.yaml", []),
    "resnet50_4x16f_serial": ("SLOWFAST_4x16_R50_SERIAL_IA.yaml", list("POMPOM")),
    "resnet50_4x16f_parallel": ("SLOWFAST_4x16_R50_PARALLEL_IA.yaml", [list("POM"), list("POM")]),
    "resnet101_8x8f_baseline": ("SLOWFAST_8x8_R101_DENSE_IA.yaml", []),
    "resnet101_8x8f_denseserial": ("SLOWFAST_8x8_R101_DENSE_IA.yaml", list("POMPOM")),
}
CONFIG_OF_DEPTH = {50: "SLOWFAST_4x16_R50.yaml", 101: "SLOWFAST_8x8_R101.yaml"}
# The networks of PyTorchVideo and MMAction2 have temporal kernels in all blocks of a stage.
ALL_BLOCKS = {50: [[3, 3], [4, 4], [6, 6], [3, 3]], 101: [[3, 3], [4, 4], [23, 23], [3, 3]]}


def config(name, **overrides):
    """With `NODE__KEY=value` for overrides."""
    fixed = ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0", "THERMAL.INPUT_SIZE", "[64,96]"]
    return load_config(
        str(CONFIGS / name),
        fixed + [text for key, value in overrides.items() for text in (key.replace("__", "."), str(value))],
    )


def class_names(count):
    return [f"class {number}" for number in range(count)]


def loaded_network(path, cfg):
    """Our network in evaluation mode with a pretrained checkpoint, and the report."""
    cfg.TRAIN.CHECKPOINT_FILE_PATH = str(path)
    network = ThermalSlowFast(cfg)
    report = load_pretrained(network, cfg, class_names(cfg.MODEL.NUM_CLASSES))
    return network.eval(), report


def randomise(network):
    """Weights and statistics with which every layer matters and nothing explodes."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, (nn.Conv3d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.3, 0.7)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def make_clip(cfg):
    torch.manual_seed(1)
    frames = (cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA, cfg.DATA.NUM_FRAMES)
    return [torch.rand(1, 1, count, 20, 30) for count in frames]


def as_pictures(clip, cfg):
    """The pathways with three channels, as other networks take them."""
    return ThermalInput(cfg.THERMAL.INPUT_SIZE, cfg.DATA.MEAN, cfg.DATA.STD)(clip)


BOXES = torch.tensor([[0, 3.0, 5, 60, 60], [0, 40, 10, 95, 50]])


@pytest.mark.parametrize("name", ALPHACTION)
@pytest.mark.parametrize("num_classes", [80, 14])
def test_every_tensor_of_a_released_alphaction_model_has_its_place(name, num_classes):
    shapes = json.loads((HERE / "alphaction" / f"{name}.json").read_text())
    yaml, blocks = ALPHACTION[name]
    cfg = config(yaml, IA__BLOCKS=blocks, MODEL__NUM_CLASSES=num_classes)
    with torch.device("meta"):
        found, ignored = convert(SOURCES["alphaction"], {key: torch.empty(shape) for key, shape in shapes.items()})
        own = {key: tensor.shape for key, tensor in ThermalSlowFast(cfg).state_dict().items()}
    found = {key: tensor.shape for key, tensor in found.items()}
    assert not ignored and len(found) == len(shapes)
    differ = {key for key in own if found.get(key) != own[key] and not key.endswith("num_batches_tracked")}
    assert found.keys() <= own.keys()
    assert differ == ({"head.projection.weight", "head.projection.bias"} if num_classes == 14 else set())


@pytest.fixture(scope="module")
def golden_baseline(tmp_path_factory):
    """A file as AlphAction publishes them."""
    shapes = json.loads((HERE / "alphaction" / "resnet50_4x16f_baseline.json").read_text())
    path = tmp_path_factory.mktemp("golden") / "resnet50_4x16f_baseline.pth"
    tensors = {key: torch.from_numpy(golden_weights.weight(key, tuple(shape))) for key, shape in shapes.items()}
    torch.save({"model": tensors}, path)
    return path


def test_the_full_size_golden_case_of_alphaction(golden_baseline):
    cfg = config("SLOWFAST_4x16_R50_SERIAL_IA.yaml", IA__BLOCKS=[], MODEL__NUM_CLASSES=80, MODEL__LOSS_FUNC="bce")
    network, report = loaded_network(golden_baseline, cfg)
    assert not report.initialised and not report.reshaped and not report.ignored
    network.input_layer = network.head.act = nn.Identity()
    with np.load(HERE / "alphaction" / "resnet50_4x16f_baseline.npz") as file:
        expected = {key: torch.from_numpy(value) for key, value in file.items()}
    clip = [torch.from_numpy(pathway) for pathway in golden_weights.clip(7, 4)]
    boxes = torch.cat([torch.zeros(len(expected["boxes"]), 1), expected["boxes"]], 1)
    with torch.inference_mode():
        slow, fast = network.features(clip)
        logits, pooled = network.head([slow, fast], boxes, return_pooled=True)
    for found, key in ((slow.mean((2, 3, 4)), "slow_mean"), (fast.mean((2, 3, 4)), "fast_mean")):
        torch.testing.assert_close(found, expected[key], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(pooled, expected["pooled_people"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits, expected["logits"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", [50, 101])
def test_pytorchvideos_classification_network(tmp_path, depth):
    from pytorchvideo.models.slowfast import create_slowfast

    cfg = config(
        CONFIG_OF_DEPTH[depth],
        MODEL__NUM_CLASSES=400,
        SLOWFAST__FUSION_KERNEL_SZ=7,
        RESNET__NUM_BLOCK_TEMP_KERNEL=ALL_BLOCKS[depth],
        RESNET__SPATIAL_STRIDES=[[1, 1], [2, 2], [2, 2], [2, 2]],
        DETECTION__SPATIAL_SCALE_FACTOR=32,
        RESNET__SPATIAL_DILATIONS=[[1, 1]] * 4,
    )
    theirs = randomise(
        create_slowfast(model_depth=depth, slowfast_fusion_conv_stride=(cfg.SLOWFAST.ALPHA, 1, 1), head_pool=None)
    )
    torch.save({"model_state": theirs.state_dict()}, tmp_path / "slowfast.pyth")
    ours, report = loaded_network(tmp_path / "slowfast.pyth", cfg)
    assert not report.initialised and not report.reshaped and not report.ignored
    clip = make_clip(cfg)
    with torch.inference_mode():
        features = ours.features(clip)
        expected = as_pictures(clip, cfg)
        for block in theirs.blocks[:5]:
            expected = block(expected)
        scores = ours.head.projection(torch.cat([pathway.mean((2, 3, 4)) for pathway in features], 1))
        expected_scores = theirs.blocks[6].proj(torch.cat([pathway.mean((2, 3, 4)) for pathway in expected], 1))
    for found, wanted in zip(features, expected):
        assert wanted.std() > 0.1
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, expected_scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", [50, 101])
def test_pytorchvideos_detection_network(tmp_path, depth):
    from pytorchvideo.models.slowfast import create_slowfast_with_roi_head

    cfg = config(
        CONFIG_OF_DEPTH[depth],
        MODEL__NUM_CLASSES=80,
        MODEL__LOSS_FUNC="bce",
        SLOWFAST__FUSION_KERNEL_SZ=7,
        RESNET__NUM_BLOCK_TEMP_KERNEL=ALL_BLOCKS[depth],
        DETECTION__ALIGNED=False,
    )
    slow_frames = cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA
    theirs = randomise(
        create_slowfast_with_roi_head(
            model_depth=depth,
            slowfast_fusion_conv_stride=(cfg.SLOWFAST.ALPHA, 1, 1),
            head_pool_kernel_sizes=((slow_frames, 1, 1), (32, 1, 1)),
        )
    )
    nn.init.normal_(theirs.detection_head.proj.weight, std=0.05)
    torch.save(theirs.state_dict(), tmp_path / "detection.pyth")
    ours, report = loaded_network(tmp_path / "detection.pyth", cfg)
    assert not report.initialised and not report.reshaped and not report.ignored
    clip = make_clip(cfg)
    with torch.inference_mode():
        scores = ours(clip, BOXES)
        expected = theirs(as_pictures(clip, cfg), BOXES)
    assert expected.std() > 0.1
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def mmaction_backbone(depth, alpha):
    """MMAction2's SlowFast as its AVA configurations build it. Its wheel lacks a module that it imports."""
    missing = "mmaction.models.localizers.drn.drn"
    for name in (missing.rpartition(".")[0], missing):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules[missing].DRN = type("DRN", (), {})
    backbones = pytest.importorskip(
        "mmaction.models.backbones.resnet3d_slowfast", reason="MMAction2 is not installed (see CONTRIBUTING.md)"
    )
    shared = dict(
        type="resnet3d", depth=depth, pretrained=None, conv1_stride_t=1, pool1_stride_t=1, spatial_strides=(1, 2, 2, 1)
    )
    slow = dict(lateral=True, fusion_kernel=7, conv1_kernel=(1, 7, 7), dilations=(1, 1, 1, 1), inflate=(0, 0, 1, 1))
    fast = dict(lateral=False, base_channels=8, conv1_kernel=(5, 7, 7))
    return backbones.ResNet3dSlowFast(
        pretrained=None,
        resample_rate=32,
        speed_ratio=alpha,
        channel_ratio=8,
        slow_pathway={**shared, **slow},
        fast_pathway={**shared, **fast},
    )


@pytest.mark.mmaction2
@pytest.mark.parametrize("depth", [50, 101])
def test_mmaction2s_backbone(tmp_path, depth):
    cfg = config(
        CONFIG_OF_DEPTH[depth],
        MODEL__NUM_CLASSES=80,
        SLOWFAST__LATERAL="conv",
        SLOWFAST__FUSION_KERNEL_SZ=7,
        RESNET__NUM_BLOCK_TEMP_KERNEL=ALL_BLOCKS[depth],
        RESNET__SPATIAL_DILATIONS=[[1, 1]] * 4,
    )
    theirs = randomise(mmaction_backbone(depth, cfg.SLOWFAST.ALPHA))
    head = {"weight": torch.randn(81, 2304), "bias": torch.randn(81)}
    tensors = {f"backbone.{name}": tensor for name, tensor in theirs.state_dict().items()}
    tensors |= {f"roi_head.bbox_head.fc_cls.{name}": tensor for name, tensor in head.items()}
    torch.save({"state_dict": tensors, "meta": {"epoch": 8}}, tmp_path / "slowfast.pth")
    ours, report = loaded_network(tmp_path / "slowfast.pth", cfg)
    assert not report.initialised and not report.reshaped and not report.ignored
    torch.testing.assert_close(ours.head.projection.weight, head["weight"][1:])

    clip = make_clip(cfg)
    with torch.inference_mode():
        features = ours.features(clip)
        # Theirs takes the frames of both pathways from one clip, so its forward is followed pathway by pathway.
        slow, fast = as_pictures(clip, cfg)
        paths = theirs.slow_path, theirs.fast_path
        slow, fast = paths[0].conv1(slow), paths[1].conv1(fast)
        slow, fast = paths[0].maxpool(slow), paths[1].maxpool(fast)
        slow = torch.cat([slow, paths[0].conv1_lateral(fast)], 1)
        for stage in range(1, 5):
            slow, fast = (getattr(path, f"layer{stage}")(x) for path, x in zip(paths, (slow, fast)))
            if stage < 4:
                slow = torch.cat([slow, getattr(paths[0], f"layer{stage}_lateral")(fast)], 1)
    for found, wanted in zip(features, (slow, fast)):
        assert wanted.std() > 0.1
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def caffe2_names(names):
    """Caffe2's blob for each of PySlowFast's names, by running through all that its converter knows."""
    parts = {"a": "branch2a", "b": "branch2b", "c": "branch2c"}
    kinds = {"weight": "w", "bias": "b"}
    norms = {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}
    blobs = {}
    for name in names:
        stage, _, rest = name.partition(".")
        *place, kind = rest.split(".")
        fast = "t_" if "pathway1" in name else ""
        if name.startswith("head.projection"):
            blob = f"pred_{kinds[kind]}"
        elif stage.endswith("_fuse"):
            last = {"s2": 2, "s3": 3, "s4": 5}
            origin = "t_pool1" if stage == "s1_fuse" else f"t_res{stage[1]}_{last[stage[:2]]}_branch2c_bn"
            blob = f"{origin}_subsample" + (f"_bn_{norms[kind]}" if place == ["bn"] else f"_{kinds[kind]}")
        elif "stem" in name:
            blob = f"{fast}res_conv1_bn_{norms[kind]}" if place[-1] == "bn" else f"{fast}conv1_{kinds[kind]}"
        elif "nonlocal" in name:
            block = place[0].removeprefix("pathway0_nonlocal")
            unit = f"bn_{norms[kind]}" if place[1] == "bn" else f"{place[1].removeprefix('conv_')}_{kinds[kind]}"
            blob = f"nonlocal_conv{stage[1]}_{block}_{unit}"
        else:
            block = place[0].split("_res")[1]
            unit, is_norm = place[-1].removesuffix("_bn"), place[-1].endswith("_bn")
            unit = parts.get(unit, unit)
            blob = f"{fast}res{stage[1]}_{block}_{unit}" + (f"_bn_{norms[kind]}" if is_norm else f"_{kinds[kind]}")
        blobs[name] = blob
    return blobs


@pytest.mark.parametrize("location", [[], [1, 3]], ids=["plain", "nonlocal"])
def test_a_caffe2_pickle_loads_completely(tmp_path, location):
    cfg = config(
        CONFIG_OF_DEPTH[50],
        MODEL__NUM_CLASSES=80,
        RESNET__WIDTH_PER_GROUP=8,
        NONLOCAL__LOCATION=[[[], []], [location, []], [location, []], [[], []]],
        DETECTION__ALIGNED=False,
    )
    theirs = randomise(pyslowfast.SlowFast(cfg)).state_dict()
    names = caffe2_names(name for name in theirs if not name.endswith("num_batches_tracked"))
    assert len(set(names.values())) == len(names)
    blobs = {blob: theirs[name].numpy() for name, blob in names.items()}
    blobs |= {f"{blob}_momentum": array for blob, array in blobs.items()} | {"lr": np.float32([0.1])}
    path = tmp_path / "SLOWFAST_4x16_R50.pkl"
    path.write_bytes(pickle.dumps({"blobs": blobs}, protocol=2))
    network, report = loaded_network(path, cfg)
    assert not report.initialised and not report.reshaped
    assert len(report.ignored) == len(blobs) - len(names)
    own = network.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in names)


def test_the_source_is_found_with_and_without_the_prefixes_of_wrappers(tmp_path):
    prefixes = ("module.", "_orig_mod.", "model.", "network.", "module._orig_mod.", "model.network.module.")
    marks = {
        "pyslowfast": "s1.pathway0_stem.conv.weight",
        "alphaction": "backbone.slow.conv1.weight",
        "pytorchvideo": "blocks.0.multipathway_blocks.0.conv.weight",
        "mmaction2": "backbone.slow_path.conv1.conv.weight",
    }
    for source, mark in marks.items():
        compiled_part = mark.replace(".", "._orig_mod.", 1)
        for name in (mark, compiled_part, *(f"{prefix}{mark}" for prefix in prefixes)):
            for others in ({}, {"loss.weight": torch.ones(14)}):
                torch.save({name: torch.ones(2), **others}, tmp_path / "plain.pth")
                weights = read_weights(tmp_path / "plain.pth")
                assert weights.source.name == source
                assert "s1.pathway0_stem.conv.weight" in weights.tensors


def test_a_source_that_is_insisted_on_must_be_the_files(tmp_path):
    path = tmp_path / "slowfast.pth"
    torch.save({"backbone.slow.conv1.weight": torch.ones(2)}, path)
    with pytest.raises(
        InputError, match="checkpoint of AlphAction, but CHECKPOINT_TYPE is caffe2: set it to alphaction"
    ):
        read_weights(path, "caffe2")


def test_a_file_of_another_network_is_told_by_its_tensors(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"layer1.0.conv1.weight": torch.ones(2)}, path)
    with pytest.raises(InputError, match=r"resnet\.pth is of another network .* 'layer1\.0\.conv1\.weight'"):
        read_weights(path)


def test_a_checkpoint_of_pyslowfasts_own_function_tells_its_settings(tmp_path):
    cfg = config("SLOWFAST_SMALL.yaml", DETECTION__ALIGNED=False, RESNET__WIDTH_PER_GROUP=8)
    network = pyslowfast.SlowFast(cfg)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    cfg.OUTPUT_DIR = str(tmp_path)
    pyslowfast.checkpoint.save_checkpoint(str(tmp_path), network, optimizer, 0, cfg)
    path = pyslowfast.last_checkpoint(str(tmp_path))
    weights = read_weights(path)
    assert weights.source.name == "pyslowfast" and not weights.ignored
    assert weights.settings["DETECTION.ALIGNED"] is False and weights.settings["DETECTION.ROI_XFORM_RESOLUTION"] == 7
    ours = ThermalSlowFast(cfg)
    load_trained(path, "pytorch", ours, cfg, class_names(cfg.MODEL.NUM_CLASSES))
    for name, tensor in network.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor)


@pytest.mark.parametrize(
    "recorded",
    [
        "&a {RESNET: *a}",
        "A: 2024-13-45",
        "A: !!int abc",
        "THERMAL: {CLIP_SECONDS: soon, PERSON_CROPS: {UNIT: 'pixel; rm -r .', SIZE: .nan}}",
        "[1]",
        torch.zeros(2),
    ],
    ids=["itself", "no date", "no number", "refused values", "a list", "a tensor"],
)
def test_settings_that_cannot_be_read_tell_nothing(tmp_path, recorded):
    network = ThermalSlowFast(config("SLOWFAST_SMALL.yaml"))
    torch.save({"model_state": network.state_dict(), "cfg": recorded}, tmp_path / "x.pyth")
    assert read_weights(tmp_path / "x.pyth").settings == {}


def test_networks_from_before_windows_were_turned_say_so(tmp_path):
    network = ThermalSlowFast(config("SLOWFAST_SMALL.yaml"))
    recorded = "THERMAL: {INPUT_SIZE: [48, 48], PERSON_CROPS: {ENABLE: true}}"
    torch.save({"model_state": network.state_dict(), "cfg": recorded}, tmp_path / "x.pyth")
    expected = {
        "THERMAL.INPUT_SIZE": [48, 48],
        "THERMAL.PERSON_CROPS.ENABLE": True,
        "THERMAL.PERSON_CROPS.OUTWARD_UP": False,
    }
    assert read_weights(tmp_path / "x.pyth").settings == expected


def test_settings_that_the_network_did_not_use_tell_nothing(tmp_path):
    network = ThermalSlowFast(config("SLOWFAST_SMALL.yaml"))
    recorded = "THERMAL: {CHANNELS: [temperature], DIFFERENCE_SECONDS: 2.0, PERSON_CROPS: {ENABLE: false, SIZE: 30.0, UNIT: box}}"
    torch.save({"model_state": network.state_dict(), "cfg": recorded}, tmp_path / "x.pyth")
    expected = {"THERMAL.CHANNELS": ["temperature"], "THERMAL.PERSON_CROPS.ENABLE": False}
    assert read_weights(tmp_path / "x.pyth").settings == expected


def test_every_setting_in_which_sources_differ_is_a_key_of_the_configuration():
    cfg = config("SLOWFAST_SMALL.yaml")
    for source in SOURCES.values():
        for key in source.settings:
            assert key in SETTINGS
            node, name = key.split(".")
            assert name in cfg[node]


@pytest.mark.parametrize("name", ["SLOWFAST_SMALL.yaml", *CONFIG_OF_DEPTH.values(), "SLOWFAST_8x8_R101_DENSE_IA.yaml"])
def test_a_backbone_is_described_in_the_words_of_its_configuration(name):
    cfg = config(name, NONLOCAL__LOCATION=[[[], []], [[1, 3], []], [[], []], [[], []]])
    with torch.device("meta"):
        described = describe_backbone(ThermalSlowFast(cfg).state_dict())
    assert len(described) == 9
    for key, value in described.items():
        node, name = key.split(".")
        assert cfg[node][name] == value, key
