"""What checks find, in three severities."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path

from slowfast_thermal.datasets.annotations import Guard
from slowfast_thermal.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        severity: "problem", "warning" or "note".
        kind: what was checked, in the words of `checks.py`.
        message: one sentence with the file (by its path from the data set's folder), the record and the remedy.
    """

    severity: str
    kind: str
    message: str


class Findings:
    """Collects findings about the data set in a folder.

    Args:
        root: the folder, which messages leave out; None leaves paths as they are.
        accepted: kinds whose problems are warnings.
    """

    def __init__(self, root: Path | None, accepted: Collection[str] = ()):
        self._prefix = re.compile(rf"(?<![\w./-]){re.escape(str(root))}/" if root else r"(?!)")
        self._accepted = accepted
        self.all: list[Finding] = []

    def _add(self, severity: str, kind: str, message: object) -> None:
        if severity == "problem" and kind in self._accepted:
            severity = "warning"
        self.all.append(Finding(severity, kind, self._prefix.sub("", str(message))))

    problem = partialmethod(_add, "problem")
    warning = partialmethod(_add, "warning")
    note = partialmethod(_add, "note")

    def of(self, severity: str) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.all if finding.severity == severity]

    def guard(self, kind: str) -> Guard:
        """Makes contexts that keep an InputError as a problem."""

        @contextmanager
        def context() -> Iterator[None]:
            try:
                yield
            except InputError as error:
                self.problem(kind, error)

        return context
