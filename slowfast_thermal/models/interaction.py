"""Interaction aggregation: what a person does depends on the people, the objects and the past around them.

From "Asynchronous Interaction Aggregation for Action Detection" (Tang et al., ECCV 2020,
arXiv:2004.07485), section 3.2; the authors' code is AlphAction (github.com/MVIG-SJTU/AlphAction).
With AlphAction's weights (`checkpoint.sources`) these layers compute what AlphAction computes.
They differ in cost: the memory and objects of a clip are reduced once for all its people, and not projected again.

A structure connects blocks (see interaction_blocks): serial, dense serial or parallel. A new structure is
one class, registered by its name.

Letters in shapes:
    N: clips; R: people over all clips; P: people of the fullest clip; Q: objects over all clips
    L: rows that a clip's people attend to; S: seconds of memory; M: people of one second; C: channels

Features are floating point, clip indices int64.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slowfast_thermal.models.interaction_blocks import BLOCK_REGISTRY, ClassRegistry, Others, make_linear

STRUCTURE_REGISTRY = ClassRegistry("interaction structure")


class Source(NamedTuple):
    """One kind of others that people attend to."""

    dim: int
    """Channels of its features."""
    rows: int
    """L: rows kept of each clip."""
    seconds: int = 0
    """S, if the rows stand in order of time, those of a second together (L = S * M); 0: no order."""


class ClipGroups:
    """Groups rows by clip: from (R, C), a row a person, to (N, P, C) and back.

    Args:
        clips: (R,) int64, the clip of each row, in any order. On the CPU, nothing waits for the device.
        num_clips: N.
        device: of the rows.

    Raises:
        ValueError: a clip index lies outside [0, N).
    """

    def __init__(self, clips: Tensor, num_clips: int, device: torch.device) -> None:
        exporting = torch.compiler.is_compiling()  # then no value is known, and there is room for all in one clip
        if not exporting and clips.shape[0] and not 0 <= int(clips.min()) <= int(clips.max()) < num_clips:
            raise ValueError(f"Clip indices {clips.tolist()} must lie in [0, {num_clips}).")
        self.num_clips = num_clips
        earlier_in_clip = (clips[:, None] == clips).tril(-1)
        slots = earlier_in_clip.sum(1)
        self.size = int(slots.max()) + 1 if not exporting and clips.shape[0] else clips.shape[0]
        self.clips, self.slots = (places.to(device, non_blocking=True) for places in (clips, slots))
        self.present = self.pad(torch.ones(clips.shape[0], dtype=torch.bool, device=device))
        """(N, P) bool: which rows of a padded tensor are someone."""

    def pad(self, rows: Tensor) -> Tensor:
        """(R, ...) -> (N, P, ...): the rows of a clip in the order given, then zeros."""
        padded = rows.new_zeros(self.num_clips, self.size, *rows.shape[1:])
        return padded.index_put((self.clips, self.slots), rows)

    def unpad(self, padded: Tensor) -> Tensor:
        """(N, P, ...) -> (R, ...)."""
        return padded[self.clips, self.slots]


def _check_shape(name: str, tensor: Tensor, *shape: int) -> None:
    if tensor.shape != shape:
        raise ValueError(f"The shape of {name} is {tuple(tensor.shape)}, but must be {shape}.")


def fit_rows(rows: Tensor, size: int) -> Tensor:
    """(N, P, C) -> (N, size, C): cuts rows off or adds zeros."""
    return F.pad(rows, (0, 0, 0, size))[:, :size]


class InteractionStructure(nn.Module):
    """Blocks, connected. Features of people, objects and memory are first reduced to `dim_inner`.

    A clip has a fixed number of rows of each kind of others, whatever it is batched with; rows of no one
    are zero. They take part in the softmax unless `mask_absent`, because AlphAction's released weights
    were trained so.

    All people of a clip are scored, but only its first `max_persons` people and first `max_objects`
    objects, in the order given, are attended to; AlphAction draws that many at random, at evaluation too.
    In training, dropout of memory and objects is drawn once a clip; AlphAction draws it for each person.

    Args:
        blocks: letters of BLOCK_REGISTRY: a list ["P", "M"] for the serial structures, a list of layers
            of one length [["P", "M"], ["P", "M"]] for the parallel one.
        dim_person: channels of the people.
        dim_inner: channels inside the blocks.
        dim_out: channels of the result.
        dim_object: channels of the objects; None: dim_person.
        dim_memory: channels of the memory; None: dim_person.
        max_persons: people of a clip that are attended to.
        max_objects: objects of a clip that are attended to.
        max_per_second: M.
        window: seconds of memory before and after the keyframe; S = before + 1 + after.
        dropout: probability, after each reduction and each block's output layer.
        layer_norm: see InteractionBlock.
        temporal_position: whether the seconds of memory have learned positions.
        zero_init: see InteractionBlock. The structure then starts as a linear map of each person alone.
        mask_absent: leave rows of no one out of the softmax. A block whose clip has none of its others then
            finds zeros.

    Raises:
        ValueError: the blocks do not suit the structure, or a number is out of range.
    """

    def __init__(
        self,
        blocks: Sequence[str] | Sequence[Sequence[str]],
        dim_person: int,
        dim_inner: int,
        dim_out: int,
        dim_object: int | None = None,
        dim_memory: int | None = None,
        max_persons: int = 25,
        max_objects: int = 5,
        max_per_second: int = 5,
        window: tuple[int, int] = (30, 30),
        dropout: float = 0.0,
        layer_norm: bool = True,
        temporal_position: bool = True,
        zero_init: bool = True,
        mask_absent: bool = False,
    ) -> None:
        super().__init__()
        layers = self.layers_of(blocks)
        before, after = window
        if min(before, after) < 0:
            raise ValueError(f"The seconds of memory before and after must not be negative: {before}, {after}.")
        seconds = before + 1 + after
        available = {
            "person": Source(dim_person, max_persons),
            "object": Source(dim_person if dim_object is None else dim_object, max_objects),
            "memory": Source(
                dim_person if dim_memory is None else dim_memory,
                seconds * max_per_second,
                seconds if temporal_position else 0,
            ),
        }
        needed = {BLOCK_REGISTRY.find(letter).source for layer in layers for letter in layer}
        for name in needed:
            if available[name].rows < 1:
                raise ValueError(
                    f"Blocks {blocks} attend to {name} features, but a clip keeps none: raise their maximum."
                )

        self.sources = {name: source for name, source in available.items() if name in needed}
        """The kinds of others that `forward` needs."""
        self.dim_person = dim_person
        self.dim_out = dim_out
        self.window = (before, after)
        self.memory_shape = (seconds, max_per_second, available["memory"].dim)
        """Of one clip's memory: (S, M, dim_memory)."""
        self.mask_absent = mask_absent
        self.dropout = nn.Dropout(dropout)
        self.reduce_query = make_linear(dim_person, dim_inner)
        self.reduce = nn.ModuleDict(
            {name: make_linear(self.sources[name].dim, dim_inner) for name in self.sources_to_reduce(layers)}
        )
        self.blocks = nn.ModuleDict()
        self.layers: list[list[str]] = []
        """Names of blocks, layer by layer."""
        count: Counter[str] = Counter()
        for depth, layer in enumerate(layers, start=1):
            names = []
            for letter in layer:
                count[letter] += 1
                names.append(f"{letter}{count[letter]}")
                block = BLOCK_REGISTRY.find(letter)
                self.blocks[names[-1]] = block(
                    dim_inner,
                    dim_out if depth == len(layers) else dim_inner,
                    seconds=self.sources[block.source].seconds,
                    dropout=dropout,
                    layer_norm=layer_norm,
                    zero_init=zero_init,
                )
            self.layers.append(names)

    def layers_of(self, blocks: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
        """Letters of the blocks that work side by side, layer by layer. ValueError if they do not fit."""
        raise NotImplementedError

    def sources_to_reduce(self, layers: list[list[str]]) -> list[str]:
        """The kinds of others whose own features a block attends to."""
        return list(self.sources)

    def aggregate(self, people: Tensor, present: Tensor, others: dict[str, Others]) -> Tensor:
        """Runs the blocks.

        Args:
            people: (N, P, dim_inner).
            present: (N, P) bool, false for rows of no one.
            others: what there is to attend to, by source.

        Returns:
            (N, P, dim_out).
        """
        raise NotImplementedError

    def forward(
        self,
        persons: Tensor,
        person_clips: Tensor,
        num_clips: int,
        objects: Tensor | None = None,
        object_clips: Tensor | None = None,
        memory: Tensor | None = None,
    ) -> Tensor:
        """What the interactions add to each person.

        Args:
            persons: (R, dim_person).
            person_clips: (R,) the clip of each person, in any order; on the CPU, nothing waits for the device.
            num_clips: N.
            objects: (Q, dim_object), for structures with objects. Q may be 0.
            object_clips: (Q,) the clip of each object.
            memory: (N, S * M, dim_memory), for structures with memory: seconds in order of time, the
                people of a second together, all-zero rows where there is no one.

        Returns:
            (R, dim_out).

        Raises:
            ValueError: something the blocks attend to is missing, or a shape or a clip index is wrong.
        """
        _check_shape("persons", persons, person_clips.shape[0], self.dim_person)
        people = ClipGroups(person_clips, num_clips, persons.device)
        others: dict[str, Others] = {}
        if "person" in self.reduce:
            rows = people.pad(self._reduce("person", persons))
            others["person"] = self._people_as_others(rows, people.present)
        if "object" in self.reduce:
            others["object"] = self._objects(objects, object_clips, num_clips)
        if "memory" in self.reduce:
            others["memory"] = self._memory(memory, num_clips)
        query = people.pad(self.dropout(self.reduce_query(persons)))
        return people.unpad(self.aggregate(query, people.present, others))

    def _reduce(self, source: str, features: Tensor) -> Tensor:
        return self.dropout(self.reduce[source](features))

    def _others(self, rows: Tensor, present: Tensor) -> Others:
        return Others(rows, present if self.mask_absent else None)

    def _people_as_others(self, people: Tensor, present: Tensor) -> Others:
        """The people (N, P, C) of each clip as max_persons rows, zero for no one."""
        size = self.sources["person"].rows
        rows = fit_rows(people.masked_fill(~present[..., None], 0), size)
        return self._others(rows, fit_rows(present[..., None], size)[..., 0])

    def _objects(self, objects: Tensor | None, clips: Tensor | None, num_clips: int) -> Others:
        if objects is None or clips is None:
            raise ValueError("This structure attends to objects: give them and their clips, even if there are 0.")
        dim, size, _ = self.sources["object"]
        _check_shape("objects", objects, clips.shape[0], dim)
        groups = ClipGroups(clips, num_clips, objects.device)
        rows = self._reduce("object", fit_rows(groups.pad(objects), size))
        return self._others(rows, fit_rows(groups.present[..., None], size)[..., 0])

    def _memory(self, memory: Tensor | None, num_clips: int) -> Others:
        if memory is None:
            raise ValueError("This structure attends to memory: give it, with zero rows where there is no one.")
        dim, size, _ = self.sources["memory"]
        _check_shape("memory", memory, num_clips, size, dim)
        return self._others(self._reduce("memory", memory), memory.ne(0).any(2))


@STRUCTURE_REGISTRY.register("serial")
class SerialStructure(InteractionStructure):
    """Blocks one after another, each working on the result of the one before.

    A P block after the first block attends to the people as the block before left them.
    """

    def layers_of(self, blocks: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
        if not blocks or not all(isinstance(letter, str) for letter in blocks):
            raise ValueError(f"A serial structure needs a list of blocks such as ['P', 'M'], not {blocks}.")
        return [[letter] for letter in blocks]

    def sources_to_reduce(self, layers: list[list[str]]) -> list[str]:
        first = BLOCK_REGISTRY.find(layers[0][0]).source
        return [name for name in self.sources if name != "person" or name == first]

    def aggregate(self, people: Tensor, present: Tensor, others: dict[str, Others]) -> Tensor:
        results: list[Tensor] = []
        for block in self.blocks.values():
            if results:
                people = self.next_input(results)
                if block.source == "person":
                    others["person"] = self._people_as_others(people, present)
            results.append(block(people, others[block.source]))
        return results[-1]

    def next_input(self, results: list[Tensor]) -> Tensor:
        """What the next block works on, given the results (N, P, dim_inner) of all blocks before it."""
        return results[-1]


@STRUCTURE_REGISTRY.register("dense_serial")
class DenseSerialStructure(SerialStructure):
    """Serial, but each block works on a weighted sum of the results of all blocks before it.

    Paper, section 3.2: sum_j softmax_j(w_j) * result_j with learned w of one number a channel. At the
    start the last result has all but a 1e-5 of the weight: the structure starts as the serial one.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        dim_inner = self.reduce_query.out_features
        self.result_weights = nn.ParameterDict()
        for count in range(2, len(self.blocks)):
            weights = torch.full((count, dim_inner), math.log(1e-5))
            weights[-1] = 0
            self.result_weights[str(count)] = nn.Parameter(weights)

    def next_input(self, results: list[Tensor]) -> Tensor:
        if len(results) == 1:
            return results[0]
        shares = self.result_weights[str(len(results))].softmax(0)
        return sum(share * result for share, result in zip(shares, results))


@STRUCTURE_REGISTRY.register("parallel")
class ParallelStructure(InteractionStructure):
    """Lanes of blocks side by side; the results of the last layer are summed.

    A P block attends to the people as the last P block in a layer before left them.
    """

    def layers_of(self, blocks: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
        if not blocks or not all(blocks) or any(isinstance(layer, str) for layer in blocks):
            example = [["P", "M"], ["P", "M"]]
            raise ValueError(f"A parallel structure needs a list of layers such as {example}, not {blocks}.")
        if len({len(layer) for layer in blocks}) > 1:
            raise ValueError(f"The layers of a parallel structure need as many blocks each: {blocks}.")
        return [list(layer) for layer in blocks]

    def aggregate(self, people: Tensor, present: Tensor, others: dict[str, Others]) -> Tensor:
        lanes = [people] * len(self.layers[0])
        for names in self.layers:
            blocks = [self.blocks[name] for name in names]
            lanes = [block(lane, others[block.source]) for block, lane in zip(blocks, lanes)]
            for block, lane in zip(blocks, lanes):
                if block.source == "person":
                    others["person"] = self._people_as_others(lane, present)
        return torch.stack(lanes).sum(0)
