"""An exported folder as what scores the people who are watched."""

from pathlib import Path

from slowfast_thermal.errors import InputError
from slowfast_thermal.export.session import SETTINGS, ExportedActions, Settings
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
    """The scorer of a folder that is open. Raises InputError if its configuration is not whole."""
    try:
        return _scorer_of(actions)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{actions.folder / SETTINGS} does not hold the configuration that was exported ({error!r}): export it again."
        ) from None


def _scorer_of(actions: ExportedActions) -> Scorer:
    memory = (actions.memory.memory_shape, actions.memory.window[0]) if actions.memory else None
    scorer = Scorer(
        actions.classes,
        ClipSettings.from_config(actions.cfg),
        actions if actions.has_network else None,
        actions.inputs,
        memory,
        actions.forest,
        actions.cfg.MODEL.TREES_WEIGHT,
    )
    float(scorer.before + scorer.after)  # needs its configuration
    return scorer
