import numpy as np
import torch

from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.people.channels import frame_channels
from slowfast_thermal.people.detector import DetectorFinder


class Watched(PersonDetector):
    """Keeps what it reads, and finds one person in each frame."""

    def __init__(self):
        super().__init__(32, [4, 4, 4, 4, 4], 32)
        self.read = []

    def forward(self, frames, boxes=None):
        self.read += list(frames.numpy())
        return [{"boxes": torch.ones(1, 4), "scores": torch.ones(1)} for _ in frames]


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(20, 0.3, (count, 20, 30)).astype(np.float32)


def test_frames_some_at_a_time_are_read_as_all_at_once():
    frames, times = noise(30), np.cumsum(np.random.default_rng(1).integers(40, 400, 30))
    whole, parts = Watched().eval(), Watched().eval()
    DetectorFinder(whole.find_people).find(frames, times)
    finder = DetectorFinder(parts.find_people)
    for start in range(0, 30, 7):
        finder.find(frames[start : start + 7], times[start : start + 7])
    np.testing.assert_array_equal(np.stack(whole.read), np.stack(parts.read))


def test_a_frame_is_compared_with_the_nearest_one_of_half_a_second_before():
    frames, times = noise(4), np.array([0, 380, 550, 900])
    network = Watched().eval()
    DetectorFinder(network.find_people, np.full((20, 30), 20, np.float32)).find(frames, times)
    for place, earlier in ((0, 0), (1, 0), (2, 0), (3, 1)):
        expected = frame_channels(frames[place], np.zeros((20, 30)), frames[earlier])
        np.testing.assert_array_equal(network.read[place][[0, 2]], expected[[0, 2]])


def test_only_frames_that_are_asked_for_reach_the_network():
    frames, times = noise(5), 100 * np.arange(5)
    all_read, some_read = Watched().eval(), Watched().eval()
    DetectorFinder(all_read.find_people).find(frames, times)
    found = DetectorFinder(some_read.find_people).find(frames, times, np.array([False, True, False, False, True]))
    assert [len(people) for people in found] == [0, 1, 0, 0, 1]
    np.testing.assert_array_equal(np.stack(some_read.read), np.stack(all_read.read)[[1, 4]])
