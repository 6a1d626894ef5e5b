"""The classes of the real recordings, in the order of their ids, which are what simulated people are labelled with."""

from collections.abc import Sequence

CLASSES = (
    "sitting",
    "standing",
    "walking",
    "lying down-lying with risk",
    "lying down-lying on the bed/couch",
    "leaning",
    "transition-normal transition",
    "transition-lying with risk transition",
    "transition-lying on the bed transition",
    "lower position-other",
    "lower position-kneeling",
    "lower position-bending",
    "lower position-crouching",
    "other",
)
(
    SITTING,
    STANDING,
    WALKING,
    LYING,
    ON_BED,
    LEANING,
    CHANGING,
    FALLING,
    TO_BED,
    LOW,
    KNEELING,
    BENDING,
    CROUCHING,
    OTHER,
) = CLASSES


def mapped_classes(pairs: Sequence[Sequence[str]]) -> list[str]:
    """What simulated classes are called by THERMAL.SIMULATION.CLASS_MAP, each name once, in its order."""
    return list(dict.fromkeys(own for _, own in pairs))
