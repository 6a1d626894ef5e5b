import random
from dataclasses import replace

import pytest
import torch
from torch import nn

from slowfast_thermal.checkpoint.training_state import (
    TrainingState,
    load_weights,
    read_checkpoint,
    resume,
    save_checkpoint,
)
from slowfast_thermal.errors import InputError
from slowfast_thermal.pyslowfast import checkpoint as slowfast_checkpoint
from slowfast_thermal.pyslowfast import checkpoint_path, get_cfg, last_checkpoint


class Network(nn.Module):
    """A backbone of ten tensors and a classifier."""

    def __init__(self, classes=4):
        super().__init__()
        self.backbone = nn.Sequential(*(nn.Linear(3, 3) for _ in range(5)))
        self.head = nn.Linear(3, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def new_state(classes=4):
    model = Network(classes)
    return TrainingState(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        torch.amp.GradScaler("cpu", enabled=False),
        [f"class {number}" for number in range(classes)],
    )


def train_step(state, seed=0):
    inputs = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed))
    state.optimizer.zero_grad()
    state.model(inputs).square().sum().backward()
    state.optimizer.step()


def test_a_resumed_run_goes_on_as_the_first_would_have(tmp_path):
    torch.manual_seed(0)
    first = new_state()
    train_step(first)
    first.progress.epoch, first.progress.iteration, first.progress.best_map = 3, 7, 0.25
    path = checkpoint_path(str(tmp_path), 3)
    save_checkpoint(path, first, get_cfg())
    train_step(first, seed=1)

    torch.manual_seed(99)
    second = new_state()
    resume(last_checkpoint(str(tmp_path)), second)
    assert second.progress == first.progress
    train_step(second, seed=1)
    for ours, theirs in zip(first.model.parameters(), second.model.parameters()):
        assert torch.equal(ours, theirs)


def test_pyslowfast_loads_the_checkpoint_and_we_load_pyslowfasts(tmp_path):
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    state = new_state()
    state.progress.epoch = 2
    path = checkpoint_path(str(tmp_path), 2)
    save_checkpoint(path, state, cfg)
    other = new_state()
    epoch = slowfast_checkpoint.load_checkpoint(str(path), other.model, data_parallel=False, optimizer=other.optimizer)
    assert epoch == 1
    assert torch.equal(other.model.head.weight, state.model.head.weight)

    saved = slowfast_checkpoint.save_checkpoint(str(tmp_path), state.model, state.optimizer, 4, cfg)
    load_weights(saved, read_checkpoint(checkpoint_path(str(tmp_path), 5))["model_state"], new_state().model)


def test_a_checkpoint_of_another_network_is_named(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    save_checkpoint(path, new_state(classes=4), get_cfg())
    with pytest.raises(InputError, match=r"epoch_00001\.pyth holds another network .*head\.weight"):
        resume(path, replace(new_state(classes=5), classes=new_state(classes=4).classes))


def test_a_file_without_model_state_is_no_checkpoint_to_resume(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "x.pyth")
    with pytest.raises(InputError, match=r"x\.pyth is no PySlowFast checkpoint"):
        read_checkpoint(tmp_path / "x.pyth")


@pytest.mark.parametrize("fused", [True, False])
def test_a_run_resumed_with_another_order_in_memory_goes_on_as_the_first_would_have(tmp_path, fused):
    clip = torch.randn(2, 4, 5, 5, 5, generator=torch.Generator().manual_seed(0))

    def new(memory_format):
        model = nn.Conv3d(4, 6, 3).to(memory_format=memory_format)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=fused)
        return TrainingState(model, optimizer, torch.amp.GradScaler("cpu", enabled=False), ["standing"])

    def step(state):
        state.optimizer.zero_grad()
        state.model(clip).square().mean().backward()
        state.optimizer.step()

    first, second = new(torch.channels_last_3d), new(torch.contiguous_format)
    step(first)
    path = checkpoint_path(str(tmp_path), 1)
    save_checkpoint(path, first, get_cfg())
    resume(path, second)
    for state in (first, second):
        step(state)
    torch.testing.assert_close(second.model.weight, first.model.weight)


def saved(path, state=None):
    """A checkpoint after a step, and what the file holds."""
    state = state or new_state()
    train_step(state)
    save_checkpoint(path, state, get_cfg())
    return torch.load(path, weights_only=True)


def momentum(checkpoint, place=0):
    return checkpoint["optimizer_state"]["state"][place]


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for key in ("model_state", "optimizer_state", "epoch", "iteration", "best_map"):
        torch.testing.assert_close(found[key], wanted[key], rtol=0, atol=0)
    assert found["cfg"] == wanted["cfg"] and found["classes"] == wanted["classes"]


UNFIT = {
    "momentum of another shape": lambda c: momentum(c).update(momentum_buffer=torch.zeros(1)),
    "momentum larger than its parameter": lambda c: momentum(c).update(momentum_buffer=torch.zeros(300, 300)),
    "momentum of whole numbers": lambda c: momentum(c).update(momentum_buffer=torch.zeros(3, 3, dtype=torch.int64)),
    "sparse momentum": lambda c: momentum(c).update(momentum_buffer=torch.zeros(3, 3).to_sparse()),
    "momentum without memory": lambda c: momentum(c).update(momentum_buffer=torch.zeros(3, 3, device="meta")),
    "momentum that is a text": lambda c: momentum(c).update(momentum_buffer="x"),
    "another optimizer's momentum": lambda c: c["optimizer_state"]["state"].update({0: {"exp_avg": torch.zeros(3, 3)}}),
    "a parameter there is not": lambda c: c["optimizer_state"]["state"].update({99: momentum(c)}),
    "other groups": lambda c: c["optimizer_state"]["param_groups"][0]["params"].reverse(),
    "a tensor for a parameter's state": lambda c: c["optimizer_state"]["state"].update({0: torch.zeros(5)}),
    "groups of tensors": lambda c: c["optimizer_state"]["param_groups"][0].update(params=torch.arange(12)),
    "a rate that is a text": lambda c: c["optimizer_state"]["param_groups"][0].update(lr="x"),
    "groups that are none": lambda c: c["optimizer_state"].update(param_groups=[3]),
    "an optimizer that is a list": lambda c: c.update(optimizer_state=[]),
    "a scale of zero": lambda c: c.update(scaler_state={"scale": 0.0}),
    "a scaler that is a text": lambda c: c.update(scaler_state="x"),
    "epoch abc": lambda c: c.update(epoch="abc"),
    "epoch -5": lambda c: c.update(epoch=-5),
    "epoch 0.5": lambda c: c.update(epoch=0.5),
    "epoch True": lambda c: c.update(epoch=True),
    "an epoch beyond all counting": lambda c: c.update(epoch=10**30),
    "no epoch": lambda c: c.pop("epoch"),
    "best mAP None": lambda c: c.update(best_map=None),
    "best mAP nan": lambda c: c.update(best_map=float("nan")),
    "best mAP 7": lambda c: c.update(best_map=7),
    "iteration a million": lambda c: c.update(iteration=10**6),
    "iteration -1": lambda c: c.update(iteration=-1),
    "a configuration that is a number": lambda c: c.update(cfg=4),
    "data that are a list": lambda c: c.update(data=[1]),
    "data without fingerprints": lambda c: c.update(data={"train.json": None}),
    "classes that are a number": lambda c: c.update(classes=4),
    "classes with another name": lambda c: c["classes"].reverse(),
    "weights of another type": lambda c: c["model_state"].update({"head.bias": torch.zeros(4, dtype=torch.int64)}),
    "weights without memory": lambda c: c["model_state"].update({"head.bias": torch.zeros(4, device="meta")}),
    "weights that are a text": lambda c: c["model_state"].update({"head.bias": "x"}),
    "weights under a number": lambda c: c["model_state"].update({7: torch.zeros(4)}),
}


@pytest.mark.parametrize("spoil", UNFIT.values(), ids=UNFIT.keys())
def test_what_does_not_fit_is_refused_before_any_of_it_is_used(tmp_path, spoil):
    path = checkpoint_path(str(tmp_path), 1)
    checkpoint = saved(path)
    spoil(checkpoint)
    torch.save(checkpoint, path)
    state = new_state()
    state.epoch_iters = 6
    before = {name: value.clone() for name, value in state.model.state_dict().items()}
    with pytest.raises(InputError, match=r"checkpoint_epoch_00001\.pyth .*OUTPUT_DIR"):
        resume(path, state)
    assert all(torch.equal(value, before[name]) for name, value in state.model.state_dict().items())
    assert not state.optimizer.state and state.progress.epoch == 0


def test_momentum_in_any_layout_is_laid_out_as_its_parameter(tmp_path):
    """Fused optimizers go through both without looking at strides."""
    path = checkpoint_path(str(tmp_path), 1)
    checkpoint = saved(path)
    expanded = torch.arange(3.0).expand(3, 3)
    momentum(checkpoint).update(momentum_buffer=expanded)
    momentum(checkpoint, 2).update(momentum_buffer=expanded.T)
    torch.save(checkpoint, path)
    state = new_state()
    resume(path, state)
    for parameter, wanted in zip(list(state.model.parameters())[::2], (expanded, expanded.T)):
        found = state.optimizer.state[parameter]["momentum_buffer"]
        assert torch.equal(found, wanted) and found.stride() == parameter.stride()


def test_adam_goes_on_and_refuses_another_shape(tmp_path):
    def adam():
        state = new_state()
        return replace(state, optimizer=torch.optim.AdamW(state.model.parameters(), lr=0.1))

    path, first, second = checkpoint_path(str(tmp_path), 1), adam(), adam()
    checkpoint = saved(path, first)
    resume(path, second)
    train_step(first), train_step(second)
    assert torch.equal(first.model.head.weight, second.model.head.weight)
    momentum(checkpoint)["exp_avg_sq"] = torch.zeros(2)
    torch.save(checkpoint, path)
    with pytest.raises(InputError, match=r"'exp_avg_sq' has the shape \(2,\) instead of \(3 x 3\)"):
        resume(path, adam())


def test_what_was_written_with_other_settings_is_refused_by_their_keys(tmp_path):
    path, state = checkpoint_path(str(tmp_path), 1), new_state()
    train_step(state)
    state.progress.iteration = 13
    save_checkpoint(path, state, get_cfg())
    other = replace(new_state(), epoch_iters=10)
    with pytest.raises(
        InputError, match=r"after iteration 13 of an epoch, which has 10 here, since TRAIN\.BATCH_SIZE, "
    ):
        resume(path, other)
    other = replace(new_state(), optimizer=torch.optim.AdamW(new_state().model.parameters(), lr=0.1))
    with pytest.raises(InputError, match=r"'momentum_buffer'.*as another SOLVER\.OPTIMIZING_METHOD does"):
        resume(path, other)


def test_rates_and_decays_come_from_the_configuration(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    saved(path)
    state = new_state()
    state.optimizer.param_groups[0]["weight_decay"] = 0.5
    resume(path, state)
    assert state.optimizer.param_groups[0]["weight_decay"] == 0.5


def test_a_run_with_a_scale_goes_on_from_one_without(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    saved(path)
    state = replace(new_state(), scaler=torch.amp.GradScaler("cpu"))
    resume(path, state)
    assert state.scaler.get_scale() == 2.0**16


@pytest.mark.parametrize("zeros", [0, 100])
def test_one_changed_byte_is_found_or_changes_nothing(tmp_path, zeros):
    """`zeros` bytes in the middle, as of a lost block, or one changed bit at each of 150 random places."""
    path = checkpoint_path(str(tmp_path), 1)
    checkpoint = saved(path)
    content = path.read_bytes()
    rng = random.Random(0)
    found = 0
    for _ in range(150):
        place = rng.randrange(len(content) - zeros)
        changed = bytes(zeros) if zeros else bytes([content[place] ^ 1 << rng.randrange(8)])
        path.write_bytes(content[:place] + changed + content[place + len(changed) :])
        try:
            assert_same(read_checkpoint(path), checkpoint)
        except InputError:
            found += 1
    assert found > 50


def test_files_saved_without_checksums_still_load(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    checkpoint = saved(path)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(checkpoint, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert_same(read_checkpoint(path), checkpoint)
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    assert_same(read_checkpoint(path), checkpoint)
