"""Who is who in an annotated image: which boxes are one person's several actions."""

from dataclasses import dataclass, field

import numpy as np

from slowfast_thermal.datasets.boxes import overlap

# Overlap (intersection over union) from which on two boxes are one person's: without an object_id, and with the same.
_SAME_BOX = 0.9
_SAME_ID = 0.5


@dataclass
class Person:
    """A person of an image.

    Attributes:
        box: (4,) x1, y1, x2, y2 divided by the image size, inside the image.
        object_id: by which the file knows the person, None without one.
        actions: places of the person's classes.
    """

    box: np.ndarray
    object_id: object
    actions: set[int] = field(default_factory=set)

    def has(self, box: np.ndarray, object_id: object) -> bool:
        """Whether another box is this person's: the same, or the same but for rounding unless an object_id says otherwise."""
        if np.array_equal(self.box, box):
            return True
        if self.object_id is None or object_id is None:
            return overlap(self.box, box) >= _SAME_BOX
        return self.object_id == object_id and overlap(self.box, box) >= _SAME_ID


@dataclass
class AnnotatedImage:
    """An image's size as width and height in pixels, (0, 0) where it is not known, and its people so far."""

    size: tuple[int, int] = (0, 0)
    people: list[Person] = field(default_factory=list)

    def add(self, box: np.ndarray, action: int, object_id: object) -> bool:
        """Adds a box with its action; tells whether it was taken for a person's whose own box is another."""
        same = [person for person in self.people if person.has(box, object_id)]
        person = max(same, key=lambda person: overlap(person.box, box), default=None)
        if person is None:
            person = Person(box, object_id)
            self.people.append(person)
        person.actions.add(action)
        return not np.array_equal(person.box, box)
