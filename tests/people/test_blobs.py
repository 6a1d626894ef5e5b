import numpy as np
import pytest

from slowfast_thermal.people.blobs import BlobFinder

TIMES = 1000 * np.arange(3)


def frames_with(height: int, width: int, *people: tuple[int, int, int, int]) -> np.ndarray:
    """(3, H, W): an empty room, and two frames with people as warm rectangles x1, y1, x2, y2."""
    frames = 18 + np.random.default_rng(0).normal(0, 0.1, (3, height, width)).astype(np.float32)
    for x1, y1, x2, y2 in people:
        frames[1:, y1:y2, x1:x2] += 6
    return frames


def test_a_warm_person_before_the_background_is_found_with_their_box():
    empty, *found = BlobFinder().find(frames_with(40, 60, (10, 12, 16, 24), (40, 5, 50, 12)), TIMES)
    assert len(empty) == 0
    for people in found:
        order = people.boxes[:, 0].argsort()
        np.testing.assert_allclose(people.boxes[order], [(10, 12, 16, 24), (40, 5, 50, 12)], atol=1)
        assert people.boxes.dtype == people.scores.dtype == np.float32
        assert ((people.scores > 0) & (people.scores < 1)).all()


@pytest.mark.parametrize("scale", [1, 3, 8])
def test_sizes_follow_the_resolution(scale):
    person, too_small = (10, 12, 16, 24), (50, 30, 51, 32)
    frames = frames_with(40 * scale, 60 * scale, *(tuple(scale * v for v in box) for box in (person, too_small)))
    people = BlobFinder().find(frames, TIMES)[1]
    np.testing.assert_allclose(people.boxes / scale, [person], atol=1)
    assert people.scores[0] > 0.8


def test_an_empty_room_and_an_empty_recording_hold_nobody():
    assert [len(people) for people in BlobFinder().find(frames_with(40, 60), TIMES)] == [0, 0, 0]
    assert BlobFinder().find(np.zeros((0, 40, 60), np.float32), np.zeros(0, np.int64)) == []


def test_frames_one_at_a_time_give_what_all_at_once_give():
    frames = frames_with(40, 60, (10, 12, 16, 24))
    finder = BlobFinder()
    single = [finder.find(frame[None], time[None])[0] for frame, time in zip(frames, TIMES)]
    for one, other in zip(single, BlobFinder().find(frames, TIMES)):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)


def test_someone_who_stands_in_a_given_backgrounds_recording_from_its_first_frame_is_found():
    frames = frames_with(40, 60, (10, 12, 16, 24))
    assert len(BlobFinder(frames[0]).find(frames[1:], TIMES[1:])[0]) == 1
    assert len(BlobFinder().find(frames[1:], TIMES[1:])[0]) == 0
