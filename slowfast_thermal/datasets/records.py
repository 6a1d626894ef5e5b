"""Reading JSON and CSV files whose records users wrote."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import is_file, shortened


def read_json(path: Path) -> object:
    """What a JSON file holds. Raises InputError if there is none or it is not valid."""
    if not is_file(path):
        raise InputError(f"File '{path}' does not exist: check its name and the folder of the data set.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}): write it again.") from None


def read_json_lines(path: Path) -> Iterator[tuple[str, object]]:
    """The values of a file with one JSON value a line, each behind its place. Raises InputError where a line is none."""
    if not is_file(path):
        raise InputError(f"File '{path}' does not exist: check its name.")
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield f"{path}, line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}, line {number} is not valid JSON ({error}): write it again.") from None


def read_csv(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The rows of a CSV file that exists, each behind its place. Raises InputError where a line is none of a CSV file."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in rows:
            if row:
                yield f"{path}, line {rows.line_num}", row
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num} is no line of a CSV file ({error}): write it again.") from None


def field(record: object, key: str, kind: type | tuple[type, ...], where: str) -> object:
    """`record[key]` if it is of the kind; an integer passes as a float, a boolean never as a number."""
    if not isinstance(record, dict) or key not in record:
        raise InputError(f"{where} has no '{key}': add it.")
    value = record[key]
    if isinstance(value, bool) or not isinstance(value, kind):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{where}: '{key}' is {shortened(value)}, but must be of type {names}.")
    return value


def is_finite(number: int | float) -> bool:
    """Whether a number read from JSON, where integers may be of any size, is one as a float."""
    return abs(number) <= sys.float_info.max


def are_four_numbers(box: list) -> bool:
    """Whether a box read from JSON is four finite numbers."""
    return len(box) == 4 and all(isinstance(v, (int, float)) and not isinstance(v, bool) and is_finite(v) for v in box)
