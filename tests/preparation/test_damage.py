import h5py
import numpy as np
import pytest

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.preparation.damage import find_damage, find_flashing
from tests.datasets.test_packets import lose, packets_of, room

PACKETS = packets_of(600, 144)


@pytest.fixture
def damage_of(tmp_path):
    def find(frames):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["frames"] = frames.reshape(-1, 20, 30)
            file["timestamps"] = np.arange(len(frames)) * 100
        recording = Recording(tmp_path / "a.h5", (-40.0, 300.0), 20.0, packet_length=0)
        return find_damage(recording)

    return find


def test_nothing_is_found_in_whole_frames_of_noise_and_someone_who_walks(damage_of):
    damage = damage_of(np.round(room(20, 30, 130), 1))
    assert (damage.num_missing, len(damage.repairs), damage.torn, damage.frozen, damage.flashing) == (0, 0, [], [], [])


def test_lost_packets_are_told_from_dead_pixels(damage_of):
    frames = room(20, 30, 130)
    frames[:, 17] = np.nan
    frames[::3, 40] = np.nan
    frames[10], _ = lose(frames[10], PACKETS, (True, False, True, True, True))
    frames[70], _ = lose(frames[70], PACKETS, (True, True, True, True, False))
    damage = damage_of(frames)
    assert damage.packet_length == 144 and list(damage.repairs) == [10, 70]
    assert (damage.repairs[10].num_moved, damage.repairs[70].num_moved) == (2 * 144 + 24, 0)
    assert damage.distances.displaced > 3 * damage.distances.repaired
    assert (damage.num_dead, damage.num_never_read) == (1, 1)
    assert damage.num_missing == 128 + 44


def test_a_frame_that_holds_a_packet_of_the_one_before_is_torn(damage_of):
    frames = np.round(room(20, 30, 130), 1)
    for number, packet in ((5, PACKETS[2]), (64, PACKETS[0]), (90, PACKETS[4])):
        frames[number, packet] = frames[number - 1, packet]
    assert damage_of(frames).torn == [5, 64, 90]


def test_a_frame_that_comes_twice_is_frozen(damage_of):
    frames = room(20, 30, 130)
    frames[[20, 64, 65]] = frames[[19, 63, 63]]
    damage = damage_of(frames)
    assert damage.frozen == [20, 64, 65] and damage.torn == []


def test_a_scene_without_noise_has_no_torn_frames(damage_of):
    frames = np.round(room(20, 30, 130) / 5) * 5
    assert damage_of(frames).torn == []


def test_frames_flash_whose_level_jumps_and_comes_back_but_not_where_it_stays(damage_of):
    frames = room(20, 30, 130)
    frames[40:43] += 3
    frames[80:] -= 3
    assert damage_of(frames).flashing == [40, 41, 42]


@pytest.mark.parametrize("levels", [[np.nan] * 5, [20.0], [20.0] * 20 + [25.0] * 2, np.linspace(15, 35, 200)])
def test_a_level_that_is_unknown_or_drifts_does_not_flash(levels):
    assert not find_flashing(np.array(levels)).any()
