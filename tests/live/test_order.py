"""Frames that do not go on with those before them."""

import numpy as np

from slowfast_thermal.live.frames import Frame
from slowfast_thermal.live.order import FrameOrder

SMALL = (2, 3)


def frame(seconds, size=(4, 6)):
    return Frame("A", round(1000 * seconds), np.zeros(size, np.float32))


class Played:
    """Frames at these seconds, and what became of them."""

    def __init__(self, *frames):
        self.taken, self.new, self.dropped, self.told = [], [], 0, []
        order = FrameOrder()
        for each in frames:
            ordered = order.add(each)
            self.taken += [one.timestamp / 1000 for one in ordered.frames]
            self.new += [ordered.frames[0].timestamp / 1000] if ordered.is_new else []
            self.dropped += ordered.dropped
            self.told += [ordered.told] if ordered.told else []


def test_frames_that_come_late_or_twice_are_dropped():
    played = Played(*map(frame, (0, 1, 1, 0.5, 2)))
    assert played.taken == [0, 1, 2] and played.dropped == 2 and set(played.told) == {"frames come late or twice"}


def test_after_a_pause_no_frame_is_lost():
    played = Played(*map(frame, (0, 1, 61, 62, 3600, 3601, 3602)))
    assert played.taken == [0, 1, 61, 62, 3600, 3601, 3602] and not (played.dropped or played.told or played.new)


def test_frames_that_are_always_far_apart_are_taken():
    # The last one waits for the next.
    assert Played(*map(frame, range(0, 100, 10))).taken == list(range(0, 90, 10))


def test_one_frame_of_another_time_or_size_is_dropped_and_told():
    for odd, told in (
        (frame(3600), "the clock was set forward by 3598 s"),
        (frame(-3600), "the clock was set back by 3602 s"),
        (frame(3, SMALL), "the resolution changed from 4x6 to 2x3"),
    ):
        played = Played(frame(1), frame(2), odd, frame(3), frame(4))
        assert played.taken == [1, 2, 3, 4] and played.dropped == 1 and not played.new
        assert set(played.told) == {told}


def test_eight_frames_of_another_clock_or_size_are_believed_and_none_of_them_is_lost():
    for later, first in (
        ([frame(number - 3600) for number in range(8)], -3600),
        ([frame(3 + n, SMALL) for n in range(8)], 3),
    ):
        played = Played(frame(1), frame(2), *later)
        assert played.new == [first] and played.taken == [1, 2, *(each.timestamp / 1000 for each in later)]
        assert not Played(frame(1), frame(2), *later[:7]).new


def test_frames_that_come_twice_do_not_keep_a_new_clock_from_being_believed():
    later = [frame(number - 3600) for number in range(8)]
    twice = [each for one in later for each in (one, one)]
    assert Played(frame(1), frame(2), *twice).new == [-3600]


def test_odd_frames_that_do_not_agree_are_not_believed():
    odd = [frame(-3600 * (number + 1)) for number in range(20)]
    played = Played(frame(1), *odd, frame(2))
    assert played.taken == [1, 2] and played.dropped == 20
