"""How the scores grow with the number of labelled keyframes: whether more labels would help.

OUTPUT_DIR/seed_0/keyframes_50.json   the first 50 training keyframes in the order of that seed
OUTPUT_DIR/seed_0/keyframes_50/       the run that is trained on them
OUTPUT_DIR/table.md, .csv, curve.png  all of them side by side
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from slowfast_thermal.checkpoint.origin import learns_from_labels
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.person_frames import PersonFrames, finds_people
from slowfast_thermal.engine.runs import Run, complete_runs, make_run, write_table
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.baselines import BASELINES
from slowfast_thermal.evaluation.bootstrap import MEASURES
from slowfast_thermal.evaluation.figures import LINE, SECOND_LINE, WRONG, figure_picture
from slowfast_thermal.evaluation.results import METRICS
from slowfast_thermal.files import check_writable, replacing
from slowfast_thermal.preparation.splits import read_pool

# Halvings of the training set where no sizes are given.
_HALVINGS = 4


def learning_curve(cfg, sizes: Sequence[int], num_seeds: int) -> pd.DataFrame:
    """Trains and tests on nested subsets of the training keyframes and writes table and curve.

    All runs of a configuration take as many steps as one on all keyframes.

    Args:
        cfg: of all runs.
        sizes: keyframes of the subsets; none: all, and half as many up to four times, as long as they fill a batch.
        num_seeds: runs of each size, with RNG_SEED and the numbers after it; the seed draws the order of the keyframes too.

    Returns:
        A row for each size of the configuration and of each baseline: the mean of each measure over the seeds and, with
        "std" behind its name, its standard deviation.

    Raises:
        InputError: a size is larger than the training set or less than a batch; or see `complete_runs`.
        Interrupted: see `train`; the same call goes on.
    """
    if not learns_from_labels(cfg):
        raise InputError(
            "The training takes simulated clips alone, so no number of labels changes it: give a configuration that learns from labels."
        )
    check_writable("OUTPUT_DIR", Path(cfg.OUTPUT_DIR))
    train = PersonFrames(cfg, "train") if finds_people(cfg) else Thermal(cfg, "train")
    number, least = len(train), cfg.TRAIN.BATCH_SIZE if cfg.MODEL.TREES_WEIGHT < 1 else 1
    sizes = sorted(set(sizes or [size for power in range(_HALVINGS + 1) if (size := number // 2**power) >= least]))
    if not sizes or 1 <= sizes[0] < least:
        raise InputError(
            f"TRAIN.BATCH_SIZE is {least}, which {sizes[0] if sizes else number} keyframes do not fill: give larger subsets by "
            "--size, or a smaller batch."
        )
    if sizes[0] < 1 or sizes[-1] > number:
        raise InputError(
            f"Sizes of {sizes[0]} to {sizes[-1]} keyframes, but there are {number} with people: give 1 to {number}."
        )
    cfg = cfg.clone()
    cfg.SOLVER.EPOCH_ITERS = cfg.SOLVER.EPOCH_ITERS or max(number // cfg.TRAIN.BATCH_SIZE, 1)
    runs = {(seed, size): run for seed in _seeds(cfg, num_seeds) for size, run in _subset_runs(cfg, train, seed, sizes)}
    complete_runs(list(runs.values()))

    found = [row for (_, size), run in runs.items() for row in _scores(size, run)]
    columns = ["keyframes", "what", *MEASURES]
    groups = pd.DataFrame(found, columns=columns).groupby(["keyframes", "what"], sort=False)
    table = groups.mean().join(groups.std().add_suffix(" std")).reset_index()
    _write(table, Path(cfg.OUTPUT_DIR))
    return table


def _seeds(cfg, num_seeds: int) -> range:
    return range(cfg.RNG_SEED, cfg.RNG_SEED + num_seeds)


def _subset_runs(cfg, train: Thermal, seed: int, sizes: Sequence[int]) -> list[tuple[int, Run]]:
    """The runs of one seed by size; the keyframes of a smaller one are among those of a larger one."""
    root = Path(cfg.DATA.PATH_TO_DATA_DIR)
    pool = read_pool([root / name for name in cfg.THERMAL.TRAIN_ANNOTATIONS])
    ids = {(image["sensor_id"], image["timestamp"]): image["id"] for image in pool.images}
    keyframes = [train.keyframe(index) for index in range(len(train))]
    order = np.random.default_rng(seed).permutation(len(keyframes))
    runs = []
    for size in sizes:
        chosen = {ids[keyframes[place].recording, keyframes[place].timestamp] for place in order[:size]}
        path = Path(cfg.OUTPUT_DIR) / f"seed_{seed}" / f"keyframes_{size}.json"
        content = json.dumps(pool.only(chosen), indent=2) + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") != content:
            raise InputError(
                f"{path} holds other keyframes, of a curve on other annotations: set another OUTPUT_DIR, or remove {path.parent}."
            )
        with replacing(path) as temporary:
            Path(temporary).write_text(content, encoding="utf-8")
        runs.append((size, make_run(cfg, seed, path.stem, path, cfg.THERMAL.TEST_ANNOTATIONS)))
    return runs


def _scores(size: int, run: Run) -> list[list[object]]:
    metrics = json.loads((run.folder / METRICS).read_text(encoding="utf-8"))
    found = {
        "this configuration": metrics,
        **{BASELINES.get(name, name): part for name, part in metrics["baselines"].items()},
    }
    return [
        [size, what, *(np.nan if part[key] is None else part[key] for key in MEASURES)] for what, part in found.items()
    ]


def _write(table: pd.DataFrame, output_dir: Path) -> None:
    # One seed has no spread.
    text = table.dropna(axis=1, how="all").to_markdown(index=False, floatfmt=".3f")
    write_table(table, text, output_dir)
    figure_picture(plot_learning_curve(table)).save(output_dir / "curve.png")


def plot_learning_curve(table: pd.DataFrame) -> Figure:
    """A figure of the mAP over the number of keyframes; bars show the standard deviation over the seeds."""
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="labelled keyframes", ylabel="mAP", xscale="log", ylim=(0, 1))
    for (what, rows), color, marker in zip(table.groupby("what", sort=False), (LINE, SECOND_LINE, WRONG), "osd"):
        axes.errorbar(
            rows["keyframes"], rows["mAP"], rows["mAP std"], label=what, color=color, marker=marker, capsize=3
        )
    axes.set_xticks(table["keyframes"].unique(), table["keyframes"].unique())
    axes.minorticks_off()
    axes.legend(fontsize=8)
    return figure
