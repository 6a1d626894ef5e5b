"""Hours of a room: people come and go through walls, fall where they are seen, and are gone in between."""

import numpy as np
import pytest

from slowfast_thermal.simulation import labels
from slowfast_thermal.simulation.days import Day, DayPrior
from slowfast_thermal.simulation.parameters import CEILING
from slowfast_thermal.simulation.scenes import Place

HOURS = 3


@pytest.fixture(scope="module")
def days():
    made = []
    for seed in range(6):
        rng = np.random.default_rng([3, seed])
        made.append(Day(rng, Place(rng, CEILING, 40, 60), 3600 * HOURS))
    return made


def lying(day):
    return [i for visitor in day.visitors for i in visitor.intervals if i.label == labels.LYING]


def test_people_lie_on_the_floor_about_as_often_as_asked(days):
    falls = [i for day in days for v in day.visitors for i in v.intervals if i.label == labels.FALLING]
    assert 0.3 < len(falls) / (len(days) * HOURS) < 2


def test_nobody_falls_where_nobody_is_to_fall():
    rng = np.random.default_rng(4)
    day = Day(rng, Place(rng, CEILING, 40, 60), 3600 * 6, DayPrior(falls=0.0))
    assert day.visitors and not lying(day)


def test_who_lies_on_the_floor_is_seen(days):
    seen = []
    for day in days:
        for interval in lying(day):
            if interval.end - interval.start > 20:
                second = (interval.start + interval.end) / 2
                labels_then = [visitor.label_at(second) for visitor in day.present(second, second)]
                seen.append(day.boxes(second)[labels_then.index(labels.LYING)].any())
    assert len(seen) > 5 and np.mean(seen) > 0.9


def test_nobody_is_seen_on_entering_leaving_and_in_between(days):
    for day in days:
        for visitor in day.visitors:
            for second in (visitor.start, visitor.end):
                place = day.present(second, second).index(visitor)
                assert not day.boxes(second)[place].any()
    assert any(not day.present(second, second) for day in days for second in range(0, 3600 * HOURS, 600))


def test_intervals_follow_each_other(days):
    for day in days:
        for visitor in day.visitors:
            times = [(i.start, i.end) for i in visitor.intervals]
            assert all(before[1] <= after[0] + 1e-6 for before, after in zip(times, times[1:]))
            assert visitor.start <= times[0][0] and times[-1][1] <= visitor.end + 1e-6
