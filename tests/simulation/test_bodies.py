"""Bodies take the postures that their angles say, on what carries them."""

import math

import numpy as np
import pytest

from slowfast_thermal.simulation import postures
from slowfast_thermal.simulation.bodies import Body, Pose
from slowfast_thermal.simulation.parameters import BodyPrior

BODY = Body.draw(np.random.default_rng(0), BodyPrior())


def spheres(**fields: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres (K, 3) and radii (K,) of one pose."""
    centres, radii, _ = BODY.spheres(np.array([Pose(**fields)]))
    return centres[0], radii


@pytest.mark.parametrize(
    ("posture", "lowest", "highest"),
    [
        ({}, 0.9, 1.1),
        (postures.SEATED, 0.6, 0.85),
        (postures.CROUCHED, 0.4, 0.75),
        (postures.KNEELING_UP, 0.6, 0.8),
        (postures.ON_ALL_FOURS, 0.3, 0.5),
        (postures.SUPINE, 0.1, 0.25),
    ],
)
def test_a_posture_has_the_height_of_its_name(posture, lowest, highest):
    centres, radii = spheres(**posture)
    top = (centres[:, 2] + radii).max() / BODY.stature
    assert lowest < top < highest


@pytest.mark.parametrize("roll", [0.0, 0.5 * math.pi, math.pi])
def test_who_lies_is_as_long_as_tall_and_rests_on_what_carries_them(roll):
    centres, radii = spheres(**postures.SUPINE, roll=roll, yaw=0.7, support=0.5)
    along = centres[:, :2] @ [math.cos(0.7), math.sin(0.7)]
    assert np.ptp(along) > 0.85 * BODY.stature
    assert (centres[:, 2] - radii).min() == pytest.approx(0.5)


def test_the_head_points_back_when_the_front_looks_along_the_legs():
    centres, _ = spheres(**postures.SUPINE)
    assert centres[:, 0].max() > 0.3 and centres[:, 0].min() < -0.3
    highest = spheres()[0][:, 2].argmax()
    assert centres[highest, 0] == centres[:, 0].min()


def test_a_blanket_hides_warmth_but_not_that_of_the_head():
    poses = np.array([Pose(), Pose(cover=1.0)])
    _, _, excess = BODY._replace(blanket=0.5).spheres(poses)
    ratios = excess[1] / excess[0]
    assert sorted(set(np.round(ratios, 6))) == [0.5, 1.0]
    assert (ratios == 1).sum() == 2
