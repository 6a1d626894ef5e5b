import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.loader import as_tensors, construct_test_loader, construct_train_loader
from slowfast_thermal.datasets.thermal import object_boxes
from slowfast_thermal.models import IARoIHead, ThermalSlowFast
from slowfast_thermal.models.person_crops import PersonCrops, window_views
from slowfast_thermal.models.roi_head import describe_boxes
from tests.models.test_network import config

CLIP = torch.rand(2, 1, 3, 20, 30)


def crops(boxes, size=(8, 8), views=None, outward_up=False, **settings):
    boxes = torch.tensor(boxes)
    layer = PersonCrops(size, [0.0], [1.0], **settings)
    return layer([CLIP], boxes, window_views(boxes, (20, 30), views, outward_up))[0]


def test_a_window_of_as_many_pixels_as_the_crop_is_a_slice_of_the_clip():
    found = crops([[1.0, 10, 6, 14, 12], [0.0, 4, 4, 6, 8]], window=8.0)
    torch.testing.assert_close(found[0], CLIP[1, :, :, 5:13, 8:16])
    torch.testing.assert_close(found[1], CLIP[0, :, :, 2:10, 1:9])


def test_enlarging_is_bilinear_between_pixel_centres():
    found = crops([[0.0, 8, 6, 16, 14]], size=(16, 16), window=8.0)
    expected = F.interpolate(CLIP[0], scale_factor=2, mode="bilinear", align_corners=False)[:, :, 12:28, 16:32]
    torch.testing.assert_close(found[0], expected)


def test_a_window_in_multiples_of_the_box_holds_it_and_keeps_its_shape():
    layer = PersonCrops((10, 20), [0.0], [1.0], unit="box", window=1.5)
    wide, tall = layer.positions(torch.tensor([[0.0, 4, 4, 16, 8], [0.0, 4, 4, 8, 14]]))
    for positions, width, height, centre in ((wide, 18, 9, (10, 6)), (tall, 30, 15, (6, 9))):
        steps = positions[0, 1, 0] - positions[0, 0, 0], positions[1, 0, 1] - positions[0, 0, 1]
        assert [20 * float(steps[0]), 10 * float(steps[1])] == pytest.approx([width, height], rel=1e-5)
        assert positions.mean((0, 1)).tolist() == pytest.approx(centre, rel=1e-5)


def test_a_turned_window_in_multiples_of_the_box_holds_the_turned_person():
    layer = PersonCrops((64, 32), [0.0], [1.0], unit="box", window=1.0)
    box = torch.tensor([[0.0, 0, 2, 8, 18]])
    x, y = layer.positions(box, window_views(box, (20, 30), None, True))[0].unbind(2)
    # The person lies across the window, whose 32 columns are half of its height, so it is as wide as the person is long.
    assert x.max() - x.min() > 16 * 2 * 63 / 64 - 0.1 and y.max() - y.min() > 16 * 31 / 32 - 0.1


def test_beyond_the_image_its_edge_goes_on():
    found = crops([[0.0, 0, 0, 2, 2]], window=8.0)[0]
    torch.testing.assert_close(found[:, :, 3:, 3:], CLIP[0, :, :, :5, :5])
    torch.testing.assert_close(found[:, :, :3, 3:], CLIP[0, :, :, :1, :5].expand(-1, -1, 3, -1))
    torch.testing.assert_close(found[:, :, :4, :4], CLIP[0, :, :, :1, :1].expand(-1, -1, 4, 4))


def test_the_view_of_a_clip_turns_scales_and_moves_the_windows_of_its_people():
    box = [[1.0, 11, 6, 15, 14], [0.0, 11, 6, 15, 14]]
    straight = crops(box, window=8.0)

    def view(*of_second_clip):
        return crops(box, views=torch.tensor([[0.0, 1, 0, 0], of_second_clip]), window=8.0)

    turned = view(math.pi / 2, 1, 0, 0)
    torch.testing.assert_close(turned[1], straight[1])
    # The window turns clockwise, as y points down: its top is at the right of the image.
    torch.testing.assert_close(turned[0], straight[0].rot90(1, (2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(view(0, 1, 0.25, -0.125)[0], CLIP[1, :, :, 5:13, 11:19])
    torch.testing.assert_close(view(0, 0.5, 0, 0)[0], crops(box[:1], window=4.0)[0])


def test_outward_is_up_where_a_sensor_looks_down():
    # Right of the middle of the image, which is at (15, 10), below it, and in it.
    boxes = [[0.0, 18, 6, 26, 14], [0.0, 11, 11, 19, 19], [0.0, 11, 6, 19, 14]]
    straight, outward = crops(boxes, window=8.0), crops(boxes, window=8.0, outward_up=True)
    torch.testing.assert_close(outward[0], straight[0].rot90(1, (2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(outward[1], straight[1].rot90(2, (2, 3)), atol=1e-4, rtol=0)
    assert outward[2].isfinite().all()
    views = torch.tensor([[-math.pi / 2, 1.0, 0, 0]])
    torch.testing.assert_close(
        crops(boxes[:1], views=views, window=8.0, outward_up=True), straight[:1], atol=1e-4, rtol=0
    )


def test_windows_that_are_outward_up_turn_with_the_image():
    # A quarter turn counterclockwise takes (x, y) of a 20x30 image to (y, 30 - x).
    images = (torch.tensor([[0.0, 17, 11, 21, 18]]), (20, 30)), (torch.tensor([[0.0, 11, 9, 18, 13]]), (30, 20))
    views = [window_views(boxes, size, None, True) for boxes, size in images]
    layer = PersonCrops((8, 8), [0.0], [1.0], window=8.0)
    straight, turned = (layer.positions(boxes, view) for (boxes, _), view in zip(images, views))
    x, y = straight.unbind(3)
    torch.testing.assert_close(turned, torch.stack([y, 30 - x], 3), atol=1e-4, rtol=0)
    sizes = [describe_boxes(boxes, (20, 20), "size", view) for (boxes, _), view in zip(images, views)]
    torch.testing.assert_close(*sizes)


def test_the_mask_is_the_box_and_turns_with_the_window():
    layer = PersonCrops((8, 8), [0.0] * 2, [1.0] * 2, channels=("temperature", "box_mask"), window=8.0)
    box = torch.tensor([[0.0, 8, 8, 14, 10]])
    found = layer([CLIP], box)[0]
    assert found.shape == (1, 2, 3, 8, 8)
    assert found[0, 1, 0, 3:5, 1:7].all() and found[0, 1, 0].sum() == 12
    turned = layer([CLIP], box, window_views(box, (20, 30), torch.tensor([[math.pi / 2, 1.0, 0, 0]]), False))[0]
    assert turned[0, 1, 2, 1:7, 3:5].all() and turned[0, 1, 2].sum() == 12


def test_the_median_is_that_of_the_whole_frame():
    found = crops([[0.0, 10, 6, 14, 12]], channels=("less_median",), window=8.0)
    median = CLIP[0, 0].flatten(1).sort(1).values[:, 299]
    torch.testing.assert_close(found[0, 0], CLIP[0, 0, :, 5:13, 8:16] - median[:, None, None])


def test_windows_are_where_they_are_under_autocast_too():
    boxes = [[0.0, 10.3, 6.7, 14.9, 12.1]]
    with torch.autocast("cpu", torch.bfloat16):
        under = crops(boxes)
    assert under.dtype == torch.float32 and torch.equal(under, crops(boxes))


def test_a_box_is_described_by_its_size_and_place_in_image_heights():
    boxes = torch.tensor([[0.0, 5, 5, 9, 15], [1.0, 5, 5, 9, 15]])
    plain = describe_boxes(boxes, (20, 30), "size_and_place")
    np.testing.assert_allclose(plain[0], [math.log(0.2), math.log(0.5), -0.4, 0.0], atol=1e-6)
    views = torch.tensor([[math.pi / 2, 2.0, 0, 0], [0, 1.0, 9, 9]])
    views = window_views(boxes, (20, 30), views, False)
    turned = describe_boxes(boxes, (20, 30), "size_and_place", views)
    np.testing.assert_allclose(turned[0], [math.log(0.25), math.log(0.1), 0.0, 0.2], atol=1e-6)
    torch.testing.assert_close(turned[1], plain[1])
    assert describe_boxes(boxes, (20, 30), "size").shape == (2, 2)


def small(*overrides):
    return config("PEOPLE_SMALL.yaml", "MODEL.NUM_CLASSES", 8, "THERMAL.INPUT_SIZE", "[32,32]", *overrides)


def people_clips(cfg, num_clips=2):
    planes = 2
    inputs = [torch.rand(num_clips, planes, frames, 20, 30) for frames in (4, 16)]
    boxes = torch.tensor([[0.0, 3, 3, 9, 12], [0.0, 12, 5, 20, 15], [1.0, 20, 8, 26, 19]])
    return inputs, boxes


def test_each_person_is_judged_by_its_own_window_alone():
    cfg = small()
    model = ThermalSlowFast(cfg).eval()
    inputs, boxes = people_clips(cfg)
    scores = model(inputs, boxes)
    assert scores.shape == (3, 8)
    for person in (0, 1, 2):
        clip = int(boxes[person, 0])
        alone = boxes[person : person + 1].clone()
        alone[:, 0] = 0
        torch.testing.assert_close(model([p[clip : clip + 1] for p in inputs], alone), scores[person : person + 1])


def test_no_people_give_no_scores():
    cfg = small()
    model = ThermalSlowFast(cfg).eval()
    inputs, boxes = people_clips(cfg)
    assert model(inputs, boxes[:0]).shape == (0, 8)


@pytest.mark.parametrize("blocks, sources", [("['P','M']", {"person", "memory"}), ("['P','O','M']", {"object"})])
def test_interactions_relate_cropped_people_and_objects(blocks, sources):
    cfg = small("IA.ENABLE", True, "IA.BLOCKS", blocks, "IA.DIM_INNER", 8, "IA.DIM_OUT", 386, "IA.ZERO_INIT", False)
    model = ThermalSlowFast(cfg).eval()
    assert isinstance(model.head, IARoIHead) and sources <= set(model.head.sources)
    inputs, boxes = people_clips(cfg)
    objects = torch.tensor([[1.0, 2, 2, 8, 8], [1.0, 10, 2, 18, 8]])
    memory = torch.rand(2, *model.head.structure.memory_shape)
    scores, pooled = model(inputs, boxes, objects=objects, memory=memory, return_pooled=True)
    assert scores.shape == (3, 8) and pooled.shape == (3, 386)
    without = model(inputs, boxes, memory=memory)
    changed = (scores - without).abs().amax(1) > 1e-6
    assert changed.tolist() == [False, False, "object" in sources]


def test_data_and_network_fit_in_training_and_test(synthetic_data):
    overrides = ("DATA.PATH_TO_DATA_DIR", synthetic_data, "TRAIN.BATCH_SIZE", 4, "TEST.BATCH_SIZE", 4)
    cfg = small(*overrides, "IA.ENABLE", True, "IA.BLOCKS", "['P','O']", "IA.DIM_INNER", 8, "IA.DIM_OUT", 386)
    model = ThermalSlowFast(cfg)
    inputs, _, _, extra = as_tensors(next(iter(construct_train_loader(cfg, Thermal(cfg, "train"), 0, 1))))
    assert extra["view"].shape == (4, 4) and extra["view"].std(0).min() > 0
    logits = model(inputs, extra["boxes"], object_boxes(extra["objects"]), views=extra["view"])
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.s1.parameters())
    inputs, _, _, extra = as_tensors(next(iter(construct_test_loader(cfg, Thermal(cfg, "test"), 0, 1))))
    assert "view" not in extra
    assert extra["boxes"][:, 1:].max() > 20 and extra["boxes"].amax(0)[3] <= 30 and extra["boxes"].amax(0)[4] <= 20
