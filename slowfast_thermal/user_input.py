"""What users give: whether a file is there, what text can be, and how a message shows a value."""

import argparse
import math
import reprlib
import unicodedata
from pathlib import Path

# Control characters, lone surrogates, and separators of lines and paragraphs.
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
# Bytes of a file's name without ".h5", and characters of what stands in tables and pictures.
_LONGEST_NAME = 250
_LONGEST_TEXT = 500

LARGEST_WHOLE = 2**53 - 1
"""The largest whole number that every reader of JSON and float64 tells from its neighbours: no time and no count is larger."""

CLASS_NAME = f"1 to {_LONGEST_TEXT} characters without quotes, line breaks and control characters"
RECORDING_NAME = f"at most {_LONGEST_NAME} bytes without spaces, commas, slashes and control characters"
IMAGE_ID = f"a whole number, or text of at most {_LONGEST_TEXT} characters without line breaks and control characters"
"""What `is_class_name`, `is_recording_name` and `is_image_id` ask for, in words."""


def count(text: str) -> int:
    """A whole number from 1 on, as an argument of a command."""
    return _number_from(1, text)


def whole_number(text: str) -> int:
    """A whole number from 0 on, as an argument of a command."""
    return _number_from(0, text)


def seconds(text: str) -> float:
    """A positive number of seconds, as an argument of a command."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{shortened(text)} is no positive number of seconds")
    return number


def _number_from(lowest: int, text: str) -> int:
    try:
        if (number := int(text)) >= lowest:
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{shortened(text)} is no whole number from {lowest} on")


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have names none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_text(value: object) -> bool:
    """Whether a value is text that file names, YAML and JSON can hold."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def is_class_name(text: str) -> bool:
    """Whether text can name a class in every file, figure and picture."""
    return text.strip() != "" and '"' not in text and _is_printable(text)


def is_recording_name(text: str) -> bool:
    """Whether text can name a recording's file, and be a word of the lists that PySlowFast reads."""
    fits = _is_printable(text) and not any(c.isspace() or c in ",/\\" for c in text)
    return fits and 0 < len(text.encode()) <= _LONGEST_NAME


def recording_name(text: str) -> str:
    """What others call a recording, with _ for what a recording's name may not have in it."""
    text = unicodedata.normalize("NFC", text)
    return "".join("_" if letter.isspace() or letter in ",\\" else letter for letter in text)


def is_image_id(value: str | int) -> bool:
    """Whether an id can be the title of a picture."""
    return isinstance(value, int) or _is_printable(value)


def _is_printable(text: str) -> bool:
    return len(text) <= _LONGEST_TEXT and not any(unicodedata.category(c) in _UNPRINTABLE for c in text)


def shortened(value: object) -> str:
    """A value for a message, which a long one would drown."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python spells no number of many thousand digits
        return "an endless number"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_SHORT.maxlist = _SHORT.maxdict = 12
