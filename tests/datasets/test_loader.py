from collections import Counter

import numpy as np
import pytest
import torch

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import StreamSampler, construct_train_loader


def stream(epochs, rank=0, world_size=1, num_samples=10, batch_size=4, epoch_iters=3, seed=0, start=0, weights=None):
    sampler = StreamSampler(num_samples, batch_size, epoch_iters, seed, rank, world_size, weights)
    keys = []
    for epoch in range(epochs):
        sampler.set_position(epoch, start if epoch == 0 else 0)
        part = list(sampler)
        assert len(part) == len(sampler)
        keys += part
    return keys


def test_every_pass_holds_each_sample_once():
    keys = stream(epochs=5)
    indices = [index for index, _ in keys]
    assert all(Counter(indices[start : start + 10]) == Counter(range(10)) for start in range(0, 60, 10))
    assert indices[:10] != indices[10:20]
    assert len({place for _, place in keys}) == 60


WEIGHTS = np.array([1.0, 1, 1, 1, 1, 1, 1, 1, 4, 8])


def test_a_pass_holds_each_sample_as_often_as_its_weight_says():
    counts = Counter()
    for start in range(0, 600, 10):
        part = Counter(index for index, _ in stream(epochs=50, weights=WEIGHTS)[start : start + 10])
        assert part[8] == 2 and part[9] == 4 and max(part[index] for index in range(8)) <= 1
        counts += part
    assert sum(counts.values()) == 600 and all(15 < counts[index] < 45 for index in range(8))


def test_weights_follow_the_rarest_class_of_a_keyframe(handmade_data, small_config):
    handmade_data.document["annotations"].append({"image_id": "A_40", "bbox": [0.2, 0.2, 0.1, 0.1], "category_id": 1})
    dataset = Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2), "train")
    assert dataset.class_counts.tolist() == [2, 3]
    np.testing.assert_allclose(dataset.sample_weights(0.5), np.array([2, 3, 2, 3]) ** -0.5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_stream_that_goes_on_in_the_middle_of_an_epoch_is_the_same(weights):
    assert stream(epochs=2, start=2, weights=weights) == stream(epochs=2, weights=weights)[8:]


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_processes_share_each_global_batch(weights):
    alone = stream(epochs=2, weights=weights)
    first, second = (stream(epochs=2, rank=rank, world_size=2, weights=weights) for rank in (0, 1))
    for batch in range(6):
        assert first[2 * batch : 2 * batch + 2] + second[2 * batch : 2 * batch + 2] == alone[4 * batch : 4 * batch + 4]


def test_another_seed_gives_another_order():
    assert stream(epochs=2) != stream(epochs=2, seed=1)


def test_an_epoch_may_be_longer_than_a_pass():
    assert len(stream(epochs=1, num_samples=5, epoch_iters=9)) == 36


def test_processes_cut_the_clips_of_a_global_batch_to_one_size(synthetic_data, small_config):
    cfg = small_config(synthetic_data, "THERMAL.AUG.CROP", 0.6, "SOLVER.EPOCH_ITERS", 4)
    dataset = Thermal(cfg, "train")
    alone, first, second = (
        [inputs for inputs, *_ in construct_train_loader(cfg, dataset, rank, world_size)]
        for rank, world_size in ((0, 1), (0, 2), (1, 2))
    )
    for pathways, *parts in zip(alone, first, second, strict=True):
        for pathway, *halves in zip(pathways, *parts, strict=True):
            assert torch.equal(pathway, torch.cat(halves))
    assert len({pathways[0].shape for pathways in alone}) > 1


def test_recordings_on_the_device_need_no_workers_and_give_the_same_clips(synthetic_data, small_config):
    batches = []
    for on_device in (False, True):
        settings = ("SPEED.RECORDINGS_ON_DEVICE", on_device, "DATA_LOADER.NUM_WORKERS", 2, "THERMAL.AUG.CROP", 0.3)
        cfg = small_config(synthetic_data, *settings)
        loader = construct_train_loader(cfg, Thermal(cfg, "train"), 0, 1)
        assert loader.num_workers == (0 if on_device else 2)
        batches.append(next(iter(loader)))
    for ours, theirs in zip(batches[0][0], batches[1][0]):
        assert torch.equal(ours, theirs)
