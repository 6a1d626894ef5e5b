"""Interaction blocks: people attend to one kind of others.

The blocks of "Asynchronous Interaction Aggregation for Action Detection" (Tang et al., ECCV 2020,
arXiv:2004.07485), section 3.2. A new block is one class, registered by its letter.

Letters in shapes:
    N: clips; P: people of the fullest clip; L: rows that a clip's people attend to; S: seconds of memory
    C: channels
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ClassT = TypeVar("ClassT", bound=type)


class ClassRegistry(dict[str, type]):
    """Classes by the name that stands for them in a configuration."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def register(self, name: str) -> Callable[[ClassT], ClassT]:
        """Decorator that registers a class. ValueError if the name is taken."""

        def add(new: ClassT) -> ClassT:
            if name in self:
                raise ValueError(f"The {self.kind} {name!r} is registered already: {self[name].__name__}.")
            self[name] = new
            return new

        return add

    def find(self, name: str) -> type:
        """The class of this name. ValueError, with the known names, if there is none."""
        if name not in self:
            raise ValueError(f"There is no {self.kind} {name!r}; there are {sorted(self)}.")
        return self[name]


BLOCK_REGISTRY = ClassRegistry("interaction block")


class Others(NamedTuple):
    """What the people of N clips attend to, reduced."""

    rows: Tensor
    """(N, L, C)."""
    present: Tensor | None
    """(N, L) bool, false for rows to leave out; None: every row takes part."""


def make_linear(dim_in: int, dim_out: int) -> nn.Linear:
    """A linear layer with the initial weights of AlphAction."""
    layer = nn.Linear(dim_in, dim_out)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer


def _attend(query: Tensor, rows: Tensor, present: Tensor | None, scale: float) -> Tensor:
    """(N, P, C) queries, (N, L, C) rows that are keys and values -> (N, P, C); zero for a clip with no row present."""
    query, rows = query[:, None], rows[:, None]  # one head
    if present is None:
        return F.scaled_dot_product_attention(query, rows, rows, scale=scale)[:, 0]
    anyone = present.any(1)[:, None, None, None]
    allowed = present[:, None, None] | ~anyone  # a softmax over nothing is not a number
    return (F.scaled_dot_product_attention(query, rows, rows, attn_mask=allowed, scale=scale) * anyone)[:, 0]


class InteractionBlock(nn.Module):
    """People attend to others; what they find is added to their own features. Paper, section 3.2.

    For a person x and others y: shortcut(x) + out(relu(norm(softmax(query(x) key(y)^T / sqrt(C)) value(y)))).
    The shortcut is the identity where dim_out equals dim.

    The many others are never projected to keys and values. As q (W y + b) = (q W) y + q b, each person's query goes
    through the weights of the keys instead, and what a person found in the others through those of the values.
    Columns of ones beside y, one for all rows and one for each second, take the biases and positions along.

    Args:
        dim: C of people and others.
        dim_out: channels of the result.
        seconds: S of the others (see Source). Each second then has a learned position, added to the
            keys and to the values of its rows. 0: no positions.
        dropout: probability, after the output layer.
        layer_norm: normalise what was found, without learned scale and shift.
        zero_init: start the output layer at zero: the block is its shortcut, others change nothing.
    """

    source: ClassVar[str]
    """The kind of others: "person", "object" or "memory"."""

    def __init__(
        self,
        dim: int,
        dim_out: int,
        seconds: int = 0,
        dropout: float = 0.0,
        layer_norm: bool = True,
        zero_init: bool = True,
    ) -> None:
        super().__init__()
        self.query = make_linear(dim, dim)
        self.key = make_linear(dim, dim)
        self.value = make_linear(dim, dim)
        self.seconds = seconds
        if seconds:
            self.key_position = nn.Parameter(torch.zeros(seconds, dim))
            self.value_position = nn.Parameter(torch.zeros(seconds, dim))
        self.norm = nn.LayerNorm(dim, elementwise_affine=False) if layer_norm else nn.Identity()
        self.out = make_linear(dim, dim_out)
        if zero_init:
            nn.init.zeros_(self.out.weight)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Identity() if dim == dim_out else make_linear(dim, dim_out)

    def forward(self, people: Tensor, others: Others) -> Tensor:
        """People (N, P, dim) and what they attend to -> (N, P, dim_out)."""
        query = self.query(people)
        query = torch.cat([query @ self.key.weight, query @ self._weights_of_constants(self.key, "key_position")], 2)
        rows = torch.cat([others.rows, self._constants(others.rows)], 2)
        channels = people.shape[2]
        found, constants = _attend(query, rows, others.present, scale=channels**-0.5).tensor_split([channels], 2)
        found = F.linear(found, self.value.weight)
        found = found + F.linear(constants, self._weights_of_constants(self.value, "value_position"))
        return self.shortcut(people) + self.dropout(self.out(F.relu(self.norm(found))))

    def _constants(self, rows: Tensor) -> Tensor:
        """(N, L, 1 + S) for rows (N, L, dim): a one for the bias, and a one in the column of the row's second."""
        size = rows.shape[1]
        constants = rows.new_ones(size, 1)
        if self.seconds:
            second = torch.eye(self.seconds, dtype=rows.dtype, device=rows.device)
            constants = torch.cat([constants, second.repeat_interleave(size // self.seconds, 0)], 1)
        return constants.expand(rows.shape[0], -1, -1)

    def _weights_of_constants(self, projection: nn.Linear, position: str) -> Tensor:
        """(dim, 1 + S): bias and positions of keys or values."""
        bias = projection.bias[:, None]
        return torch.cat([bias, getattr(self, position).T], 1) if self.seconds else bias


@BLOCK_REGISTRY.register("P")
class PersonBlock(InteractionBlock):
    """People attend to the people of their clip, themselves among them."""

    source = "person"


@BLOCK_REGISTRY.register("O")
class ObjectBlock(InteractionBlock):
    """People attend to the objects of their clip."""

    source = "object"


@BLOCK_REGISTRY.register("M")
class MemoryBlock(InteractionBlock):
    """People attend to the people in the seconds before, at and after their clip's keyframe."""

    source = "memory"
