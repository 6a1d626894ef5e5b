"""The sensor: what its link loses, and when it reads."""

from dataclasses import replace

import numpy as np
import pytest

from slowfast_thermal.simulation.parameters import SensorPrior
from slowfast_thermal.simulation.sensor import NO_READING, Sensor

LOSSY = SensorPrior(lossy=1.0, lost_frames=(0.5, 0.5), packet=(0.24, 0.24), dead_pixels=0.0, ring=0.0)


def sensor(prior: SensorPrior, seed: int = 0) -> Sensor:
    return Sensor.draw(np.random.default_rng(seed), prior, 40, 60)


def test_what_arrives_after_a_lost_packet_moves_up_and_the_rest_is_missing():
    numbered = np.tile(np.arange(2400, dtype=np.float32).reshape(40, 60), (200, 1, 1))
    lossy = sensor(LOSSY)
    assert lossy.packet == 576
    lossy.lose(np.random.default_rng(1), numbered)
    seen = set()
    for frame in numbered.reshape(200, -1):
        missing = int((frame == NO_READING).sum())
        arrived = frame[: 2400 - missing].astype(int)
        assert (frame[2400 - missing :] == NO_READING).all()
        assert (np.diff(arrived) > 0).all(), "what arrived keeps its order"
        packets = [int(start) // 576 for start in arrived if start % 576 == 0]
        assert len(arrived) == sum(min(576, 2400 - 576 * packet) for packet in packets)
        seen.add(missing)
    assert {0, 576, 96} <= seen


def test_dead_pixels_never_read():
    dead = sensor(replace(LOSSY, lossy=0.0, dead_pixels=1.0))
    frames = np.zeros((10, 40, 60), np.float32)
    dead.lose(np.random.default_rng(0), frames)
    assert 1 <= (frames[0] == NO_READING).sum() <= 4
    assert (frames == frames[0]).all()


@pytest.mark.parametrize("bursts", [0.0, 1.0])
def test_frames_come_at_irregular_times_in_the_wanted_number(bursts):
    made = sensor(SensorPrior(bursts=bursts))
    seconds = made.seconds(np.random.default_rng(0), 600.0)
    intervals = np.diff(seconds)
    assert intervals.min() > 0 and seconds[-1] < 600
    assert intervals.mean() == pytest.approx(made.interval, rel=0.2)
    assert (np.median(intervals) < 0.07) == bool(bursts)


def test_the_ring_is_warm_and_what_lies_behind_is_noisy():
    ring = sensor(SensorPrior(ring=1.0, ring_celsius=(4.0, 4.0), ring_radius=(0.8, 0.8), behind_noise=(2.0, 2.0)))
    assert ring.offset[20].max() > 3 and abs(ring.offset[18:22, 28:32].mean()) < 0.5
    assert ring.deviation[0, 0] > 1.5 > ring.deviation[20, 30]
