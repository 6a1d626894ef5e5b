"""Training and testing on each fold of a data set, and one evaluation of all their scores together.

OUTPUT_DIR/seed_0/FOLD/...        the run of a seed and a fold
OUTPUT_DIR/seed_0/...             the scores of that seed's folds, evaluated together, in the files of a test
OUTPUT_DIR/table.md, table.csv    everything side by side
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.datasets.found_people import people_source
from slowfast_thermal.engine.runs import Run, complete_runs, make_run, write_table
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.baselines import BASELINES, compare_with
from slowfast_thermal.evaluation.bootstrap import MEASURES, difference
from slowfast_thermal.evaluation.results import write_results
from slowfast_thermal.evaluation.runs import Tested, read_run, together
from slowfast_thermal.evaluation.scores import Scores, score


def cross_validate(cfg, folds: dict[str, Path], num_seeds: int) -> pd.DataFrame:
    """Runs what is not finished yet and writes the table.

    Args:
        cfg: of all runs; its annotation files give way.
        folds: folders with a `train.json` and a `val.json`, by name.
        num_seeds: runs of each fold, with RNG_SEED and the numbers after it.

    Returns:
        A row for each fold, and for all together, of the network and of each baseline.

    Raises:
        InputError: two folds hold out the same keyframe, or list other classes; or see `complete_runs`.
        Interrupted: see `complete_runs`.
    """
    _check_together(folds, people_source(cfg) == "annotated")
    seeds = range(cfg.RNG_SEED, cfg.RNG_SEED + num_seeds)
    runs = [
        make_run(cfg, seed, name, folder / "train.json", [str((folder / "val.json").resolve())])
        for seed in seeds
        for name, folder in folds.items()
    ]
    complete_runs(runs)
    tested = {(run.seed, run.name): read_run(run.folder) for run in runs}
    rows = []
    for name in folds:
        rows += _rows(name, [tested[seed, name] for seed in seeds], cfg)
    if len(folds) > 1:
        pooled = [_pool(seed, [tested[seed, name] for name in folds], runs, cfg) for seed in seeds]
        rows += _rows("all together", pooled, cfg)
    table = pd.DataFrame(rows).fillna("")
    write_table(table, table.to_markdown(index=False, disable_numparse=True), Path(cfg.OUTPUT_DIR))
    return table


def _check_together(folds: dict[str, Path], are_annotated: bool) -> None:
    """Finds before hours of training what would keep the folds from being evaluated together."""
    seen: dict[tuple[str, int], str] = {}
    classes = None
    for name, folder in folds.items():
        files = [folder / "train.json", folder / "val.json"]
        train, val = (load_annotations([file]) for file in files)
        for file, annotations in zip(files, (train, val)):
            classes = classes or annotations.classes
            if annotations.classes != classes:
                raise InputError(f"{file} lists other categories than the other folds: give all folds the same list.")
        if are_annotated and not any(len(keyframe.boxes) for keyframe in val.keyframes):
            raise InputError(
                f"{files[1]} shows nobody, so there is nothing to test on: remove the fold, or make others."
            )
        for keyframe in val.keyframes:
            place = keyframe.recording, keyframe.timestamp
            if place in seen:
                raise InputError(
                    f"{files[1]} and the val.json of {seen[place]} both hold image {keyframe.image_id!r}: every keyframe may be in "
                    "val of one fold."
                )
            seen[place] = name


def _pool(seed: int, parts: Sequence[Tested], runs: Sequence[Run], cfg) -> Tested:
    """All folds of a seed as one test, whose files are written beside their folders."""
    folder = next(run.folder.parent for run in runs if run.seed == seed)
    tested = together(parts, str(folder))
    baselines = {name: found for name, found in tested.predictions.items() if name in BASELINES}
    write_results(compare_with(baselines, tested.evaluate(), cfg), folder)
    return tested


def _rows(name: str, seeds: Sequence[Tested], cfg) -> list[dict[str, object]]:
    """The rows of one fold: mean and standard deviation over the seeds, and by how much the network is above."""
    node = cfg.THERMAL
    evaluations = {
        what: [tested.evaluate(what) for tested in seeds]
        for what in ("predictions", *BASELINES)
        if all(what in tested.predictions for tested in seeds)
    }
    rows = []
    for what, of_seeds in evaluations.items():
        scores = [score(evaluation, node.CLASS_GROUPS) for evaluation in of_seeds]
        row = {"fold": name, "what": BASELINES.get(what, "this configuration"), **_spread(scores)}
        if what != "predictions":
            found = difference(evaluations["predictions"], of_seeds, node.BOOTSTRAP_SAMPLES, node.SESSION_PATTERN)[
                "mAP"
            ]
            row["this configuration is above by"] = _above(*found)
        rows.append(row)
    return rows


def _spread(scores: Sequence[Scores]) -> dict[str, str]:
    """Mean and standard deviation of each measure over the seeds."""
    columns = {key: [found.measures[key] for found in scores] for key in MEASURES}
    if scores[0].groups:
        columns |= {f"{key} of groups": [found.group_measures[key] for found in scores] for key in MEASURES}
    spread = {}
    for key, values in columns.items():
        mean, deviation = pd.Series(values).mean(), pd.Series(values).std()
        spread[key] = f"{mean:.3f}" + (f" ± {deviation:.3f}" if len(values) > 1 else "") if pd.notna(mean) else "-"
    return spread


def _above(value: float, low: float, high: float) -> str:
    return f"{value:+.3f}" + (f" ({low:+.3f} to {high:+.3f})" if pd.notna(low) else "")
