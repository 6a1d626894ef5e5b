"""What is remembered of a split: pooled features of people, by recording and second.

The asynchronous memory of "Asynchronous Interaction Aggregation for Action Detection" (Tang et al.,
arXiv:2004.07485), section 3.3. A second is a whole number of seconds of the frames' timestamps.

Letters in shapes:
    N: clips; R: people over all clips; K: remembered keyframes; S: seconds of a window
    M: people of one second; D: channels of a pooled feature
"""

from typing import NamedTuple

import torch
from torch import Tensor

from slowfast_thermal.checkpoint import checks
from slowfast_thermal.models.interaction import InteractionStructure


class _Keyframe(NamedTuple):
    features: Tensor
    """(people, D)."""
    loss: Tensor
    """(), training loss of the step that stored them."""


class FeatureBank:
    """Remembers the people of keyframes; a keyframe that comes again takes the place of its earlier self.

    It holds one split: training and evaluation have banks of their own.

    Args:
        recordings: names; `metadata` holds places in this list.
        window: seconds before and after a keyframe's own.
        max_per_second: M.
        dim: D.
        penalty: scale what is read by the ratio of the loss when it was stored and the last one, the smaller
            by the larger: features of a network that has changed since count for less.
        device: where it lies. What is given and read there needs no waiting for the device.
    """

    def __init__(
        self,
        recordings: list[str],
        window: tuple[int, int],
        max_per_second: int,
        dim: int,
        penalty: bool = False,
        device: torch.device = torch.device("cpu"),
    ) -> None:
        self._recordings = list(recordings)
        self._before, self._after = window
        self._max_per_second = max_per_second
        self._dim = dim
        self._penalty = penalty
        self._device = device
        self._last_loss = torch.zeros((), device=device)
        self._seconds: dict[tuple[int, int], dict[int, _Keyframe]] = {}

    @classmethod
    def for_structure(
        cls, structure: InteractionStructure, recordings: list[str], penalty: bool = False
    ) -> "FeatureBank":
        """A bank whose windows this structure reads, on its device."""
        _, max_per_second, dim = structure.memory_shape
        device = structure.reduce_query.weight.device
        return cls(recordings, structure.window, max_per_second, dim, penalty, device)

    def update(self, metadata: Tensor, clips: Tensor, features: Tensor, loss: Tensor = torch.zeros(())) -> None:
        """Remembers people.

        Args:
            metadata: (R, 2) int64 on the CPU, place of the recording and timestamp in milliseconds.
            clips: (R,) int64 on the CPU, the clip of each person; a batch may hold a keyframe twice.
            features: (R, D).
            loss: (), of the training step.
        """
        order = clips.argsort(stable=True)
        sizes = clips[order].unique_consecutive(return_counts=True)[1].tolist()
        features = features.detach().to(self._device, torch.float32)
        features = features[order.to(self._device, non_blocking=True)]
        self._last_loss = loss.detach().to(self._device, torch.float32)
        for keyframes, rows in zip(metadata[order].split(sizes), features.split(sizes)):
            self._store(*keyframes[0].tolist(), _Keyframe(rows.clone(), self._last_loss))

    def _store(self, place: int, timestamp: int, keyframe: _Keyframe) -> None:
        self._seconds.setdefault((place, timestamp // 1000), {})[timestamp] = keyframe

    def read(self, metadata: Tensor, clips: Tensor, num_clips: int) -> Tensor:
        """The memory around each of N clips.

        Args:
            metadata: (R, 2) int64, as `update` takes it.
            clips: (R,) int64 on the CPU, the clip of each person.
            num_clips: N; each clip has a person.

        Returns:
            (N, S, M, D) float32 on the bank's device: the first M people of each second, its keyframes in the order of time, zero
            rows for no one. A keyframe's own second is empty.
        """
        keyframes = metadata.new_zeros(num_clips, 2)
        keyframes[clips] = metadata
        seconds = self._before + 1 + self._after
        memory = torch.zeros(num_clips * seconds * self._max_per_second, self._dim, device=self._device)
        found: list[_Keyframe] = []
        rows: list[tuple[int, int]] = []  # of the memory, and which keyframe found the person there
        for clip, (place, timestamp) in enumerate(keyframes.tolist()):
            now = timestamp // 1000
            for slot, second in enumerate(range(now - self._before, now + self._after + 1)):
                if second == now:
                    continue
                row = (clip * seconds + slot) * self._max_per_second
                end = row + self._max_per_second
                for _, keyframe in sorted(self._seconds.get((place, second), {}).items()):
                    people = keyframe.features[: end - row]
                    rows += [(row + person, len(found)) for person in range(len(people))]
                    found.append(_Keyframe(people, keyframe.loss))
                    row += len(people)
        if found:
            # All at once: a kernel for each of some hundred keyframes would take longer than the network's step.
            places, owners = torch.tensor(rows).T.to(self._device, non_blocking=True)
            memory[places] = torch.cat([keyframe.features for keyframe in found]) * self._weights(found)[owners, None]
        return memory.view(num_clips, seconds, self._max_per_second, self._dim)

    def _weights(self, keyframes: list[_Keyframe]) -> Tensor:
        """(K,) by which the features of K keyframes count."""
        losses = torch.stack([keyframe.loss for keyframe in keyframes])
        if not self._penalty:
            return torch.ones_like(losses)
        smaller, larger = torch.minimum(losses, self._last_loss), torch.maximum(losses, self._last_loss)
        return torch.where(larger > 0, smaller / larger, 1.0)

    def state_dict(self) -> dict:
        """Everything remembered, as tensors on the CPU, numbers and names."""
        stored = sorted(
            (place, timestamp, keyframe)
            for (place, _), found in self._seconds.items()
            for timestamp, keyframe in found.items()
        )
        keyframes = [keyframe for _, _, keyframe in stored]
        return {
            "recordings": list(self._recordings),
            "keyframes": torch.tensor([[place, time] for place, time, _ in stored], dtype=torch.int64, device="cpu"),
            "num_persons": [len(keyframe.features) for keyframe in keyframes],
            "features": torch.cat([self._last_loss.new_zeros(0, self._dim), *(k.features for k in keyframes)]).cpu(),
            "losses": torch.stack([self._last_loss, *(k.loss for k in keyframes)]).tolist()[1:],
            "last_loss": self._last_loss.item(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Remembers what `state_dict` gave, and nothing else; recordings that it lacks are forgotten.

        Raises:
            ValueError: this is not what a memory of such features gave. Nothing has changed then.
        """
        recordings = checks.names(state, "recordings")
        # Without keyframes it is a tensor of one dimension.
        shape = (0,) if state.get("num_persons") == [] else (None, 2)
        keyframes = checks.tensor(state, "keyframes", shape, floating=False).tolist()
        counts = checks.numbers(state, "num_persons", len(keyframes))
        losses = checks.numbers(state, "losses", len(keyframes))
        losses = torch.tensor(losses, dtype=torch.float32, device=self._device)
        (last_loss,) = checks.numbers({"last_loss": [state.get("last_loss")]}, "last_loss", 1)
        if any(not isinstance(count, int) or count < 0 for count in counts):
            raise ValueError("its 'num_persons' are no numbers of people")
        features = checks.tensor(state, "features", (sum(counts), self._dim), floating=True)
        if any(not 0 <= place < len(recordings) for place, _ in keyframes):
            raise ValueError("its 'keyframes' are of recordings that it does not name")

        places = {name: place for place, name in enumerate(self._recordings)}
        self._seconds = {}
        self._last_loss = torch.tensor(float(last_loss), device=self._device)
        rows_of_each = features.to(self._device, torch.float32).split(counts)
        for (place, timestamp), rows, loss in zip(keyframes, rows_of_each, losses):
            name = recordings[place]
            if name in places:
                self._store(places[name], timestamp, _Keyframe(rows, loss))
