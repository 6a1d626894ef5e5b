import itertools
from collections import Counter

import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.link import Link, find_packet_length
from slowfast_thermal.datasets.packets import NUM_NEIGHBOURS, LiveRepair, find_repair

# Height, width and packet length: with a short last packet, without one, and a sensor of many packets.
SENSORS = [(20, 30, 144), (16, 16, 64), (24, 32, 100)]


def room(height, width, num_frames=12, seed=0):
    """(N, H*W) frames of a room with warm and cold places, noise, and someone who walks through it."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(20, 2, (height // 4 + 1, width // 4 + 1))
    background = np.kron(coarse, np.ones((4, 4)))[:height, :width]
    frames = background + rng.normal(0, 0.2, (num_frames, height, width))
    for number, frame in enumerate(frames):
        frame[height // 3 : height // 2, number : number + 4] += 8
    return frames.astype(np.float32).reshape(num_frames, -1)


def packets_of(size, length):
    return [np.arange(start, min(start + length, size)) for start in range(0, size, length)]


def lose(frame, packets, keep):
    """The frame as received when only the packets of `keep` arrive, and as it should come back."""
    arrived = np.concatenate([packet for packet, is_kept in zip(packets, keep) if is_kept])
    received, expected = np.full_like(frame, np.nan), np.full_like(frame, np.nan)
    received[: len(arrived)] = frame[arrived]
    expected[arrived] = frame[arrived]
    return received, expected


def subsets(packets):
    return [keep for keep in itertools.product([True, False], repeat=len(packets)) if any(keep) and not all(keep)]


@pytest.mark.parametrize("height, width, length", SENSORS)
@pytest.mark.parametrize("sides", ["both", "past"])
def test_every_subset_of_lost_packets_comes_back_exactly(height, width, length, sides):
    frames = room(height, width)
    packets, link = packets_of(height * width, length), Link(length)
    for keep in subsets(packets):
        received, expected = lose(frames[5], packets, keep)
        repair = find_repair(received, link, frames[4:0:-1], frames[6:10] if sides == "both" else ())
        np.testing.assert_array_equal(repair.apply(received), expected)
        assert repair.num_lost == np.isnan(expected).sum()


def test_lost_packets_come_back_where_pixels_are_dead_in_the_middle_and_at_the_end():
    frames = room(20, 30)
    frames[:, [3, 200, 597, 598, 599]] = np.nan
    packets, link = packets_of(600, 144), Link(144)
    link.observe(np.isnan(frames))
    assert not link.has_tail(np.isnan(frames)).any()
    for keep in subsets(packets):
        received, expected = lose(frames[5], packets, keep)
        assert link.has_tail(np.isnan(received)[None]).all()
        np.testing.assert_array_equal(find_repair(received, link, frames[4:0:-1]).apply(received), expected)


def test_a_loss_that_keeps_its_place_stays():
    frames = room(20, 30)
    cut, middle = frames[5].copy(), frames[5].copy()
    cut[-144:] = np.nan
    middle[144:288] = np.nan
    link = Link(144)
    repair = find_repair(cut, link, frames[4:0:-1])
    np.testing.assert_array_equal(repair.apply(cut), cut)
    assert repair.num_moved == 0
    assert not link.has_tail(np.isnan(middle)[None]).any()


def test_a_tail_that_is_not_made_of_packets_stays():
    frames = room(20, 30)
    cut = frames[5].copy()
    cut[-100:] = np.nan
    assert find_repair(cut, Link(144), frames[4:0:-1]) is None


def test_a_room_without_structure_leaves_the_choice_unclear():
    frames = np.random.default_rng(0).normal(20, 0.2, (12, 600)).astype(np.float32)
    received, _ = lose(frames[5], packets_of(600, 144), (True, False, True, True, True))
    repair = find_repair(received, Link(144), frames[4:0:-1], frames[6:10])
    assert repair.starts is None and np.isnan(repair.apply(received)).all()


def test_a_frame_without_neighbours_is_unclear():
    received, _ = lose(room(20, 30)[5], packets_of(600, 144), (True, False, True, True, True))
    assert find_repair(received, Link(144), [], []).starts is None


@pytest.mark.parametrize(
    "tails, size, length",
    [
        ({576: 110, 1152: 21, 1728: 23, 2304: 6}, 2400, 576),
        ({576: 1}, 2400, 576),
        ({576: 80, 96: 20, 672: 3}, 2400, 576),
        ({64: 9, 128: 2}, 256, 64),
        ({576: 110, 1152: 21, 700: 5}, 2400, 576),
        ({611: 4, 1201: 3, 350: 3, 97: 2, 1803: 1}, 2400, 0),
        ({}, 2400, 0),
    ],
)
def test_the_packet_length_is_the_longest_that_explains_the_tails(tails, size, length):
    assert find_packet_length(Counter(tails), size) == length


def test_a_live_stream_learns_the_packet_length_and_is_put_right_by_its_past():
    frames = room(20, 30, num_frames=40)
    packets = packets_of(600, 144)
    live, rng = LiveRepair(), np.random.default_rng(1)
    for number, frame in enumerate(frames):
        received, expected = frame, frame
        if number % 5 == 4:
            keep = np.ones(5, bool)
            keep[rng.choice(4, 1 + number // 20, replace=False)] = False
            received, expected = lose(frame, packets, keep)
        np.testing.assert_array_equal(live(received.reshape(20, 30)), expected.reshape(20, 30))


def real_frames(folder, session):
    """(N, 2400) different frames of a session in the order of their times, NaN where a reading is missing."""
    frames = {}
    for path in sorted((folder / "frames").glob(f"{session}_*.h5")):
        with h5py.File(path) as file:
            frames.update(zip(file["timestamps"][:].tolist(), file["frames"][:]))
    frames = np.stack([frames[time] for time in sorted(frames)]).reshape(len(frames), -1)
    frames[frames < -40] = np.nan
    return frames


def test_no_frame_of_a_real_session_without_losses_has_a_tail(real_data):
    missing = np.isnan(real_frames(real_data, "SL18"))
    link = Link()
    link.observe(missing)
    assert not link.has_tail(missing).any() and link.packet_length(2400) == 0


def test_every_subset_of_packets_lost_from_real_frames_comes_back_exactly(real_data):
    frames, packets, link = real_frames(real_data, "SL18"), packets_of(2400, 576), Link(576)
    for number in range(10, len(frames) - 10, 100):
        for keep in subsets(packets):
            received, expected = lose(frames[number], packets, keep)
            before = frames[number - NUM_NEIGHBOURS : number][::-1]
            for after in ((), frames[number + 1 : number + 1 + NUM_NEIGHBOURS]):
                np.testing.assert_array_equal(find_repair(received, link, before, after).apply(received), expected)


def test_real_frames_with_lost_packets_agree_with_their_neighbours_once_put_right(real_data):
    frames = real_frames(real_data, "SL14")
    link = Link()
    link.observe(np.isnan(frames))
    tails = link.has_tail(np.isnan(frames))
    whole, place = frames[~tails], np.cumsum(~tails)
    repaired, repairs = frames.copy(), {}
    for i in np.flatnonzero(tails):
        before, after = whole[place[i] - 1 :: -1][:NUM_NEIGHBOURS], whole[place[i] :][:NUM_NEIGHBOURS]
        repairs[i] = find_repair(frames[i], link, before, after)
        repaired[i] = repairs[i].apply(frames[i])
    assert (len(frames), len(repairs), link.packet_length(2400)) == (1528, 160, 576)
    assert sum(repair.num_placements > 1 for repair in repairs.values()) == 154
    assert all(repair.num_moved >= 96 for repair in repairs.values())
    # A quarter of the picture or more was displaced; in the others it is the last, shorter packet.
    displaced = [i for i, repair in repairs.items() if repair.num_moved >= 576]
    assert len(displaced) == 118

    def distance(frames):
        around = [(whole[place[i] - 1] + whole[place[i]]) / 2 for i in displaced]
        return np.nanmean(np.minimum(np.abs(frames[displaced] - around), 4))

    between = np.mean(np.minimum(np.abs(whole[1:] - whole[:-1]), 4))
    assert distance(frames) > 1.3 and distance(repaired) < between
