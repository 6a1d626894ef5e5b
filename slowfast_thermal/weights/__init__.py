"""Weights that come with the package, each with a JSON file beside it that says how they were made and what they reach.

A configuration names them by the name of the file without its ending: TRAIN.CHECKPOINT_FILE_PATH SIMULATED.
"""

from pathlib import Path

_FOLDER = Path(__file__).parent


def shipped() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.pyth"))


def resolve(path: str) -> str:
    """The path of the weights of this name, or the path itself."""
    return str(_FOLDER / f"{path}.pyth") if path in shipped() else path
