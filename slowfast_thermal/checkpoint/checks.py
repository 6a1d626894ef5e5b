"""What a checkpoint must hold before any of it reaches the network, the optimizer or a kernel.

A file of the right names may hold anything. Each function raises ValueError with what is wrong, which follows the words
"cannot be resumed".
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

# What an optimizer keeps for each parameter, and which of it has the parameter's shape.
_KEPT = {
    "SGD": {"momentum_buffer": True},
    "Adam": {"step": False, "exp_avg": True, "exp_avg_sq": True},
    "AdamW": {"step": False, "exp_avg": True, "exp_avg_sq": True},
}
_MOST_EPOCHS = 2**31


def is_number(value: object) -> bool:
    """Whether a value is a finite number that computing with is safe, and no boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def is_dense(value: object) -> bool:
    """Whether a value is a tensor of real numbers in plain memory: not sparse, quantized, without storage or of a subclass."""
    return (
        type(value) in (Tensor, nn.Parameter)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
    )


def mapping(record: object, key: str) -> dict:
    """`record[key]`, a mapping."""
    return _of_type(record, key, dict, "no mapping")


def whole_number(record: object, key: str, lowest: int, highest: int) -> int:
    """`record[key]`, a whole number in a range."""
    value = _entry(record, key)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ValueError(f"its '{key}' is {_shown(value)} and no whole number from {lowest} to {highest}")
    return value


def names(record: object, key: str) -> list[str]:
    """`record[key]`, a list of texts."""
    value = _of_type(record, key, list, "no list of names")
    if not all(isinstance(name, str) for name in value):
        raise ValueError(f"its '{key}' is {_shown(value)} and no list of names")
    return value


def numbers(record: object, key: str, count: int) -> list[float]:
    """`record[key]`, a list of this many numbers."""
    value = _of_type(record, key, list, "no list of numbers")
    if len(value) != count or not all(map(is_number, value)):
        raise ValueError(f"its '{key}' is {_shown(value)} and no list of {count} numbers")
    return value


def tensor(record: object, key: str, shape: tuple[int | None, ...], floating: bool) -> Tensor:
    """`record[key]`, a tensor of this shape (None: any size), of floating point or of whole numbers."""
    value = _entry(record, key)
    kind = "floating-point" if floating else "whole"
    if not is_dense(value) or value.is_floating_point() != floating or value.dtype == torch.bool:
        raise ValueError(f"its '{key}' is no tensor of {kind} numbers")
    if value.dim() != len(shape) or any(want not in (None, size) for want, size in zip(shape, value.shape)):
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"its '{key}' has the shape {tuple(value.shape)} instead of ({wanted})")
    return value


def check_progress(checkpoint: Mapping[str, Any], epoch_iters: int | None) -> tuple[int, int, float]:
    """Epochs done, iterations done of the next one, of `epoch_iters` if that is known, and the best mAP."""
    epoch = whole_number(checkpoint, "epoch", -1, _MOST_EPOCHS)
    iteration = whole_number(checkpoint, "iteration", 0, _MOST_EPOCHS)
    if epoch_iters is not None and iteration > epoch_iters:
        raise ValueError(
            f"it was written after iteration {iteration} of an epoch, which has {epoch_iters} here, since TRAIN.BATCH_SIZE, "
            "SOLVER.EPOCH_ITERS or the number of keyframes was another"
        )
    best_map = _entry(checkpoint, "best_map")
    if not is_number(best_map) or not -1 <= best_map <= 1:
        raise ValueError(f"its 'best_map' is {_shown(best_map)} and no number from -1 to 1")
    return epoch + 1, iteration, float(best_map)


def check_origin(checkpoint: Mapping[str, Any]) -> None:
    """Looks at what names the run: its configuration, and its annotation files, which earlier versions did not name."""
    _of_type(checkpoint, "cfg", str, "no configuration")
    data = checkpoint.get("data", {})
    if not isinstance(data, dict) or not all(isinstance(text, str) for pair in data.items() for text in pair):
        raise ValueError(f"its 'data' is {_shown(data)} and no fingerprints by name")


def unfit_weight(tensors: Mapping[str, object], own: Mapping[str, Tensor]) -> str | None:
    """What of the weights does not belong in the network, None if all do.

    Args:
        tensors: by name, from a file.
        own: the network's, by name.
    """
    for name in own.keys() - tensors.keys():
        return f"'{name}' is missing"
    for name, value in tensors.items():
        if name not in own:
            return f"the network has no '{str(name)[:80]}'"
        if not is_dense(value) or value.is_floating_point() != own[name].is_floating_point():
            return f"'{name}' is no tensor of such numbers as the network's"
        if value.shape != own[name].shape:
            return (
                f"size mismatch for {name}: {tuple(value.shape)} in the file, {tuple(own[name].shape)} in the network"
            )
    return None


def fit_optimizer(saved: dict, optimizer: torch.optim.Optimizer) -> dict:
    """What an optimizer takes from a checkpoint: all that it keeps of its parameters, laid out in memory as they are.

    Decays, kernels and the rates to come are those of the configuration, as in a new run.

    Args:
        saved: state of an optimizer, from a file.
        optimizer: of this run.
    """
    own = optimizer.state_dict()
    groups = _of_type(saved, "param_groups", list, "no list of groups")
    if list(map(_places, groups)) != list(map(_places, own["param_groups"])):
        raise ValueError("its optimizer groups other parameters than this run's")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    kept = {}
    for place, record in mapping(saved, "state").items():
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(parameters):
            raise ValueError(f"its optimizer keeps something for a parameter {_shown(place)}, which there is not")
        if not isinstance(record, dict) or record:
            kept[place] = _fit_parameter(record, parameters[place], _KEPT[type(optimizer).__name__])
    for group in own["param_groups"]:
        _complete_momentum(kept, group["params"], parameters)
    if not all(is_number(group.get("lr")) for group in groups):
        raise ValueError("its optimizer has a learning rate that is no number")
    return {
        "state": kept,
        "param_groups": [{**ours, "lr": theirs["lr"]} for ours, theirs in zip(own["param_groups"], groups)],
    }


def _places(group: object) -> list[int] | None:
    """Of the parameters of an optimizer's group, None if it names none."""
    places = group.get("params") if isinstance(group, dict) else None
    return places if isinstance(places, list) and all(type(place) is int for place in places) else None


def _complete_momentum(kept: dict[int, dict], places: list[int], parameters: list[Tensor]) -> None:
    """Gives parameters that never had a gradient the momentum 0 where others of their group have one: kernels take all of a
    group or none."""
    if any(kept.get(place, {}).get("momentum_buffer") is not None for place in places):
        for place in places:
            if kept.setdefault(place, {}).get("momentum_buffer") is None:
                kept[place]["momentum_buffer"] = torch.zeros_like(parameters[place])


def _fit_parameter(record: object, parameter: Tensor, kept: Mapping[str, bool]) -> dict:
    if not isinstance(record, dict) or record.keys() != kept.keys():
        raise ValueError(
            f"its optimizer keeps {_shown(record)} for a parameter and not {', '.join(kept)}, as another "
            "SOLVER.OPTIMIZING_METHOD does"
        )
    fitted = {}
    for name, is_shaped in kept.items():
        if is_shaped and record[name] is not None:
            fitted[name] = torch.empty_like(parameter).copy_(tensor(record, name, tuple(parameter.shape), True))
        elif is_shaped:
            fitted[name] = None
        else:
            count = tensor(record, name, (), True)
            if not 0 <= count.item() < _MOST_EPOCHS:
                raise ValueError(f"its optimizer counts {count.item()} steps")
            fitted[name] = count.clone()
    return fitted


def check_scaler(saved: dict) -> dict:
    """The state of a gradient scaler; an empty one is that of a run without."""
    if saved:
        for key in ("scale", "growth_factor", "backoff_factor"):
            if not is_number(_entry(saved, key)) or saved[key] <= 0:
                raise ValueError(f"its scaler's '{key}' is {_shown(saved[key])} and no number above 0")
        for key in ("growth_interval", "_growth_tracker"):
            whole_number(saved, key, 0, 2**31 - 1)
    return saved


def _entry(record: object, key: str) -> Any:
    if not isinstance(record, dict) or key not in record:
        raise ValueError(f"it has no '{key}'")
    return record[key]


def _of_type(record: object, key: str, kind: type, fault: str) -> Any:
    value = _entry(record, key)
    if not isinstance(value, kind):
        raise ValueError(f"its '{key}' is {_shown(value)} and {fault}")
    return value


def _shown(value: object) -> str:
    """A value in a few words, however large it is."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, dict):
        return f"{{{', '.join(map(repr, list(value)[:3]))}}}"[:60]
    return " ".join(repr(value[:3] if isinstance(value, (list, tuple)) else value).split())[:60]
