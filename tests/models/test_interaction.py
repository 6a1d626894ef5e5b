"""Interaction aggregation against AlphAction, and what it promises beyond it.

`interaction_golden/*.npz` holds weights, inputs and outputs of AlphAction's own layers in evaluation mode;
the letters in a file's name are its blocks.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slowfast_thermal.checkpoint.sources import SOURCES, convert
from slowfast_thermal.models.interaction import (
    STRUCTURE_REGISTRY,
    InteractionStructure,
    SerialStructure,
)
from slowfast_thermal.models.interaction_blocks import BLOCK_REGISTRY, InteractionBlock, Others

pytestmark = pytest.mark.usefixtures("on_device")
HERE = Path(__file__).parent
GOLDEN = {
    "serial_P": ("serial", ["P"]),
    "serial_POMPOM": ("serial", list("POMPOM")),
    "dense_PMPM": ("dense_serial", list("PMPM")),
    "dense_POMPOM": ("dense_serial", list("POMPOM")),
    "parallel_POM_POM": ("parallel", [list("POM"), list("POM")]),
}
STRUCTURES = [GOLDEN["serial_POMPOM"], GOLDEN["dense_POMPOM"], GOLDEN["parallel_POM_POM"], ("serial", ["M", "P"])]
PEOPLE, CLIPS = torch.tensor([0, 0, 0, 1, 2, 2]), 3
OBJECTS = torch.tensor([0, 0, 2])


def build(structure: str, blocks: list, **arguments) -> InteractionStructure:
    """A structure of the golden files' size."""
    size = dict(dim_person=24, dim_inner=16, dim_out=24, max_persons=4, max_objects=3, max_per_second=2, window=(2, 2))
    return STRUCTURE_REGISTRY.find(structure)(blocks, **{**size, **arguments}).eval()


def build_random(structure: str, blocks: list, **arguments) -> InteractionStructure:
    """The same with weights that let everything matter; the same weights for the same blocks."""
    model = build(structure, blocks, **arguments)
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


def build_golden(name: str) -> tuple[InteractionStructure, dict[str, Tensor], Tensor]:
    """AlphAction's weights, the inputs by argument name, and AlphAction's output."""
    with np.load(HERE / f"interaction_golden/{name}.npz") as file:
        arrays = {key: torch.from_numpy(value).to(torch.get_default_device()) for key, value in file.items()}
    model = build(*GOLDEN[name])
    weights = {key.removeprefix("param."): value for key, value in arrays.items() if key.startswith("param.")}
    prefix = "roi_heads.action.feature_extractor.ia_structure."
    converted, ignored = convert(SOURCES["alphaction"], {prefix + key: value for key, value in weights.items()})
    assert not ignored
    model.load_state_dict({key.removeprefix("head.structure."): value for key, value in converted.items()})
    clips = torch.arange(2)
    inputs = dict(
        persons=arrays["person"],
        person_clips=clips.repeat_interleave(arrays["persons_per_clip"]),
        num_clips=2,
        objects=arrays["object"],
        object_clips=clips.repeat_interleave(arrays["objects_per_clip"]),
        memory=arrays["memory"],
    )
    return model, inputs, arrays["output"]


def make_inputs() -> dict:
    """Three clips: 3, 1 and 2 people; 2, 0 and 1 objects; memory in part, none, and full."""
    torch.manual_seed(1)
    memory = torch.randn(CLIPS, 5 * 2, 24)
    memory[0, 5:] = 0
    memory[1] = 0
    return dict(
        persons=torch.randn(len(PEOPLE), 24),
        person_clips=PEOPLE,
        num_clips=CLIPS,
        objects=torch.randn(len(OBJECTS), 24),
        object_clips=OBJECTS,
        memory=memory,
    )


def select_clips(inputs: dict, clips: list[int]) -> tuple[dict, Tensor]:
    """The same inputs with these clips only, in this order, and the indices of their people."""
    people = torch.cat([(inputs["person_clips"] == clip).nonzero()[:, 0] for clip in clips])
    objects = torch.cat([(inputs["object_clips"] == clip).nonzero()[:, 0] for clip in clips])
    new_index = torch.full((CLIPS,), -1)
    new_index[clips] = torch.arange(len(clips))
    selected = dict(
        persons=inputs["persons"][people],
        person_clips=new_index[inputs["person_clips"][people]],
        num_clips=len(clips),
        objects=inputs["objects"][objects],
        object_clips=new_index[inputs["object_clips"][objects]],
        memory=inputs["memory"][clips],
    )
    return selected, people


def to_float64(inputs: dict) -> dict:
    features = {name: inputs[name].double() for name in ("persons", "objects", "memory")}
    return {**inputs, **features}


@pytest.mark.parametrize("name", GOLDEN)
def test_computes_what_alphaction_computes(name):
    """In float64, so that the difference is the rounding of AlphAction's float32 on every machine."""
    model, inputs, expected = build_golden(name)
    result = model.double()(**to_float64(inputs))
    torch.testing.assert_close(result, expected.double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", GOLDEN)
def test_computes_nearly_the_same_in_bfloat16(name):
    model, inputs, expected = build_golden(name)
    with torch.autocast(torch.get_default_device().type, torch.bfloat16):
        result = model(**inputs)
    result.float().sum().backward()
    torch.testing.assert_close(result.float(), expected, rtol=0, atol=0.05 * expected.abs().max().item())
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("mask_absent", [False, True])
@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_scores_do_not_depend_on_order_or_batching_of_clips(structure, blocks, mask_absent):
    model, inputs = build_random(structure, blocks, mask_absent=mask_absent), make_inputs()
    together = model(**inputs)
    for clips in ([0], [1], [2], [2, 0], [1, 2, 0]):
        selected, people = select_clips(inputs, clips)
        torch.testing.assert_close(model(**selected), together[people], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_people_of_a_clip_need_not_stand_together(structure, blocks):
    model, inputs = build_random(structure, blocks), make_inputs()
    together = model(**inputs)
    order = torch.tensor([4, 0, 3, 1, 5, 2], device="cpu")
    inputs.update(persons=inputs["persons"][order], person_clips=PEOPLE[order])
    torch.testing.assert_close(model(**inputs), together[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_a_batch_without_people_has_no_scores(structure, blocks):
    inputs = make_inputs()
    inputs.update(persons=inputs["persons"][:0], person_clips=PEOPLE[:0])
    assert build(structure, blocks)(**inputs).shape == (0, 24)


def test_a_batch_may_have_no_objects():
    inputs = make_inputs()
    inputs.update(objects=inputs["objects"][:0], object_clips=OBJECTS[:0])
    assert build_random("serial", ["O"])(**inputs).isfinite().all()


def test_people_beyond_the_limit_are_scored_but_not_attended_to():
    model, inputs = build_random("serial", ["P", "P"], max_persons=2), make_inputs()
    before = model(**inputs)
    inputs["persons"][2] += 1
    after = model(**inputs)
    changed = (before != after).any(1)
    assert changed.tolist() == [False, False, True, False, False, False]


def test_objects_beyond_the_limit_are_not_attended_to():
    model, inputs = build_random("serial", ["O"], max_objects=1), make_inputs()
    before = model(**inputs)
    inputs["objects"][1] += 1
    torch.testing.assert_close(model(**inputs), before, rtol=0, atol=0)


def test_absent_rows_take_part_in_the_softmax_as_in_alphaction():
    inputs = make_inputs()
    few = build_random("serial", ["P"], max_persons=4)(**inputs)
    many = build_random("serial", ["P"], max_persons=9)(**inputs)
    assert (few - many).abs().max() > 0.01


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_masked_absent_rows_change_nothing(structure, blocks):
    inputs = make_inputs()
    tight = build_random(structure, blocks, mask_absent=True)
    roomy = build_random(structure, blocks, mask_absent=True, max_persons=9, max_objects=7, max_per_second=3)
    expected = tight(**inputs)
    with_gap = torch.zeros(CLIPS, 5, 3, 24)
    with_gap[:, :, [0, 2]] = inputs["memory"].unflatten(1, (5, 2))
    inputs["memory"] = with_gap.flatten(1, 2)
    torch.testing.assert_close(roomy(**inputs), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_clip_with_nothing_to_attend_to_stays_finite_when_masked(structure, blocks):
    model = build_random(structure, blocks, mask_absent=True)
    inputs, _ = select_clips(make_inputs(), [1])
    with torch.autograd.set_detect_anomaly(True):
        result = model(**inputs)
        result.square().sum().backward()
    assert result.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("mask_absent", [False, True])
@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_every_parameter_learns(structure, blocks, mask_absent):
    """All but the bias of the keys: it adds the same to every score of a query, which a softmax ignores."""
    model = build_random(structure, blocks, mask_absent=mask_absent, dropout=0.1).double().train()
    inputs = to_float64(make_inputs())
    inputs["persons"].requires_grad_()
    with torch.autograd.set_detect_anomaly(True):
        model(**inputs).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    idle = {name for name, gradient in gradients.items() if not gradient.abs().max() > 1e-9}
    assert idle == {name for name in gradients if name.endswith("key.bias")}
    assert inputs["persons"].grad.abs().sum(1).min() > 0


@pytest.mark.parametrize("structure, blocks", STRUCTURES)
def test_starts_as_a_linear_map_of_each_person_alone(structure, blocks):
    model, inputs = build(structure, blocks, zero_init=True), make_inputs()
    before = model(**inputs)
    inputs["persons"][0] *= 2
    inputs["objects"] += 1
    inputs["memory"] += 1
    after = model(**inputs)
    torch.testing.assert_close(after[0], 2 * before[0])
    torch.testing.assert_close(after[1:], before[1:])


def test_dense_serial_starts_as_serial():
    dense = build("dense_serial", list("POMPOM"), zero_init=False)
    serial = build("serial", list("POMPOM"), zero_init=False)
    serial.load_state_dict({name: dense.state_dict()[name] for name in serial.state_dict()})
    inputs = make_inputs()
    torch.testing.assert_close(dense(**inputs), serial(**inputs), rtol=1e-3, atol=1e-5)


def test_memory_and_objects_are_reduced_once_a_clip_and_never_projected_to_keys_and_values():
    model, inputs = build("serial", ["O", "M"]), make_inputs()
    expected = {
        "reduce.memory": CLIPS * 5 * 2,
        "reduce.object": CLIPS * 3,
        **dict.fromkeys([f"blocks.{block}.{layer}" for block in ("M1", "O1") for layer in ("key", "value")], 0),
    }
    rows = dict.fromkeys(expected, 0)

    def count_rows_of(name: str):
        def count(_layer: nn.Module, args: tuple[Tensor], _output: Tensor) -> None:
            rows[name] += args[0].shape[:-1].numel()

        return count

    for name in expected:
        model.get_submodule(name).register_forward_hook(count_rows_of(name))
    model(**inputs)
    assert rows == expected


def test_others_may_have_channels_of_their_own():
    inputs = make_inputs()
    inputs.update(objects=torch.randn(len(OBJECTS), 7), memory=torch.randn(CLIPS, 10, 9))
    assert build("serial", list("POM"), dim_object=7, dim_memory=9, dim_out=5)(**inputs).shape == (len(PEOPLE), 5)


def test_structure_takes_inputs_that_its_blocks_do_not_use():
    model, inputs = build_random("serial", ["P"]), make_inputs()
    assert set(model.sources) == {"person"}
    alone = {key: inputs[key] for key in ("persons", "person_clips", "num_clips")}
    torch.testing.assert_close(model(**alone), model(**inputs))


@pytest.fixture
def registries():
    """Forgets what a test registers."""
    saved = [(registry, dict(registry)) for registry in (BLOCK_REGISTRY, STRUCTURE_REGISTRY)]
    yield
    for registry, content in saved:
        registry.clear()
        registry.update(content)


def test_a_new_block_is_one_class(registries):
    @BLOCK_REGISTRY.register("B")
    class BeforeBlock(InteractionBlock):
        """Attends to the memory before the keyframe only."""

        source = "memory"

        def forward(self, people: Tensor, others: Others) -> Tensor:
            before = torch.arange(others.rows.shape[1]) < 2 * 2
            return super().forward(people, others._replace(present=before.expand(len(others.rows), -1)))

    model, inputs = build_random("parallel", [["P", "B"], ["P", "B"]]), make_inputs()
    result = model(**inputs)
    inputs["memory"][:, 4:] += 1
    torch.testing.assert_close(model(**inputs), result)


def test_a_new_structure_is_one_class(registries):
    @STRUCTURE_REGISTRY.register("mean")
    class MeanStructure(SerialStructure):
        """Each block works on the mean of all results before it."""

        def next_input(self, results: list[Tensor]) -> Tensor:
            return torch.stack(results).mean(0)

    assert build("mean", list("PMPM"))(**make_inputs()).shape == (len(PEOPLE), 24)


def test_a_name_is_registered_once(registries):
    with pytest.raises(ValueError, match="'P' is registered already: PersonBlock"):
        BLOCK_REGISTRY.register("P")(InteractionBlock)


@pytest.mark.parametrize(
    "structure, blocks, arguments, message",
    [
        ("serial", [], {}, "list of blocks"),
        ("serial", [["P", "M"]], {}, "list of blocks"),
        ("dense_serial", ["P", ["M"]], {}, "list of blocks"),
        ("parallel", [], {}, "list of layers"),
        ("parallel", ["P", "M"], {}, "list of layers"),
        ("parallel", [["P"], []], {}, "list of layers"),
        ("parallel", [["P", "M"], ["P"]], {}, "as many blocks each"),
        ("serial", ["P", "X"], {}, "no interaction block 'X'; there are .'M', 'O', 'P'."),
        ("circular", ["P"], {}, "no interaction structure 'circular'"),
        ("serial", ["P", "O"], {"max_objects": 0}, "attend to object features"),
        ("serial", ["P"], {"max_persons": 0}, "attend to person features"),
        ("serial", ["M"], {"max_per_second": 0}, "attend to memory features"),
        ("serial", ["M"], {"window": (2, -1)}, "must not be negative: 2, -1"),
        ("serial", ["P"], {"dropout": 1.5}, "dropout probability"),
    ],
)
def test_refuses_what_cannot_be_built(structure, blocks, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(structure, blocks, **arguments)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"persons": torch.zeros(6, 7)}, r"persons is \(6, 7\), but must be \(6, 24\)"),
        ({"person_clips": torch.tensor([0, 0, 0, 1, 2, 3])}, r"must lie in \[0, 3\)"),
        ({"person_clips": torch.tensor([0, 0, 0, 1, 2, -1])}, r"must lie in \[0, 3\)"),
        ({"objects": None}, "attends to objects"),
        ({"object_clips": None}, "attends to objects"),
        ({"objects": torch.zeros(2, 24)}, r"objects is \(2, 24\), but must be \(3, 24\)"),
        ({"memory": None}, "attends to memory"),
        ({"memory": torch.zeros(3, 9, 24)}, r"memory is \(3, 9, 24\), but must be \(3, 10, 24\)"),
    ],
)
def test_refuses_inputs_that_do_not_fit(wrong, message):
    with pytest.raises(ValueError, match=message):
        build("serial", list("POM"))(**{**make_inputs(), **wrong})
