import numpy as np
import pytest
import torch
from torch import nn

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.models.input_layer import ThermalInput
from tests.conftest import CONFIGS

pytestmark = pytest.mark.usefixtures("on_device")


def config(name, *overrides):
    fixed = ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0"]
    return load_config(str(CONFIGS / name), fixed + [str(value) for value in overrides])


def batch(cfg, num_clips, people, height=20, width=30):
    """Random pathways and `people` boxes a clip."""
    slow_frames = cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA
    inputs = [torch.rand(num_clips, 1, frames, height, width) for frames in (slow_frames, cfg.DATA.NUM_FRAMES)]
    h, w = cfg.THERMAL.INPUT_SIZE
    boxes = [[clip, 0.1 * w, 0.2 * h, (0.4 + 0.1 * p) * w, 0.9 * h] for clip in range(num_clips) for p in range(people)]
    return inputs, torch.tensor(boxes)


def bilinear_by_hand(frame, height, width):
    """Bilinear interpolation between pixel centres, edges extended."""

    def positions(size_in, size_out):
        centre = np.clip((np.arange(size_out) + 0.5) * size_in / size_out - 0.5, 0, size_in - 1)
        low = np.floor(centre).astype(int)
        return low, np.minimum(low + 1, size_in - 1), centre - low

    top, bottom, dy = positions(frame.shape[0], height)
    left, right, dx = positions(frame.shape[1], width)
    upper = frame[top][:, left] * (1 - dx) + frame[top][:, right] * dx
    lower = frame[bottom][:, left] * (1 - dx) + frame[bottom][:, right] * dx
    return upper * (1 - dy[:, None]) + lower * dy[:, None]


def test_the_input_layer_resizes_bilinearly_and_normalises_each_channel():
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    clip = torch.rand(2, 1, 3, 5, 7)
    (out,) = ThermalInput((20, 33), mean, std)([clip])
    assert out.shape == (2, 3, 3, 20, 33)
    for n, c, t in np.ndindex(2, 3, 3):
        expected = (bilinear_by_hand(clip[n, 0, t].cpu().numpy(), 20, 33) - mean[c]) / std[c]
        np.testing.assert_allclose(out[n, c, t].cpu().numpy(), expected, atol=1e-5)


def test_parameters_have_the_names_and_shapes_of_pyslowfasts_own_network():
    cfg = config("SLOWFAST_SMALL.yaml")
    ours = {name: value.shape for name, value in ThermalSlowFast(cfg).state_dict().items()}
    theirs = {name: value.shape for name, value in pyslowfast.SlowFast(cfg).state_dict().items()}
    assert ours == theirs


def test_features_are_those_of_pyslowfasts_network_on_the_resized_clip():
    cfg = config("SLOWFAST_SMALL.yaml", "MODEL.LOSS_FUNC", "bce")
    model, reference = ThermalSlowFast(cfg).eval(), pyslowfast.SlowFast(cfg).eval()
    reference.load_state_dict(model.state_dict())
    reference.head.act = nn.Sigmoid()
    inputs, boxes = batch(cfg, num_clips=2, people=2)
    with torch.no_grad():
        resized = [pathway.expand(-1, 3, -1, -1, -1) for pathway in model.input_layer(inputs)]
        torch.testing.assert_close(model(inputs, boxes), reference(resized, boxes))


@pytest.mark.parametrize("loss, sums_to_one", [("cross_entropy", True), ("focal", True), ("bce", False)])
def test_logits_while_training_and_probabilities_in_evaluation(loss, sums_to_one):
    cfg = config("SLOWFAST_SMALL.yaml", "MODEL.LOSS_FUNC", loss)
    model = ThermalSlowFast(cfg)
    inputs, boxes = batch(cfg, num_clips=2, people=3)
    logits = model(inputs, boxes)
    assert logits.shape == (6, 8) and logits.min() < 0
    scores = model.eval()(inputs, boxes)
    assert 0 <= scores.min() and scores.max() <= 1
    assert torch.allclose(scores.sum(dim=1), torch.ones(6)) == sums_to_one


def test_inputs_stay_as_they_were_given():
    cfg = config("SLOWFAST_SMALL.yaml")
    inputs, boxes = batch(cfg, num_clips=1, people=1)
    kept = list(inputs)
    ThermalSlowFast(cfg)(inputs, boxes)
    assert len(inputs) == 2 and all(a is b for a, b in zip(inputs, kept))


def test_under_autocast_boxes_keep_their_precision():
    cfg = config("SLOWFAST_SMALL.yaml", "THERMAL.INPUT_SIZE", "[256,384]")
    model = ThermalSlowFast(cfg)
    seen = []
    model.head.s0_roi.register_forward_pre_hook(lambda _module, args: seen.extend(args))
    inputs, boxes = batch(cfg, num_clips=1, people=1)
    with torch.autocast(torch.get_default_device().type, torch.bfloat16):
        model(inputs, boxes)
    assert [part.dtype for part in seen] == [torch.float32, torch.float32]


@pytest.mark.parametrize("depth, blocks", [(50, 6), (101, 23), (152, 36)])
def test_depths(depth, blocks):
    cfg = config("SLOWFAST_SMALL.yaml", "RESNET.DEPTH", depth, "RESNET.WIDTH_PER_GROUP", 8)
    model = ThermalSlowFast(cfg)
    assert hasattr(model.s4, f"pathway0_res{blocks - 1}") and not hasattr(model.s4, f"pathway0_res{blocks}")
    inputs, boxes = batch(cfg, num_clips=1, people=1)
    assert model(inputs, boxes).isfinite().all()


def test_r101_8x8_at_full_size_takes_a_training_step_and_every_parameter_gets_a_gradient():
    cfg = config("SLOWFAST_8x8_R101.yaml", "RESNET.ZERO_INIT_FINAL_BN", False)
    model = ThermalSlowFast(cfg)
    optimizer = pyslowfast.construct_optimizer(model, cfg)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    inputs, boxes = batch(cfg, num_clips=1, people=2, height=40, width=60)
    assert [tuple(pathway.shape[-2:]) for pathway in model.input_layer(inputs)] == [(256, 384)] * 2
    nn.functional.cross_entropy(model(inputs, boxes), torch.tensor([1, 5])).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []
    optimizer.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, model.parameters()))
