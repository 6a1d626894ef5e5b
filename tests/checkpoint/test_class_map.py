"""A classifier under other names: kept, joined or silent."""

import math
from pathlib import Path

import pytest
import torch

from slowfast_thermal.checkpoint.class_map import map_classes
from slowfast_thermal.checkpoint.sources import SOURCES, Weights
from slowfast_thermal.errors import InputError


@pytest.fixture
def weights() -> Weights:
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "head.projection.weight": torch.randn(3, 5, generator=generator),
        "head.projection.bias": torch.randn(3, generator=generator),
    }
    return Weights(Path("weights.pyth"), next(iter(SOURCES.values())), tensors, [], ["a", "b", "c"], {})


def logits(weights: Weights, feature: torch.Tensor) -> torch.Tensor:
    return weights.tensors["head.projection.weight"] @ feature + weights.tensors["head.projection.bias"]


def test_a_class_under_another_name_keeps_its_score(weights):
    feature = torch.arange(5.0) / 5
    mapped = map_classes(weights, ["x", "y", "none"], [["c", "x"], ["a", "y"]])
    assert mapped.classes == ["x", "y", "none"]
    before, after = logits(weights, feature), logits(mapped, feature)
    assert after[:2].tolist() == pytest.approx(before[[2, 0]].tolist())
    assert after.softmax(0)[2] < 1e-6


def test_classes_of_equal_odds_that_become_one_have_the_sum_of_them(weights):
    same = dict(weights.tensors)
    same["head.projection.weight"] = same["head.projection.weight"][[0, 0, 2]]
    same["head.projection.bias"] = same["head.projection.bias"][[0, 0, 2]]
    both = Weights(weights.path, weights.source, same, [], weights.classes, {})
    mapped = map_classes(both, ["x", "y"], [["a", "x"], ["b", "x"], ["c", "y"]])
    feature = torch.ones(5)
    before, after = logits(both, feature).softmax(0), logits(mapped, feature).softmax(0)
    assert after[0].item() == pytest.approx(before[:2].sum().item())
    assert math.isclose(after.sum().item(), 1, rel_tol=1e-6)


@pytest.mark.parametrize("pair", [["d", "x"], ["a", "z"]])
def test_a_pair_of_unknown_classes_is_named(weights, pair):
    with pytest.raises(InputError, match=f"maps '{pair[0]}' to '{pair[1]}'"):
        map_classes(weights, ["x"], [pair])
