"""Postures: angles of `bodies.Pose`, each as what differs from standing."""

import math

from slowfast_thermal.simulation.bodies import JOINT_ANGLES, Pose

# Lying on the back: the angle of the torso, and of legs and arms along it.
BACK, FLAT = 1.5 * math.pi, 0.5 * math.pi

UPRIGHT = {name: Pose._field_defaults[name] for name in (*JOINT_ANGLES, "roll", "support", "gait", "wave", "cover")}
SEATED = {
    "torso": 3.1,
    "left_arm": 0.5,
    "left_forearm": 1.3,
    "right_arm": 0.5,
    "right_forearm": 1.3,
    "legs_apart": 0.12,
}
SEATED |= {"left_thigh": 1.5, "right_thigh": 1.5, "left_shin": 0.05, "right_shin": 0.05}
BENT = {"torso": 1.9, "head": 1.7, "left_arm": 0.4, "right_arm": 0.4, "left_thigh": -0.1, "right_thigh": -0.1}
CROUCHED = {
    "torso": 2.6,
    "left_thigh": 2.0,
    "right_thigh": 2.0,
    "left_shin": -0.6,
    "right_shin": -0.6,
    "legs_apart": 0.2,
}
CROUCHED |= {"left_arm": 0.7, "right_arm": 0.7, "left_forearm": 1.2, "right_forearm": 1.2}
KNEELING_UP = {
    "left_shin": -1.5,
    "right_shin": -1.5,
    "left_thigh": 0.15,
    "right_thigh": 0.15,
    "torso": 2.9,
    "feet": 0.2,
}
ON_HEELS = {"left_shin": -1.55, "right_shin": -1.55, "left_thigh": 1.2, "right_thigh": 1.2, "torso": 2.7}
ON_HEELS |= {"feet": 0.1, "left_arm": 0.5, "right_arm": 0.5, "left_forearm": 1.0, "right_forearm": 1.0}
ON_ALL_FOURS = {"torso": 1.6, "head": 1.8, "left_thigh": 0.1, "right_thigh": 0.1, "left_shin": -1.5, "right_shin": -1.5}
ON_ALL_FOURS |= {"feet": 0.2, "left_arm": 0.1, "right_arm": 0.1, "left_forearm": 0.1, "right_forearm": 0.1}
ON_FLOOR = {"torso": 3.3, "left_thigh": 1.7, "right_thigh": 1.7, "left_shin": 1.2, "right_shin": 1.2, "legs_apart": 0.2}
SUPINE = {"torso": BACK, "head": BACK - 0.1, "left_arm": FLAT, "right_arm": FLAT, "left_forearm": FLAT}
SUPINE |= {
    "feet": 1.0,
    "right_forearm": FLAT,
    "left_thigh": FLAT,
    "right_thigh": FLAT,
    "left_shin": FLAT,
    "right_shin": FLAT,
}
