import motmetrics
import numpy as np
import pytest

from slowfast_thermal.people.finder import FoundPeople
from slowfast_thermal.people.tracks import Tracker, box_overlap, track_recording

SIDES = np.array([6.0, 12.0])


def irregular_times(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Milliseconds of frames whose intervals are those of a real sensor: 40 to 300 ms, now and then a gap of 1.5 s."""
    intervals = rng.choice([40, 80, 100, 160, 300, 1500], p=[0.2, 0.2, 0.25, 0.2, 0.14, 0.01], size=int(seconds * 20))
    times = intervals.cumsum()
    return times[times < 1000 * seconds]


def box_at(centre: np.ndarray) -> np.ndarray:
    return np.concatenate([centre - SIDES / 2, centre + SIDES / 2])


class World:
    """People who walk to and fro along lines that cross.

    `boxes(time)` are those of all people, in pixels; every person walks at up to 10 pixels a second.
    """

    def __init__(self, num_people: int, rng: np.random.Generator):
        self._ends = rng.uniform((5, 8), (55, 32), (num_people, 2, 2))
        self._periods = rng.uniform(16, 30, num_people)
        self._phases = rng.uniform(0, 2 * np.pi, num_people)

    def boxes(self, time: int) -> np.ndarray:
        share = (1 + np.sin(2 * np.pi * time / 1000 / self._periods + self._phases)) / 2
        centres = self._ends[:, 0] + (self._ends[:, 1] - self._ends[:, 0]) * share[:, None]
        return np.stack([box_at(centre) for centre in centres])


def found(boxes: np.ndarray, scores: float | np.ndarray = 0.9) -> FoundPeople:
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    return FoundPeople(boxes, np.broadcast_to(np.float32(scores), len(boxes)))


def figures(world: World, times: np.ndarray, people: list[FoundPeople], patience: float = 5.0) -> dict[str, float]:
    """MOTA, IDF1 and identity switches of the tracks of a world by motmetrics."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for time, tracked in zip(times, track_recording(people, times, patience)):
        truth = world.boxes(time)
        boxes = np.array([person.box for person in tracked]).reshape(-1, 4)
        distance = 1 - box_overlap(truth, boxes)
        distance[distance > 0.5] = np.nan
        accumulator.update(list(range(len(truth))), [person.track for person in tracked], distance)
    metrics = ["mota", "idf1", "num_switches"]
    return motmetrics.metrics.create().compute(accumulator, metrics=metrics).iloc[0].to_dict()


def detections(
    world: World, times: np.ndarray, rng: np.random.Generator, missing: float = 0.0, noise: float = 0.3
) -> list[FoundPeople]:
    """The world's people as a detector finds them: with noise in pixels, a share of them missing."""
    frames = []
    for time in times:
        boxes = world.boxes(time)
        boxes = boxes[rng.random(len(boxes)) >= missing]
        frames.append(found(boxes + rng.normal(0, noise, boxes.shape)))
    return frames


def test_people_who_cross_and_are_missed_now_and_then_keep_their_tracks():
    results = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        times = irregular_times(60, rng)
        world = World(3, rng)
        results.append(figures(world, times, detections(world, times, rng, missing=0.1)))
    mota, idf1, switches = (np.mean([result[name] for result in results]) for name in ("mota", "idf1", "num_switches"))
    assert mota > 0.97
    assert idf1 > 0.93
    assert switches <= 1


@pytest.mark.parametrize("gap", [1, 3])
def test_a_track_survives_seconds_without_the_person(gap):
    rng = np.random.default_rng(0)
    times = np.arange(0, 20_000, 125)
    world = World(1, rng)
    people = detections(world, times, rng)
    hidden = (times > 8_000) & (times < 8_000 + 1000 * gap)
    people = [found([]) if hide else frame for hide, frame in zip(hidden, people)]
    tracked = track_recording(people, times)
    assert {person.track for frame in tracked for person in frame} == {1}
    assert [frame[0].seen for frame in tracked] == (~hidden).tolist()
    assert figures(world, times, people)["mota"] > 0.95


def test_a_person_who_is_gone_for_longer_than_the_patience_is_another_one_afterwards():
    times = np.array([0, 125, 6_000, 6_125])
    people = [found(box_at(np.array([30.0, 20.0]))), found([]), found([]), found(box_at(np.array([30.0, 20.0])))]
    assert [[p.track for p in frame] for frame in track_recording(people, times, patience=5)] == [[1], [], [], [2]]


def test_between_two_sightings_the_box_is_interpolated_by_time_and_marked():
    times = np.array([0, 100, 400])
    people = [found(box_at(np.array([20.0, 20.0]))), found([]), found(box_at(np.array([24.0, 20.0])))]
    middle = track_recording(people, times)[1][0]
    assert not middle.seen
    np.testing.assert_allclose(middle.box, box_at(np.array([21.0, 20.0])))


def test_a_low_score_keeps_a_track_but_starts_none():
    tracker = Tracker()
    person, noise = box_at(np.array([20.0, 20.0])), box_at(np.array([50.0, 20.0]))
    tracker.update(found([person]), 0)
    tracked = tracker.update(found([person + 0.5, noise], scores=np.array([0.3, 0.3])), 100)
    assert [(p.track, p.seen) for p in tracked] == [(1, True)]
    assert tracker.update(found([person], scores=0.05), 200)[0].seen is False


def test_a_person_who_is_not_seen_is_expected_on_their_way_and_not_far_off():
    tracker = Tracker()
    for time in range(0, 2_000, 100):
        tracker.update(found(box_at(np.array([10.0 + time / 200, 20.0]))), time)
    centres = [(person.box[0] + person.box[2]) / 2 for t in (2_500, 6_000) for person in tracker.update(found([]), t)]
    assert 20.0 < centres[0] < 25.0
    assert centres[0] < centres[1] < 27.0


def test_two_people_are_told_apart_by_the_nearest_of_all_pairs_together():
    tracker = Tracker()
    tracker.update(found([box_at(np.array([20.0, 20.0])), box_at(np.array([26.0, 20.0]))]), 0)
    tracked = tracker.update(found([box_at(np.array([23.0, 20.0])), box_at(np.array([29.0, 20.0]))]), 300)
    assert [(p.track, (p.box[0] + p.box[2]) / 2) for p in tracked] == [(1, 23.0), (2, 29.0)]


def test_what_is_mostly_doubtful_is_no_person():
    box, times = np.float32([[10, 10, 20, 20]]), 100 * np.arange(10)
    for num_sure, expected in ((4, 0), (6, 10)):
        found = [FoundPeople(box, np.float32([0.9 if frame < num_sure else 0.2])) for frame in range(10)]
        assert sum(map(len, track_recording(found, times))) == expected
