"""Cameras: rays and projection agree, and lenses are what they are called."""

import math
from dataclasses import replace

import numpy as np
import pytest

from slowfast_thermal.simulation.cameras import Camera
from slowfast_thermal.simulation.parameters import PRIORS


def cameras(prior: str) -> list[Camera]:
    rng = np.random.default_rng(0)
    return [Camera.draw(rng, PRIORS[prior].camera, np.array([5.0, 4.0]), 40, 60) for _ in range(20)]


@pytest.mark.parametrize("prior", PRIORS)
def test_a_point_on_a_pixels_ray_falls_on_that_pixel(prior):
    for camera in cameras(prior):
        rays = camera.rays()
        places, distance, scale = camera.project(camera.place + 2.5 * rays)
        rows, columns = np.mgrid[:40, :60] + 0.5
        seen = scale > 0
        assert np.abs(places - np.stack([columns, rows], -1))[seen].max() < 1e-6
        assert distance == pytest.approx(np.full((40, 60), 2.5))


def test_the_scale_is_that_of_small_steps():
    for camera in cameras("ceiling"):
        point = camera.place + 2.0 * camera.rays()[12, 20]
        steps = np.linalg.svd(camera.rays()[12, 20][None])[2][1:] * 1e-4
        here, _, scale = camera.project(point)
        moved = np.array([camera.project(point + step)[0] - here for step in steps]) / 1e-4
        assert scale == pytest.approx(math.sqrt(abs(np.linalg.det(moved))), rel=1e-3)


def test_nothing_behind_the_camera_is_seen():
    for camera in cameras("corner"):
        assert camera.project(camera.place - camera.axes[2])[2] == 0


def test_a_ceiling_camera_looks_down_and_a_corner_camera_into_the_room():
    assert all(camera.axes[2, 2] < -0.95 for camera in cameras("ceiling"))
    for camera in cameras("corner"):
        assert -0.8 < camera.axes[2, 2] < -0.3
        assert camera.axes[2, :2] @ camera.place[:2] < 0
        assert camera.axes[1, 2] < 0, "the image's lower edge is nearer to the floor"


def test_images_are_not_mirrored():
    for prior in PRIORS:
        for camera in cameras(prior):
            assert np.linalg.det(camera.axes) == pytest.approx(1)


def test_a_fisheye_shows_equal_angles_as_equal_lengths():
    prior = replace(PRIORS["ceiling"].camera, lens=(1e-3, 1e-3), tilt=(0.0, 0.0), shift=(0.0, 0.0))
    camera = Camera.draw(np.random.default_rng(0), prior, np.array([5.0, 4.0]), 40, 60)
    angles = np.radians([10, 20, 40])
    points = camera.place + np.sin(angles)[:, None] * camera.axes[0] + np.cos(angles)[:, None] * camera.axes[2]
    radii = camera.project(points)[0][:, 0] - camera.middle[0]
    assert radii / radii[0] == pytest.approx([1, 2, 4], rel=1e-3)
