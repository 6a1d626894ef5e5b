"""Scenes: people are warm where their boxes are, and do what their labels say."""

import numpy as np
import pytest

from slowfast_thermal.simulation import labels
from slowfast_thermal.simulation.activities import ACTIVITIES
from slowfast_thermal.simulation.parameters import CEILING
from slowfast_thermal.simulation.scenes import Place, clip_scene, long_scene


def at(rng, prior, height, width):
    return rng, Place(rng, prior, height, width)


@pytest.fixture(scope="module")
def scenes():
    """Four scenes of each activity, each with its moment."""
    return {
        name: [clip_scene(*at(np.random.default_rng([5, number, i]), CEILING, 40, 60), 3.0, name) for i in range(4)]
        for number, name in enumerate(ACTIVITIES)
    }


def test_every_class_has_an_activity():
    assert {activity.label for activity in ACTIVITIES.values()} == set(labels.CLASSES)


def test_the_first_person_does_what_is_wanted(scenes):
    for name, made in scenes.items():
        assert [scene.people[0].label_at(moment) for scene, moment in made] == 4 * [ACTIVITIES[name].label]


def test_boxes_hold_what_is_warmer_than_the_empty_room(scenes):
    differences = []
    for made in scenes.values():
        for scene, moment in made:
            warmth = scene.frames(np.array([moment]))[0] - scene.place.background
            x1, y1, x2, y2 = scene.boxes(moment)[0].astype(int)
            inside = warmth[y1:y2, x1:x2]
            differences.append(np.median(inside) - np.median(warmth))
            assert inside.max() > np.median(warmth) + 1.0
    assert np.mean(np.array(differences) > 0.7) > 0.9


def test_who_lies_on_the_floor_is_longer_than_who_stands_below_the_camera(scenes):
    def longest(name: str) -> float:
        return float(np.mean([np.ptp(scene.boxes(t)[0].reshape(2, 2), axis=0).max() for scene, t in scenes[name]]))

    assert longest("lie on the floor") > longest("sit")


def test_a_person_moves_on_without_jumps(scenes):
    for made in scenes.values():
        for scene, moment in made:
            spheres = scene.people[0].spheres(moment + np.arange(-1.0, 1.0, 0.02), 20.0)
            steps = np.linalg.norm(np.diff(spheres.centres, axis=0), axis=2)
            assert steps.max() < 0.35, "faster than 17 m/s"


def test_walkers_move_and_sleepers_do_not(scenes):
    def way(name: str) -> float:
        spheres = [scene.people[0].spheres(t + np.array([-0.5, 0.5]), 20.0) for scene, t in scenes[name]]
        return float(np.median([np.linalg.norm(s.centres[1] - s.centres[0], axis=1).mean() for s in spheres]))

    assert way("walk") > 0.2 > 0.1 > way("lie in bed")


def test_the_same_seed_gives_the_same_frames():
    frames = []
    for seed in (0, 0, 1):
        scene, moment = clip_scene(*at(np.random.default_rng(seed), CEILING, 40, 60), 3.0)
        frames.append(scene.frames(moment + np.array([-1.0, 0.0, 1.0])))
    assert (frames[0] == frames[1]).all() and (frames[0] != frames[2]).any()


def test_a_long_scene_leaves_no_one_idle():
    scene = long_scene(*at(np.random.default_rng(0), CEILING, 40, 60), 300.0)
    for person in scene.people:
        intervals = person.script.intervals
        assert person.script.seconds >= 300
        assert all(start <= end for start, end, _ in intervals)
        assert all(next_.start >= each.end - 1e-9 for each, next_ in zip(intervals, intervals[1:]))
        assert sum(end - start for start, end, _ in intervals) > 0.9 * person.script.seconds


def test_other_resolutions_show_the_same_room():
    large, small = (
        clip_scene(*at(np.random.default_rng(3), CEILING, height, 3 * height // 2), 3.0)[0].place.camera
        for height in (80, 20)
    )
    assert large.focal == pytest.approx(4 * small.focal)
