"""Several trainings and tests in turn, each in a folder of its own: finished ones are left alone, interrupted ones go on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from slowfast_thermal.engine.launch import check_run, launch_run
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.results import METRICS
from slowfast_thermal.files import replacing

# Tells in a run's folder what it was made from.
_RECORD = "made_from.json"


@dataclass(frozen=True)
class Run:
    """One training and its test: the seed, what it is trained on in a word, and its configuration."""

    seed: int
    name: str
    cfg: object

    @property
    def folder(self) -> Path:
        return Path(self.cfg.OUTPUT_DIR)


def make_run(cfg, seed: int, name: str, train: Path, test: Sequence[str]) -> Run:
    """A run in OUTPUT_DIR/seed_N/NAME.

    Args:
        cfg: of the run, but for its annotations, seed and OUTPUT_DIR.
        seed, name: of the run.
        train: annotation file to train on.
        test: annotation files to test on.
    """
    output_dir = Path(cfg.OUTPUT_DIR) / f"seed_{seed}" / name
    cfg = cfg.clone()
    cfg.THERMAL.TRAIN_ANNOTATIONS, cfg.THERMAL.TEST_ANNOTATIONS = [str(train.resolve())], list(test)
    cfg.RNG_SEED, cfg.OUTPUT_DIR = seed, str(output_dir)
    cfg.TRAIN.ENABLE = cfg.TEST.ENABLE = cfg.TRAIN.AUTO_RESUME = True
    return Run(seed, name, cfg)


def complete_runs(runs: Sequence[Run]) -> None:
    """Trains and tests what is not finished yet; a run that was interrupted goes on from its last checkpoint.

    Raises:
        InputError: a run cannot start, or its folder holds one of another configuration or other annotations.
        Interrupted: see `train`; the same call goes on.
    """
    for run in runs:
        _check_same(run)
        check_run(run.cfg)
    for number, run in enumerate(runs, start=1):
        _check_same(run)  # again: another command may have made it meanwhile
        if (run.folder / METRICS).is_file():
            print(f"Run {number} of {len(runs)}, {run.folder}, is finished.", flush=True)
            continue
        print(f"Run {number} of {len(runs)}: {run.folder}", flush=True)
        with replacing(run.folder / _RECORD) as temporary:
            Path(temporary).write_text(json.dumps(_made_from(run), indent=2) + "\n", encoding="utf-8")
        launch_run(run.cfg.clone(), "tcp://localhost:9999")


def write_table(table: pd.DataFrame, text: str, folder: Path) -> None:
    """Writes what all runs found as `table.csv` and, as Markdown `text`, as `table.md`."""
    for name, content in (("table.md", f"{text}\n"), ("table.csv", table.to_csv(index=False))):
        with replacing(folder / name) as temporary:
            Path(temporary).write_text(content, encoding="utf-8")


def _made_from(run: Run) -> dict[str, str]:
    """What the run's result depends on: its configuration, and checksums of its annotation files."""
    node, root = run.cfg.THERMAL, Path(run.cfg.DATA.PATH_TO_DATA_DIR)
    files = [root / name for name in (*node.TRAIN_ANNOTATIONS, *node.TEST_ANNOTATIONS)]
    checksums = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
    return {"configuration": run.cfg.dump(), **checksums}


def _check_same(run: Run) -> None:
    path = run.folder / _RECORD
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != _made_from(run):
        raise InputError(
            f"{path.parent} holds a run of another configuration or of other annotations: set another OUTPUT_DIR, or "
            "remove that folder."
        )
