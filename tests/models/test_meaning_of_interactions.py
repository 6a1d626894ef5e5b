"""What interactions are for: labels that a person's own picture does not tell.

PySlowFast's head and the one with interactions learn the same scenes. A scene is a pair of feature maps in which every
person and object fills its box with the code of its kind, and what is to be told of a person is the kind of someone or
something else. (In a clip the receptive field of a small network would cover the others too.)
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import nn

from slowfast_thermal.models import IARoIHead
from slowfast_thermal.models.feature_bank import FeatureBank
from slowfast_thermal.models.interaction import STRUCTURE_REGISTRY
from slowfast_thermal.pyslowfast import ResNetRoIHead

# Scenes of 160 x 96 pixels; x1, y1, x2, y2 of the people and of the object.
LEFT, RIGHT, THING = (0, 0, 64, 96), (96, 0, 160, 96), (64, 32, 96, 64)
CELL, CHANNELS, KINDS, CLASSES = 16, 16, 2, 2
CODES = torch.randn(KINDS, CHANNELS, generator=torch.Generator().manual_seed(0))
STEPS, BATCH, TESTED, SECONDS_AGO = 150, 32, 200, 20


class Scenes:
    """Feature maps to draw people and objects into."""

    def __init__(self, seed, num_scenes):
        self.random = torch.Generator().manual_seed(seed)
        self.maps = 0.1 * torch.randn(num_scenes, CHANNELS, 2, 6, 10, generator=self.random)

    def draw(self, box):
        """Draws someone of a random kind into this box of every scene; returns (N, 5) boxes and (N,) kinds."""
        kinds = torch.randint(KINDS, (len(self.maps),), generator=self.random)
        codes = CODES[kinds] + 0.3 * torch.randn(len(kinds), CHANNELS, generator=self.random)
        x1, y1, x2, y2 = (side // CELL for side in box)
        self.maps[..., y1:y2, x1:x2] += codes[..., None, None, None]
        return torch.tensor([[scene, *box] for scene in range(len(kinds))]).float(), kinds

    def pathways(self):
        return list(self.maps.split(CHANNELS // 2, 1))


def build_plain_head():
    torch.manual_seed(0)
    half = CHANNELS // 2
    head = ResNetRoIHead([half] * 2, CLASSES, [[2, 1, 1]] * 2, [[7, 7]] * 2, [CELL] * 2, act_func="sigmoid")
    head.act = nn.Identity()
    return head


def build_interactions(*blocks):
    torch.manual_seed(0)
    structure = STRUCTURE_REGISTRY.find("dense_serial")(
        blocks, CHANNELS, 16, CHANNELS, max_persons=3, max_objects=3, max_per_second=2
    )
    half = CHANNELS // 2
    head = IARoIHead(structure, [half] * 2, CLASSES, [[2, 1, 1]] * 2, [[7, 7]] * 2, [CELL] * 2)
    head.act = nn.Identity()
    return head


def mean_ap_after_training(head, run):
    """mAP on new scenes; `run(head, seed, number of scenes)` gives logits (R, 2) and labels (R,)."""
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    for seed in range(STEPS):
        logits, labels = run(head, seed, BATCH)
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        logits, labels = run(head.eval(), STEPS, TESTED)
    scores = logits.softmax(1)
    return np.mean([average_precision_score(labels == label, scores[:, label]) for label in range(CLASSES)])


def tell_the_other_person(head, seed, num_scenes):
    scenes = Scenes(seed, num_scenes)
    (left, left_kinds), (right, right_kinds) = scenes.draw(LEFT), scenes.draw(RIGHT)
    return head(scenes.pathways(), torch.cat([left, right])), torch.cat([right_kinds, left_kinds])


def tell_the_object(head, seed, num_scenes):
    scenes = Scenes(seed, num_scenes)
    (person, _), (thing, kinds) = scenes.draw(LEFT), scenes.draw(THING)
    if isinstance(head, IARoIHead):
        return head(scenes.pathways(), person, thing), kinds
    return head(scenes.pathways(), person), kinds


def tell_the_past(head, seed, num_scenes):
    """A recording of one person, a keyframe every ten seconds."""
    scenes = Scenes(seed, num_scenes)
    person, kinds = scenes.draw(LEFT)
    times = 10_000 * torch.arange(num_scenes)
    keyframes = SECONDS_AGO // 10
    if isinstance(head, IARoIHead):
        pooled = head.pool(scenes.pathways(), person)
        metadata = torch.stack([torch.zeros_like(times), times], 1)
        bank = FeatureBank.for_structure(head.structure, ["A"])
        bank.update(metadata, pooled.person_clips, pooled.persons)
        logits = head.classify(pooled, bank.read(metadata, pooled.person_clips, num_scenes))
    else:
        logits = head(scenes.pathways(), person)
    return logits[keyframes:], kinds[:-keyframes]


@pytest.mark.parametrize(
    "task, blocks",
    [(tell_the_other_person, "PP"), (tell_the_object, "OO"), (tell_the_past, "MM")],
    ids=["other person", "object", "past"],
)
def test_interactions_tell_what_a_persons_own_features_do_not(task, blocks):
    assert mean_ap_after_training(build_plain_head(), task) < 0.6
    assert mean_ap_after_training(build_interactions(*blocks), task) >= 0.9
