"""Going on from a run's last checkpoint."""

import logging
from pathlib import Path

from slowfast_thermal.checkpoint.files import DamagedFileError
from slowfast_thermal.checkpoint.origin import differing_data, differing_settings, labels_of, learned_labels
from slowfast_thermal.checkpoint.training_state import TrainingState, resume
from slowfast_thermal.errors import InputError

logger = logging.getLogger(__name__)


def resume_newest(paths: list[Path], state: TrainingState, cfg) -> None:
    """Resumes from the last of the checkpoints that is not damaged, and tells in what its run was another than this one.

    Args:
        paths: the checkpoints, the newest last.
        state: of the new run.
        cfg: of the run.

    Raises:
        InputError: no checkpoint is whole, the last one is of another network or other classes, it ends a training on
            other data, or it has learned from what this run tests.
    """
    for path in reversed(paths):
        try:
            checkpoint = resume(path, state)
            break
        except DamagedFileError as error:
            if path == paths[0] and len(paths) == 1:
                raise
            if path == paths[0]:
                raise InputError(
                    f"{path} is {error.fault}, and so is every checkpoint after it: delete them and start the training again."
                ) from None
            logger.warning("%s is %s: the run goes on from the checkpoint before it.", path, error.fault)
    epochs, wanted = state.progress.epoch, cfg.SOLVER.MAX_EPOCH
    data, settings = differing_data(checkpoint.get("data"), state.data), differing_settings(checkpoint["cfg"], cfg)
    learned = learned_labels(checkpoint)
    training, test = (labels_of(cfg, part, state.data) for part in ("TRAIN", "TEST"))
    if learned and learned != training:
        data += [settings[key] for key in ("THERMAL.TRAIN_ANNOTATIONS", "THERMAL.TRAIN_RECORDINGS") if key in settings]
    if epochs >= wanted and data:
        raise InputError(
            f"{path} ends a training on other data ({'; '.join(data)}): set OUTPUT_DIR to another folder, or TRAIN.ENABLE "
            "False to test what was learned there on this data."
        )
    if learned and (learned.recordings != training.recordings or (learned.files & test.files) - training.files):
        raise InputError(
            f"{path} has learned from other keyframes, which may be tested now ({'; '.join(data)}): set OUTPUT_DIR to another folder."
        )
    differences = list(dict.fromkeys([*data, *settings.values()]))
    if differences:
        logger.warning("%s was written by a run that differs from this one: %s.", path, "; ".join(differences))
    if epochs >= wanted:
        logger.info("Nothing is left to train: %s has %d epochs, and SOLVER.MAX_EPOCH is %d.", path, epochs, wanted)
    else:
        logger.info("Resumed from %s: epoch %d of %d is next.", path, epochs + 1, wanted)
