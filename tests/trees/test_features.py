"""Features are known for people that are drawn: rectangles of warm pixels in an even room."""

import numpy as np
import pytest

from slowfast_thermal.trees.features import (
    BOX_FEATURES,
    FEATURES,
    box_features,
    empty_room,
    person_features,
    sampled_frames,
)

HEIGHT, WIDTH = 40, 60
TIMES = 1000 + 100 * np.arange(200)
MOMENT = 11_000


def room(num_frames=200):
    return np.full((num_frames, HEIGHT, WIDTH), 18.0, np.float32)


def features(frames, box, times=TIMES, moment=MOMENT):
    relative = np.array([box], np.float32) / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32)
    values = person_features(frames, times, moment, relative, np.zeros((HEIGHT, WIDTH), np.float32))
    return dict(zip(FEATURES, values[0].tolist()))


def test_a_still_person_is_told_by_size_shape_and_warmth():
    frames = room()
    frames[:, 10:20, 20:24] = 24.0
    found = features(frames, (20, 10, 24, 20))
    assert (found["width"], found["height"]) == pytest.approx((4, 10))
    # The standard deviation of pixel centres that are evenly spread over n pixels is sqrt((n * n - 1) / 12).
    assert found["long axis"] == pytest.approx(np.sqrt(99 / 12), abs=0.01)
    assert found["short axis"] == pytest.approx(np.sqrt(15 / 12), abs=0.01)
    assert found["warm pixels"] == 40 and found["warmth"] == pytest.approx(40 * (6 - 1.5), rel=1e-4)
    assert found["hottest"] == found["mean"] == found["mean above background"] == 6
    assert all(value == 0 for name, value in found.items() if name.startswith(("motion", "change", "shift")))
    assert all(value == pytest.approx(1, abs=1e-5) for name, value in found.items() if name.startswith("overlap"))


def test_the_rooms_own_warmth_and_the_place_in_it_do_not_matter():
    frames = room()
    frames[:, 10:20, 20:24] = 24.0
    moved = room() + 5
    moved[:, 22:32, 31:35] = 29.0
    first, second = features(frames, (20, 10, 24, 20)), features(moved, (31, 22, 35, 32))
    del first["axis along radius"], second["axis along radius"]
    assert first == pytest.approx(second, rel=1e-4)


def test_the_long_axis_is_seen_from_the_middle_of_the_image():
    frames = room()
    frames[:, 2:12, 28:32] = 24.0
    assert features(frames, (28, 2, 32, 12))["axis along radius"] == pytest.approx(1, abs=1e-4)
    frames = room()
    frames[:, 4:8, 25:35] = 24.0
    assert features(frames, (25, 4, 35, 8))["axis along radius"] == pytest.approx(0, abs=1e-4)


def test_motion_is_told_when_it_happens():
    frames = room()
    frames[:, 10:20, 20:24] = 24.0
    frames[TIMES > MOMENT + 2500, 10:20, 20:24] = 18.0
    found = features(frames, (20, 10, 24, 20))
    assert found["change +4 s"] == pytest.approx(6) and found["change +2 s"] == found["change -4 s"] == 0
    assert found["overlap +4 s"] == pytest.approx(0, abs=1e-5)
    # The change of 6 degrees is spread over the eight steps of a quarter of a second from 2 to 4 seconds.
    assert found["motion +2 to +4 s"] == pytest.approx(6 / 8)
    assert found["motion +4 to +8 s"] == found["motion +1 to +2 s"] == 0


def test_the_frame_rate_does_not_matter():
    rng = np.random.default_rng(0)
    slow_times = 1000 + 1000 * np.arange(21)
    slow = (18 + rng.random((21, HEIGHT, WIDTH))).astype(np.float32)
    # Frames between those of the slow sensor lie on the way from one to the next.
    dense_times = np.sort(np.concatenate([slow_times, rng.integers(1000, 21_000, 300)]))
    share = (dense_times - 1000) / 1000
    before = np.minimum(share.astype(int), 19)
    dense = slow[before] + (slow[before + 1] - slow[before]) * (share - before)[:, None, None].astype(np.float32)
    box = (20, 10, 40, 30)
    first, second = features(slow, box, slow_times), features(dense, box, dense_times)
    # The median is taken of interpolated frames, from the same neighbours in both.
    assert first == pytest.approx(second, rel=1e-3, abs=1e-3)


def test_only_the_sampled_frames_are_looked_at():
    frames = 18 + np.random.default_rng(0).random((200, HEIGHT, WIDTH)).astype(np.float32)
    places = sampled_frames(TIMES, MOMENT)
    assert len(places) < 140
    box = (20, 10, 40, 30)
    assert features(frames[places], box, TIMES[places]) == features(frames, box)


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("box", [(0, 0, 0.3, 0.3), (59.7, 39.7, 60, 40), (0, 0, 60, 40), (30.6, 20.6, 30.8, 20.8)])
def test_short_recordings_and_tiny_or_whole_boxes_give_numbers(num_frames, box):
    found = features(room(num_frames), box, TIMES[:num_frames])
    assert np.isfinite(list(found.values())).all()


def test_a_sensor_of_few_pixels_gives_numbers():
    frames = np.random.default_rng(0).normal(18, 1, (20, 8, 8)).astype(np.float32)
    box = np.array([[0.51, 0.51, 0.52, 0.52]], np.float32)
    assert np.isfinite(person_features(frames, TIMES[:20], 2000, box, empty_room(frames))).all()


def test_nobody_has_no_features():
    assert person_features(room(), TIMES, MOMENT, np.zeros((0, 4)), room(1)[0]).shape == (0, len(FEATURES))


def test_the_empty_room_is_what_is_seen_most_of_the_time():
    frames = room()
    frames[:, 0] += 3
    frames[:60, 10:20, 20:24] = 30
    empty = empty_room(frames)
    assert (empty[0] == 3).all() and (empty[1:] == 0).all()


def test_box_features_are_centre_and_size():
    assert box_features(np.array([[0.1, 0.2, 0.5, 0.4]]))[0] == pytest.approx([0.3, 0.3, 0.4, 0.2])
    assert len(BOX_FEATURES) == 4
