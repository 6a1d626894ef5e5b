import copy

import pytest
import torch
from torch import nn

from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.models.folding import fold_channels, fold_norms
from slowfast_thermal.models.input_layer import ThermalInput
from slowfast_thermal.pyslowfast import SlowFast, construct_optimizer, frozen_bn_stats
from tests.checkpoint.test_pretrained import BOXES, clip, config, network
from tests.checkpoint.test_sources import randomise

pytestmark = pytest.mark.usefixtures("on_device")
PLAIN = dict(SPEED__FOLD_NORM=False, SPEED__FOLD_CHANNELS=False)
NONLOCAL = [[[], []], [[1, 3], []], [[1], []], [[], []]]


def frozen(model):
    model.train()
    frozen_bn_stats(model)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return model


@pytest.mark.parametrize("name", ["FOLD_NORM", "FOLD_CHANNELS"])
@pytest.mark.parametrize("location", [NONLOCAL[:1] * 4, NONLOCAL], ids=["plain", "nonlocal"])
def test_the_folded_network_computes_what_the_plain_one_computes(name, location):
    settings = {**PLAIN, "NONLOCAL__LOCATION": location}
    plain = randomise(ThermalSlowFast(config(**settings)))
    folded = ThermalSlowFast(config(**{**settings, f"SPEED__{name}": True})).eval()
    folded.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        for ours, theirs in zip(folded.features(clip(config())), plain.features(clip(config()))):
            assert theirs.std() > 0.1
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_at_full_width_the_folded_network_agrees_within_1e_4():
    full = dict(RESNET__WIDTH_PER_GROUP=64, SLOWFAST__BETA_INV=8)
    plain = randomise(ThermalSlowFast(config(**full, **PLAIN)))
    folded = ThermalSlowFast(config(**full)).eval()
    folded.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        for ours, theirs in zip(folded.features(clip(config())), plain.features(clip(config()))):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_gradients_are_those_of_the_plain_network():
    plain = frozen(randomise(ThermalSlowFast(config(**PLAIN))))
    folded = ThermalSlowFast(config())
    folded.load_state_dict(plain.state_dict())
    for model in (plain, frozen(folded)):
        model(clip(config()), BOXES).square().sum().backward()
    theirs = dict(plain.named_parameters())
    for name, parameter in folded.named_parameters():
        scale = theirs[name].grad.abs().max().item()
        torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=0, atol=1e-3 * scale + 1e-7, msg=name)


def test_batch_norm_that_is_not_frozen_normalises_and_learns_its_statistics():
    plain, folded = (ThermalSlowFast(config(**settings)).train() for settings in (PLAIN, {}))
    folded.load_state_dict(plain.state_dict())
    with torch.no_grad():
        outputs = [model.features(clip(config())) for model in (plain, folded)]
    for theirs, ours in zip(*outputs):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    statistics = dict(plain.named_buffers())
    for name, buffer in folded.named_buffers():
        if name.endswith("running_var"):
            torch.testing.assert_close(buffer, statistics[name], rtol=1e-3, atol=1e-4)


def test_every_batch_norm_of_the_backbone_is_folded_and_names_stay():
    cfg = config(NONLOCAL__LOCATION=NONLOCAL)
    plain = SlowFast(cfg)
    names = set(plain.state_dict())
    fold_norms(plain)
    fold_channels(plain.s1.pathway0_stem)
    assert set(plain.state_dict()) == names
    assert not any(type(module) is nn.BatchNorm3d for module in plain.modules())
    assert {id(p) for p in plain.parameters()} == {id(p) for g in construct_optimizer(plain, cfg).param_groups for p in g["params"]}  # fmt: skip


def test_a_copy_folds_its_own_norms():
    model = network(config(), seed=0)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.s1.pathway0_stem.bn.weight.zero_()
        twin.s1.pathway0_stem.bn.bias.zero_()
        features, changed = model.features(clip(config())), twin.features(clip(config()))
    assert not torch.allclose(features[0], changed[0])
    assert torch.equal(model.features(clip(config()))[0], features[0])


def test_channels_with_means_of_their_own_are_not_folded():
    cfg = config(DATA__MEAN=[0.4, 0.45, 0.5])
    assert ThermalSlowFast(cfg).input_layer.mean.numel() == 3


def test_the_device_resizes_as_the_cpu_does_beforehand():
    from torchvision.transforms.v2.functional import resize

    frames = torch.rand(2, 1, 8, 40, 60)
    (ours,) = ThermalInput((256, 384), [0.45], [0.225])([frames])
    theirs = (resize(frames[:, 0], [256, 384], antialias=False) - 0.45) / 0.225
    torch.testing.assert_close(ours[:, 0], theirs, rtol=1e-5, atol=1e-5)


def test_activation_checkpoints_change_neither_result_nor_gradient():
    settings = dict(MODEL__FROZEN_BN=True)
    whole = frozen(randomise(ThermalSlowFast(config(**settings))))
    saving = ThermalSlowFast(config(**settings, SPEED__ACTIVATION_CHECKPOINTS=True))
    saving.load_state_dict(whole.state_dict())
    results = []
    for model in (whole, frozen(saving)):
        results.append(model(clip(config()), BOXES))
        results[-1].square().sum().backward()
    torch.testing.assert_close(results[1], results[0])
    gradients = dict(whole.named_parameters())
    for name, parameter in saving.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name].grad)


@pytest.mark.slow
def test_the_compiled_network_computes_what_the_plain_one_computes():
    plain = randomise(ThermalSlowFast(config()))
    compiled = ThermalSlowFast(config(SPEED__COMPILE=True)).eval()
    compiled.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(compiled(clip(config()), BOXES), plain(clip(config()), BOXES), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_network_stays_compiled_in_training_and_evaluation_and_for_a_last_smaller_batch(monkeypatch):
    compile_stage = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda module: compile_stage(module, backend="eager"))
    monkeypatch.setattr(torch._dynamo.config, "cache_size_limit", 8)
    monkeypatch.setattr(torch._dynamo.config, "fail_on_recompile_limit_hit", True)
    model = ThermalSlowFast(config(SPEED__COMPILE=True, MODEL__FROZEN_BN=True))
    for _ in range(2):
        for training, clips in ((True, 3), (False, 3), (False, 2)):
            model.train(training)
            frozen_bn_stats(model)
            with torch.set_grad_enabled(training):
                scores = model([pathway.expand(clips, -1, -1, -1, -1) for pathway in clip(config())], BOXES)
            assert scores.requires_grad == training
