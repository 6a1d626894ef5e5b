import torch

from slowfast_thermal.datasets.channels import make_channels, planes


def test_the_temperature_alone_is_passed_on():
    clip = torch.rand(2, 1, 3, 4, 5)
    assert planes(["temperature"]) == ["temperature"]
    assert make_channels(clip, ["temperature"]).data_ptr() == clip.data_ptr()


def test_channels_are_differences_of_the_planes_in_the_order_named():
    names = ["difference", "less_background", "temperature", "less_median", "box_mask"]
    assert planes(names) == ["temperature", "earlier", "background"]
    clip = torch.rand(2, 3, 4, 5, 5)
    temperature, earlier, background = clip.unbind(1)
    made = make_channels(clip, names)
    assert made.shape == (2, 4, 4, 5, 5)
    assert torch.equal(made[:, 0], temperature - earlier)
    assert torch.equal(made[:, 1], temperature - background)
    assert torch.equal(made[:, 2], temperature)
    assert torch.equal(made[:, 3].flatten(2).sort(2).values[..., 12], torch.zeros(2, 4))


def test_the_median_of_a_frame_is_that_of_torch_the_lower_one_of_two():
    clip = torch.rand(2, 1, 3, 4, 6)
    expected = clip[:, 0] - clip[:, 0].flatten(2).median(2).values[..., None, None]
    assert torch.equal(make_channels(clip, ["less_median"])[:, 0], expected)
