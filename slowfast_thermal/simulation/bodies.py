"""Bodies: a skeleton posed by angles, clothed with spheres along its bones.

Letters: N moments, B bones, J joints, K spheres of a body. The floor is z = 0; x, y and z are metres.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from slowfast_thermal.simulation.parameters import BodyPrior, draw


class Pose(NamedTuple):
    """One moment of one person.

    The pelvis stands above x, y, and the lowest sphere rests on `support`. The body's front points to `yaw` (radians from x
    to y). `roll` turns the whole body about that direction. Angles of limbs run from straight down towards the front, in
    the body's middle plane, so an upright torso is at pi; someone on the back has the torso at 3/2 pi and the legs at
    1/2 pi, someone on the belly the same and a roll of pi. `feet` is their angle to the
    shins. What is `apart` leaves that plane. `gait` and `wave` say how
    far legs swing with the way walked and the right arm waves, `cover` how much of the body is under a blanket (0 to 1).
    """

    x: float = 0.0
    y: float = 0.0
    support: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    gait: float = 0.0
    wave: float = 0.0
    cover: float = 0.0
    torso: float = math.pi
    head: float = math.pi
    left_arm: float = 0.1
    left_forearm: float = 0.3
    right_arm: float = 0.1
    right_forearm: float = 0.3
    left_thigh: float = 0.0
    left_shin: float = 0.0
    right_thigh: float = 0.0
    right_shin: float = 0.0
    arms_apart: float = 0.12
    legs_apart: float = 0.05
    feet: float = 0.5 * math.pi


JOINT_ANGLES = Pose._fields[Pose._fields.index("torso") :]
ZONES = ("head", "torso", "upper_arm", "forearm", "thigh", "shin", "foot")


class _Bone(NamedTuple):
    """A bone from one joint to another: its angle (a field of Pose), length, and the spheres along it.

    Lengths, shifts to the left of where it starts, and radii are parts of the stature.
    """

    name: str
    parent: str
    angle: str
    apart: str
    length: float
    zone: str
    count: int
    radius: float
    shift: float = 0.0


def _limbs(side: str, sign: int) -> list[_Bone]:
    arm, leg = f"{side}_arm", f"{side}_thigh"
    return [
        _Bone(f"{side}_flank", "pelvis", "torso", "", 0.29, "torso", 4, 0.068, sign * 0.055),
        _Bone(f"{side}_elbow", f"{side}_flank", arm, "arms_apart", 0.17, "upper_arm", 3, 0.031, sign * 0.052),
        _Bone(f"{side}_hand", f"{side}_elbow", f"{side}_forearm", "arms_apart", 0.20, "forearm", 4, 0.026),
        _Bone(f"{side}_knee", "pelvis", leg, "legs_apart", 0.245, "thigh", 4, 0.050, sign * 0.05),
        _Bone(f"{side}_ankle", f"{side}_knee", f"{side}_shin", "legs_apart", 0.245, "shin", 4, 0.034),
        _Bone(f"{side}_toes", f"{side}_ankle", f"{side}_shin", "", 0.10, "foot", 2, 0.030),
    ]


_BONES = [
    _Bone("neck", "pelvis", "torso", "", 0.30, "torso", 1, 0.045),
    _Bone("head", "neck", "head", "", 0.13, "head", 2, 0.058),
    *_limbs("left", 1),
    *_limbs("right", -1),
]
_JOINTS = ["pelvis", *(bone.name for bone in _BONES)]
_ANGLES = [Pose._fields.index(bone.angle) for bone in _BONES]
_FEET = [index for index, bone in enumerate(_BONES) if bone.zone == "foot"]
_APART = [Pose._fields.index(bone.apart or "roll") for bone in _BONES]
_SIDE = np.array([(bone.name.startswith("left") - bone.name.startswith("right")) * bool(bone.apart) for bone in _BONES])
_PARENT = [_JOINTS.index(bone.parent) for bone in _BONES]
# Of each sphere: its bone, and its place from the bone's start (0) to its end (1).
_BONE_OF = np.array([index for index, bone in enumerate(_BONES) for _ in range(bone.count)])
_PLACE = np.array([(i + 1) / bone.count for bone in _BONES for i in range(bone.count)])[:, None]
_RADIUS = np.array([_BONES[index].radius for index in _BONE_OF])
_ZONE = np.array([ZONES.index(_BONES[index].zone) for index in _BONE_OF])
_COVERED = (_ZONE != ZONES.index("head")).astype(float)


class Body(NamedTuple):
    """One person's size and warmth.

    Attributes:
        stature: metres.
        girth: multiplies all radii.
        excess: (K,) degrees Celsius above the room.
        blanket: part of the excess that a blanket hides.
    """

    stature: float
    girth: float
    excess: np.ndarray
    blanket: float

    @classmethod
    def draw(cls, rng: Generator, prior: BodyPrior) -> "Body":
        warmth = draw(rng, prior.warmth)
        excess = np.array([draw(rng, getattr(prior, zone)) for zone in ZONES])[_ZONE] * warmth
        excess = np.maximum(excess + draw(rng, prior.texture) * rng.standard_normal(len(excess)), 0.3)
        return cls(draw(rng, prior.stature), draw(rng, prior.girth), excess, draw(rng, prior.blanket))

    def spheres(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the body is, and how warm.

        Args:
            poses: (N, fields of Pose).

        Returns:
            Centres (N, K, 3) and radii (K,) in metres, excess (N, K) in degrees Celsius above the room.
        """
        pose = Pose(*poses.T)
        zero = np.zeros_like(pose.yaw)
        front = np.stack([np.cos(pose.yaw), np.sin(pose.yaw), zero], 1)
        level = np.stack([-np.sin(pose.yaw), np.cos(pose.yaw), zero], 1)
        sine, cosine = np.sin(pose.roll)[:, None], np.cos(pose.roll)[:, None]
        up = sine * level + cosine * [0.0, 0.0, 1.0]
        left = cosine * level - sine * [0.0, 0.0, 1.0]

        angle = poses[:, _ANGLES]  # (N, B)
        angle[:, _FEET] += pose.feet[:, None]
        apart = poses[:, _APART] * _SIDE
        forward = (np.cos(apart) * np.sin(angle))[..., None] * front[:, None]
        upward = (-np.cos(apart) * np.cos(angle))[..., None] * up[:, None]
        directions = forward + upward + np.sin(apart)[..., None] * left[:, None]

        joints = np.zeros((len(poses), len(_JOINTS), 3))
        starts = np.empty_like(directions)
        for index, bone in enumerate(_BONES):
            starts[:, index] = joints[:, _PARENT[index]] + bone.shift * left
            joints[:, index + 1] = starts[:, index] + bone.length * directions[:, index]
        ends = joints[:, 1:]
        centres = self.stature * ((1 - _PLACE) * starts[:, _BONE_OF] + _PLACE * ends[:, _BONE_OF])
        radii = self.stature * self.girth * _RADIUS
        lowest = (centres[:, :, 2] - radii).min(1)
        centres += np.stack([pose.x, pose.y, pose.support - lowest], 1)[:, None]
        hidden = self.blanket * pose.cover[:, None] * _COVERED
        return centres, radii, self.excess * (1 - hidden)
