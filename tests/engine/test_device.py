"""What a training step asks of the device: nothing that it would have to wait for."""

import pytest
import torch

from slowfast_thermal.engine.device import autocast, to_device
from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.models.losses import SoftmaxLoss
from tests.checkpoint.test_pretrained import config

BOXES = torch.tensor([[0, 2.0, 2, 30, 30], [1, 10, 0, 45, 20], [1, 0, 0, 48, 32]])
INTERACTIONS = dict(IA__ENABLE=True, IA__BLOCKS=["P", "O", "M"])
# Tensors there have no values, so whatever reads one fails.
NOWHERE = torch.device("meta")


@pytest.mark.parametrize("settings", [{}, INTERACTIONS], ids=["plain", "interactions"])
def test_a_training_step_reads_nothing_back_from_the_device(settings):
    cfg = config(**settings)
    with NOWHERE:
        model = ThermalSlowFast(cfg).train()
        loss_function = SoftmaxLoss(torch.ones(2))
    frames = (cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA, cfg.DATA.NUM_FRAMES)
    inputs, labels = to_device(
        [torch.rand(2, 1, count, 20, 30) for count in frames], torch.tensor([[0.0, 1.0]] * 3), device=NOWHERE
    )
    others = {}
    if cfg.IA.ENABLE:
        bank = model.new_memory(["A"], penalty=True)
        clips, metadata = BOXES[:, 0].long(), torch.tensor([[0, 10_000], [0, 11_000], [0, 11_000]])
        for _ in range(2):
            bank.update(metadata, clips, torch.rand(3, 320, device=NOWHERE), torch.rand((), device=NOWHERE))
        others = {"objects": BOXES[:1], "memory": bank.read(metadata, clips, 2)}
        assert others["memory"].device == NOWHERE
    loss = loss_function(model(inputs, BOXES, **others), labels)
    loss.backward()
    parameters = list(model.parameters())
    assert all(parameter.grad.device == NOWHERE for parameter in parameters)
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)


@pytest.mark.parametrize("frames", [8, 16])
def test_gradients_on_a_cpu_are_those_of_float32(frames):
    gradients = []
    for is_mixed in (False, True):
        cfg = config(DATA__NUM_FRAMES=frames, TRAIN__MIXED_PRECISION=is_mixed)
        torch.manual_seed(0)
        model = ThermalSlowFast(cfg).train()
        inputs = [torch.rand(2, 1, count, 20, 30) for count in (frames // cfg.SLOWFAST.ALPHA, frames)]
        with autocast(cfg, torch.device("cpu")):
            scores = model(inputs, BOXES)
        SoftmaxLoss(torch.ones(2))(scores.float(), torch.tensor([[0.0, 1.0]] * 3)).backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    exact, mixed = gradients
    assert (mixed - exact).norm() < 0.3 * exact.norm()
