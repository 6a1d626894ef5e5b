import os

import pytest
import torch
from torch import nn

from slowfast_thermal.checkpoint.training_state import (
    TrainingState,
    load_weights,
    read_checkpoint,
    remove_partial_files,
    replacing,
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


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_written_file_may_be_read_by_whom_the_umask_lets(tmp_path):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "file") as temporary:
        open(temporary, "w").close()
    assert os.stat(tmp_path / "file").st_mode == os.stat(tmp_path / "plain").st_mode


def test_what_a_killed_process_left_is_removed_and_never_taken_for_a_checkpoint(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    save_checkpoint(path, new_state(), get_cfg())
    (path.parent / "partial-xyz").write_bytes(b"half")
    assert last_checkpoint(str(tmp_path)) == path
    remove_partial_files(path.parent)
    assert os.listdir(path.parent) == [path.name]


def test_a_checkpoint_of_another_network_is_named(tmp_path):
    path = checkpoint_path(str(tmp_path), 1)
    save_checkpoint(path, new_state(classes=4), get_cfg())
    with pytest.raises(InputError, match=r"epoch_00001\.pyth holds another network .*head\.weight"):
        resume(path, new_state(classes=5))


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
