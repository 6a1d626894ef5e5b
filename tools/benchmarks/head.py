"""How long interactions take when a clip's memory is copied to each of its people, and when it is not.

One clip of 25 people with 5 objects and a memory of 61 seconds of 5 people, through the serial structure P O M P O M at
the size of AlphAction's released models; forward and backward in float32. Both ways use the same weights, and must
give the same result and the same gradients.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from slowfast_thermal.models.interaction import InteractionStructure, SerialStructure
from slowfast_thermal.models.interaction_blocks import InteractionBlock
from tools.benchmarks.common import median_seconds

PEOPLE, OBJECTS, SECONDS, PEOPLE_PER_SECOND = 25, 5, 61, 5
DIM_PERSON, DIM_INNER = 2304, 1024


def shared(structure: InteractionStructure, persons: Tensor, objects: Tensor, memory: Tensor) -> Tensor:
    """The structure as it is: (people, channels)."""
    clip_of = torch.zeros(PEOPLE + OBJECTS, dtype=torch.int64, device=persons.device)
    return structure(persons, clip_of[:PEOPLE], 1, objects, clip_of[:OBJECTS], memory)


def copied(structure: InteractionStructure, persons: Tensor, objects: Tensor, memory: Tensor) -> Tensor:
    """The same with a copy of everything that can be attended to for each person, as AlphAction does."""

    def copy(rows: Tensor) -> Tensor:
        return rows.repeat(len(persons), 1, 1)

    others = {
        "person": copy(structure.reduce["person"](persons)),
        "object": structure.reduce["object"](copy(objects)),
        "memory": structure.reduce["memory"](copy(memory[0])),
    }
    people = structure.reduce_query(persons)
    for block in structure.blocks.values():
        people = _attend_to_copies(block, people, others[block.source])
        others["person"] = copy(people)
    return people


def _attend_to_copies(block: InteractionBlock, people: Tensor, others: Tensor) -> Tensor:
    """(R, C) people, (R, L, C) others -> (R, C)."""
    key, value = block.key(others), block.value(others)
    if block.seconds:
        rows_per_second = others.shape[1] // block.seconds
        key = key + block.key_position.repeat_interleave(rows_per_second, 0)
        value = value + block.value_position.repeat_interleave(rows_per_second, 0)
    scores = torch.einsum("rc,rlc->rl", block.query(people), key) / people.shape[1] ** 0.5
    found = torch.einsum("rl,rlc->rc", scores.softmax(1), value)
    return block.shortcut(people) + block.out(block.norm(found).relu())


def forward_backward(
    compute: Callable[..., Tensor], structure: InteractionStructure, inputs: tuple[Tensor, ...]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The result, and the gradients by parameter name."""
    structure.zero_grad()
    result = compute(structure, *inputs)
    result.square().sum().backward()
    return result.detach(), {name: parameter.grad for name, parameter in structure.named_parameters()}


def measure(repeats: int, device: torch.device) -> dict[str, float]:
    torch.manual_seed(0)
    structure = SerialStructure(
        list("POMPOM"),
        dim_person=DIM_PERSON,
        dim_inner=DIM_INNER,
        dim_out=DIM_PERSON,
        max_persons=PEOPLE,
        max_objects=OBJECTS,
        max_per_second=PEOPLE_PER_SECOND,
        window=(SECONDS // 2, SECONDS // 2),
        zero_init=False,
    ).to(device)
    inputs = (
        torch.randn(PEOPLE, DIM_PERSON, device=device),
        torch.randn(OBJECTS, DIM_PERSON, device=device),
        torch.randn(1, SECONDS * PEOPLE_PER_SECOND, DIM_PERSON, device=device),
    )
    ways = {"memory copied to each person": copied, "memory shared by the clip": shared}
    (result_copied, gradients_copied), (result_shared, gradients_shared) = (
        forward_backward(way, structure, inputs) for way in ways.values()
    )
    torch.testing.assert_close(result_shared, result_copied, rtol=1e-4, atol=1e-5)
    for name, gradient in gradients_shared.items():
        scale = gradients_copied[name].abs().max().item()
        torch.testing.assert_close(gradient, gradients_copied[name], rtol=0, atol=1e-4 * scale + 1e-6, msg=name)
    seconds = median_seconds(
        {name: lambda way=way: forward_backward(way, structure, inputs) for name, way in ways.items()}, repeats, device
    )
    slow, fast = seconds.values()
    return {f"{name}, s": value for name, value in seconds.items()} | {"ratio": slow / fast}
