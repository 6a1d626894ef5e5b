import numpy as np
import pytest

from slowfast_thermal.people.background import Background, still_background

HEIGHT, WIDTH = 20, 30
PERSON = np.s_[5:12, 10:16]


def room(seed: int = 0) -> np.ndarray:
    """(H, W) temperatures of an empty room, warm along one edge."""
    return np.random.default_rng(seed).normal(18, 0.3, (HEIGHT, WIDTH)) + np.linspace(3, 0, WIDTH)


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 0.1, (HEIGHT, WIDTH))


def test_a_person_who_lies_still_for_an_hour_does_not_fade():
    rng = np.random.default_rng(1)
    background = Background(room())
    for second in range(3600):
        frame = room() + noise(rng)
        frame[PERSON] += 4
        difference = background.difference(frame, 1000 * second)
    assert difference[PERSON].mean() > 0.75 * 4
    difference[PERSON] = 0
    assert np.abs(difference).mean() < 0.2


def test_the_place_of_someone_who_was_in_the_first_frame_is_empty_minutes_after_they_left():
    rng = np.random.default_rng(1)
    first = room()
    first[PERSON] += 4
    background = Background(first)
    differences = [background.difference(room() + noise(rng), 1000 * second) for second in range(1, 241)]
    assert differences[0][PERSON].mean() < -3
    assert abs(differences[-1][PERSON].mean()) < 0.3


@pytest.mark.parametrize("drift", [np.linspace(0, 5, 600), np.where(np.arange(600) < 300, 0, -3)])
def test_drift_and_jumps_of_the_whole_picture_are_no_person(drift):
    rng = np.random.default_rng(1)
    background = Background(room())
    for second, offset in enumerate(drift):
        difference = background.difference(room() + offset + noise(rng), 1000 * second)
        assert difference.max() < 1


def test_what_a_frame_rate_is_does_not_matter():
    first = room()
    first[PERSON] += 4

    def after_a_minute(interval: int) -> np.ndarray:
        background = Background(first)
        for time in range(0, 60_001, interval):
            difference = background.difference(room(), time)
        return difference

    np.testing.assert_allclose(after_a_minute(100), after_a_minute(1000), atol=0.05)


def test_people_who_move_do_not_enter_a_recordings_background():
    rng = np.random.default_rng(2)
    frames = np.stack([room() + noise(rng) for _ in range(1200)])
    for k, frame in enumerate(frames):
        left = k // 100 * 2
        frame[5:12, left : left + 4] += 6
    assert np.abs(still_background(frames) - room()).max() < 0.5
