import pytest
import torch
from torch import nn

from slowfast_thermal import pyslowfast
from slowfast_thermal.config import load_config
from slowfast_thermal.errors import InputError
from slowfast_thermal.models import IARoIHead, ThermalSlowFast
from slowfast_thermal.models.interaction import STRUCTURE_REGISTRY
from slowfast_thermal.models.roi_head import interaction_lr_factors
from tests.conftest import CONFIGS

pytestmark = pytest.mark.usefixtures("on_device")
STRUCTURES = [("serial", list("POM")), ("dense_serial", list("POMPOM")), ("parallel", [list("POM"), list("POM")])]
# Boxes lie on the CPU, as the loader gives them.
BOXES = torch.tensor([[0, 0, 0, 60, 60], [0, 50, 20, 90, 60], [1, 10, 0, 40, 50]]).float()
OBJECTS = torch.tensor([[1.0, 0, 0, 30, 30]])
WINDOW, PER_SECOND, DIM = (3, 2), 2, 20


def build_head(structure="serial", blocks=("P", "O", "M"), fusion="add", hidden_dims=(), dim_out=DIM, **arguments):
    """A head of 16 slow and 4 fast channels and 5 classes, with weights that let everything matter."""
    torch.manual_seed(0)
    layers = STRUCTURE_REGISTRY.find(structure)(
        blocks, dim_person=DIM, dim_inner=8, dim_out=dim_out, max_persons=3, max_objects=2,
        max_per_second=PER_SECOND, window=WINDOW, **arguments,
    )  # fmt: skip
    for parameter in layers.parameters():
        nn.init.normal_(parameter, std=0.2)
    return IARoIHead(
        layers,
        [16, 4],
        5,
        [[4, 1, 1], [8, 1, 1]],
        [[3, 3]] * 2,
        [16] * 2,
        dropout_rate=0.1,
        fusion=fusion,
        hidden_dims=hidden_dims,
    )


def make_features():
    """Slow and fast features of two clips of 64x96 pixels."""
    torch.manual_seed(1)
    return [torch.rand(2, 16, 4, 4, 6), torch.rand(2, 4, 8, 4, 6)]


def make_memory():
    torch.manual_seed(2)
    return torch.rand(2, sum(WINDOW) + 1, PER_SECOND, DIM)


def small_network(*overrides):
    """The network of SLOWFAST_SMALL.yaml with small interactions."""
    fixed = "DATA.PATH_TO_DATA_DIR . NUM_GPUS 0 IA.ENABLE True IA.DIM_INNER 16 IA.DIM_OUT 640 IA.MEMORY_WINDOW [2,2]".split()
    cfg = load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), fixed + [str(value) for value in overrides])
    return ThermalSlowFast(cfg), cfg


def make_clips(cfg, num_clips=2):
    slow_frames = cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA
    return [torch.rand(num_clips, 1, frames, 20, 30) for frames in (slow_frames, cfg.DATA.NUM_FRAMES)]


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
@pytest.mark.parametrize("fusion, dim_out", [("add", DIM), ("concat", 7)])
@pytest.mark.parametrize("hidden_dims", [(), (12, 9)])
def test_every_person_gets_a_score_of_each_class(structure, blocks, fusion, dim_out, hidden_dims):
    head = build_head(structure, blocks, fusion, hidden_dims, dim_out)
    assert head(make_features(), BOXES, OBJECTS, make_memory()).shape == (3, 5)


def test_pools_what_pyslowfasts_head_pools():
    head, features = build_head().eval(), make_features()
    reference = pyslowfast.ResNetRoIHead([16, 4], 5, [[4, 1, 1], [8, 1, 1]], [[3, 3]] * 2, [16] * 2, act_func="sigmoid")
    reference.projection = reference.act = nn.Identity()
    pooled = head.pool(features, BOXES, OBJECTS)
    torch.testing.assert_close(pooled.persons, reference(list(features), BOXES.to(features[0].device)))
    torch.testing.assert_close(pooled.objects, reference(list(features), OBJECTS.to(features[0].device)))
    assert (pooled.person_clips.tolist(), pooled.object_clips.tolist(), pooled.num_clips) == ([0, 0, 1], [1], 2)


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_pooling_first_and_classifying_later_gives_the_same(structure, blocks):
    head, features, memory = build_head(structure, blocks).eval(), make_features(), make_memory()
    torch.testing.assert_close(
        head.classify(head.pool(features, BOXES, OBJECTS), memory),
        head(features, BOXES, OBJECTS, memory),
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_without_objects_and_memory_there_are_none(structure, blocks):
    head, features = build_head(structure, blocks).eval(), make_features()
    nothing = torch.zeros_like(make_memory())
    torch.testing.assert_close(head(features, BOXES), head(features, BOXES, OBJECTS[:0], nothing), rtol=0, atol=0)


@pytest.mark.parametrize("boxes", [BOXES[:0], BOXES[:2], BOXES[2:]], ids=["nobody", "first clip", "second clip"])
def test_a_clip_may_be_without_people(boxes):
    assert build_head().eval()(make_features(), boxes, OBJECTS, make_memory()).shape == (len(boxes), 5)


def test_the_keyframes_own_second_holds_the_people_of_the_clip():
    head, features, memory = build_head("serial", ["M"]).eval(), make_features(), make_memory()
    before = head(features, BOXES, memory=memory)
    memory[:, WINDOW[0]] = 9
    torch.testing.assert_close(head(features, BOXES, memory=memory), before, rtol=0, atol=0)
    pooled = head.pool(features, BOXES)
    completed = head._with_present(memory, pooled)
    torch.testing.assert_close(completed[0, WINDOW[0]], pooled.persons[:2])
    torch.testing.assert_close(completed[1, WINDOW[0]], torch.stack([pooled.persons[2], torch.zeros(DIM)]))


def test_objects_and_memory_change_the_scores_of_their_clip_alone():
    head, features, memory = build_head().eval(), make_features(), make_memory()
    before = head(features, BOXES, OBJECTS, memory)
    moved = OBJECTS + torch.tensor([0, 20.0, 10, 40, 10], device="cpu")
    assert (head(features, BOXES, moved, memory) != before).any(1).tolist() == [False, False, True]
    memory[0, 0] += 1
    assert (head(features, BOXES, OBJECTS, memory) != before).any(1).tolist() == [True, True, False]


def test_pooled_features_come_back_without_a_gradient():
    head, features = build_head(), make_features()
    scores, pooled = head(features, BOXES, return_pooled=True)
    assert scores.requires_grad and not pooled.requires_grad
    torch.testing.assert_close(pooled, head.pool(features, BOXES).persons)


@pytest.mark.parametrize("fusion", ["add", "concat"])
@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_backward_reaches_every_parameter_and_finds_no_anomaly(structure, blocks, fusion):
    """All but the bias of the keys, which a softmax ignores (see test_interaction)."""
    head = build_head(structure, blocks, fusion, (64, 64), dropout=0.1).train()
    with torch.autograd.set_detect_anomaly(True):
        head(make_features(), BOXES, OBJECTS, make_memory()).square().sum().backward()
    idle = {name for name, parameter in head.named_parameters() if not parameter.grad.abs().max() > 1e-12}
    assert all(name.endswith("key.bias") for name in idle), idle


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*_IA*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_with_interactions_builds_its_head(path):
    cfg = load_config(str(path), ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0"])
    assert cfg.IA.ENABLE
    with torch.device("meta"):
        head = IARoIHead.from_config(cfg)
    slow = 32 * cfg.RESNET.WIDTH_PER_GROUP
    assert head.structure.dim_out == slow + slow // cfg.SLOWFAST.BETA_INV + 2 * (cfg.THERMAL.BOX_FEATURES == "size")


def test_the_backbone_keeps_pyslowfasts_names():
    network, cfg = small_network()
    theirs = pyslowfast.SlowFast(cfg).state_dict()
    ours = {name for name in network.state_dict() if not name.startswith("head.")}
    assert ours == {name for name in theirs if not name.startswith("head.")}


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_the_network_runs_as_in_pyslowfasts_loops_and_with_everything_around(structure, blocks):
    network, cfg = small_network("IA.STRUCTURE", structure, "IA.BLOCKS", blocks)
    inputs = make_clips(cfg)
    assert network(inputs, BOXES).shape == (3, 8)
    scores = network.eval()(inputs, BOXES, objects=OBJECTS, memory=torch.rand(2, 5, 5, 640))
    torch.testing.assert_close(scores.sum(1), torch.ones(3))


def test_without_memory_blocks_there_is_no_memory():
    assert small_network("IA.BLOCKS", ["P"])[0].new_memory(["A"]) is None
    assert small_network("IA.ENABLE", False)[0].new_memory(["A"]) is None
    assert small_network()[0].new_memory(["A"]) is not None


def test_interaction_weights_learn_ten_times_and_their_biases_twenty_times_as_fast():
    network, cfg = small_network("SOLVER.BASE_LR", 0.5)
    optimizer = pyslowfast.construct_optimizer(network, cfg, interaction_lr_factors(network, cfg))
    pyslowfast.set_lr(optimizer, 0.01)
    rates = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    for name, parameter in network.named_parameters():
        interaction = name.startswith("head.structure.")
        expected = 0.01 * (10 if interaction else 1) * (2 if interaction and name.endswith("bias") else 1)
        assert rates[parameter] == pytest.approx(expected), name


@pytest.mark.parametrize(
    "overrides, message",
    [
        (["IA.STRUCTURE", "circular"], r"IA\.STRUCTURE circular .* there are \['dense_serial', 'parallel', 'serial'\]"),
        (["IA.BLOCKS", ["P", "X"]], r"no interaction block 'X'"),
        (["IA.STRUCTURE", "parallel"], r"IA\.BLOCKS \['P', 'M', 'P', 'M'\] .* list of layers such as"),
        (["IA.BLOCKS", [["P"], ["M"]]], r"needs a list of blocks such as"),
        (["IA.BLOCKS", ["O"], "IA.MAX_OBJECTS", 0], r"attend to object features, but a clip keeps none"),
    ],
)
def test_blocks_that_do_not_fit_the_structure_are_named(overrides, message):
    with pytest.raises(InputError, match=message):
        small_network(*overrides)


def test_fusion_by_addition_needs_as_many_channels_as_a_person_has():
    with pytest.raises(ValueError, match="needs a structure that gives 20 channels, not 7"):
        build_head(dim_out=7)
