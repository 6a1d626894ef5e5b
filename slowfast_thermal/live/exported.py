"""An exported folder as what scores the people who are watched."""

from pathlib import Path

from slowfast_thermal.export.session import ExportedActions, Settings
from slowfast_thermal.live.scoring import ClipSettings, Scorer


def load_scorer(folder: Path, num_threads: int = 0) -> tuple[Scorer, Settings]:
    """The scorer of a folder that `tools/export.py` wrote, and its configuration.

    Args:
        num_threads: of the network; 0: one a core.

    Raises:
        InputError: see `ExportedActions`.
    """
    actions = ExportedActions(folder, num_threads)
    return scorer_of_folder(actions), actions.cfg


def scorer_of_folder(actions: ExportedActions) -> Scorer:
    """The scorer of a folder that is open."""
    memory = (actions.memory.memory_shape, actions.memory.window[0]) if actions.memory else None
    return Scorer(
        actions.classes,
        ClipSettings.from_config(actions.cfg),
        actions if actions.has_network else None,
        actions.inputs,
        memory,
        actions.forest,
        actions.cfg.MODEL.TREES_WEIGHT,
    )
