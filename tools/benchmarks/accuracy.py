"""Seconds of one core until a recipe reaches a mAP.

Each recipe trains in a process of its own with one thread, and is evaluated after each epoch. What counts is processor time of all that a
user waits for: reading and decoding, weights, simulated clips, trees, steps; not the imports, and not the evaluations, which are
for the curve. The baseline is PySlowFast as it trains on AVA: float32, pictures of 256x384, its optimizer and schedule with the
learning rate in proportion to the batch; it reads the same clips.
"""

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean

import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.engine import train as engine
from slowfast_thermal.engine.tasks import Task, task_of
from slowfast_thermal.engine.test import test
from slowfast_thermal.engine.trees import evaluate_with_trees, load_trees, run_trees
from slowfast_thermal.errors import InputError, exit_codes
from slowfast_thermal.evaluation.bootstrap import measure as measures
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.evaluation.results import METRICS
from slowfast_thermal.files import replacing
from tools.benchmarks.common import CONFIGS, REPOSITORY, environment
from tools.benchmarks.step import PLAIN

_WITH_TREES = ("MODEL.TREES_WEIGHT", "0.5")
# For a sensor that stays where it hangs: where somebody is tells what they do, so nothing is turned or mirrored.
_ONE_ROOM = (
    "THERMAL.BOX_FEATURES size_and_place THERMAL.PERSON_CROPS.OUTWARD_UP False THERMAL.AUG.ROTATION 0.0 THERMAL.AUG.FLIP False"
).split()
_AVA = (
    "THERMAL.INPUT_SIZE [256,384] SOLVER.BASE_LR 0.0125 SOLVER.LR_POLICY steps_with_relative_lrs SOLVER.STEPS [0,10,15,20] "
    "SOLVER.LRS [1,0.1,0.01,0.001] SOLVER.MAX_EPOCH 20 SOLVER.WARMUP_EPOCHS 5.0 SOLVER.WARMUP_START_LR 0.000125 "
    "SOLVER.WEIGHT_DECAY 1e-7 SOLVER.NESTEROV True MODEL.DROPOUT_RATE 0.5"
).split()
RECIPES = {
    "TREES": ("TREES", ()),
    "TREES for one room": ("TREES", ("THERMAL.BOX_FEATURES", "size_and_place")),
    "PEOPLE_SMALL": ("PEOPLE_SMALL", ()),
    "PEOPLE_SMALL with trees": ("PEOPLE_SMALL", _WITH_TREES),
    "PEOPLE_SMALL for one room with trees": ("PEOPLE_SMALL", (*_ONE_ROOM, *_WITH_TREES)),
    "PEOPLE_FROM_SIMULATED": ("PEOPLE_FROM_SIMULATED", ()),
    "PEOPLE_FROM_SIMULATED with trees": ("PEOPLE_FROM_SIMULATED", _WITH_TREES),
    "SLOWFAST_SMALL": ("SLOWFAST_SMALL", ()),
    "SLOWFAST_4x16_R50_SCRATCH": ("SLOWFAST_4x16_R50_SCRATCH", ()),
    "SLOWFAST_4x16_R50_SCRATCH_IA": ("SLOWFAST_4x16_R50_SCRATCH_IA", ()),
    "PySlowFast, 256x384": ("SLOWFAST_4x16_R50_SCRATCH", (*PLAIN, *_AVA)),
    "SLOWFAST_8x8_R101": ("SLOWFAST_8x8_R101", ()),
    "SLOWFAST_8x8_R101_DENSE_IA": ("SLOWFAST_8x8_R101_DENSE_IA", ()),
}
"""A configuration and values for its keys."""


class _TimeIsUp(Exception):
    """A training has had its minutes."""


class _Timed:
    """A task that notes the processor time and the scores of each evaluation, and ends when its seconds are over."""

    def __init__(self, task: Task, cfg, start: float, limit: float):
        self._task, self._cfg, self._start, self._limit = task, cfg, start, limit
        self._evaluating, self.begin = 0.0, task.begin
        self.curve, self.steps = [], 0

    @property
    def seconds(self) -> float:
        return time.process_time() - self._start - self._evaluating

    def step(self, *arguments: object) -> tuple:
        if self.seconds > self._limit:
            raise _TimeIsUp
        self.steps += 1
        return self._task.step(*arguments)

    def evaluate(self, model: torch.nn.Module, loader, after_batch: Callable[[], None]) -> Evaluation:
        seconds, start = self.seconds, time.process_time()
        evaluation = self._task.evaluate(model, loader, after_batch)
        if weight := self._cfg.MODEL.TREES_WEIGHT:
            trees = load_trees(run_trees(self._cfg.OUTPUT_DIR), loader.dataset.classes)
            evaluation = evaluate_with_trees(evaluation, trees, loader.dataset, weight)
        self._evaluating += time.process_time() - start
        scores = {name: None if math.isnan(score) else score for name, score in measures(evaluation).items()}
        self.curve.append({"seconds": seconds, "mAP": scores["mAP"], "t5": scores["t5"]})
        return evaluation


def _train(config: str, overrides: list[str], seconds: float) -> dict[str, object]:
    """What a training of at most so many seconds reaches, in this process."""
    torch.set_num_threads(1)
    cfg = load_config(str(CONFIGS / f"{config}.yaml"), overrides)
    start, tasks, is_whole = time.process_time(), [], True

    def timed(*arguments: object) -> _Timed:
        tasks.append(_Timed(task_of(*arguments), cfg, start, seconds))
        return tasks[0]

    engine.task_of = timed
    try:
        engine.train(cfg)
    except _TimeIsUp:
        is_whole = False
    if tasks:
        return {"whole": is_whole, "seconds": tasks[0].seconds, "steps": tasks[0].steps, "curve": tasks[0].curve}
    # Trees alone are fitted at once.
    fitted = {"seconds": time.process_time() - start}
    test(cfg)
    metrics = json.loads((Path(cfg.OUTPUT_DIR) / METRICS).read_text())
    return {"whole": True, **fitted, "curve": [{**fitted, "mAP": metrics["mAP"], "t5": metrics["t5"]}]}


def _run(recipe: str, data: str, fold: Path, seed: int, minutes: float) -> dict[str, object]:
    """The same in a process of its own, with the machine, versions and commit."""
    config, values = RECIPES[recipe]
    classes = load_annotations([fold / "train.json"]).classes
    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            *("DATA.PATH_TO_DATA_DIR", str(Path(data).resolve()), "OUTPUT_DIR", folder, "RNG_SEED", str(seed)),
            *("THERMAL.TRAIN_ANNOTATIONS", str([str(fold.resolve() / "train.json")])),
            *("THERMAL.TEST_ANNOTATIONS", str([str(fold.resolve() / "val.json")])),
            *("MODEL.NUM_CLASSES", str(len(classes)), "NUM_GPUS", "0", "DATA_LOADER.NUM_WORKERS", "0"),
            *("TRAIN.EVAL_PERIOD", "1", "TRAIN.CHECKPOINT_PERIOD", "1000", "TENSORBOARD.ENABLE", "False"),
            *("THERMAL.BASELINES", "False", *values),
        ]
        command = [sys.executable, "-W", "ignore", "-m", "tools.benchmarks.accuracy", config, str(60 * minutes)]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        # In a session of its own, so that Ctrl-C reaches this process alone, which then ends the other.
        finished = subprocess.run(
            [*command, *overrides], cwd=REPOSITORY, env=one_thread, stdout=subprocess.DEVNULL, start_new_session=True
        )
        if finished.returncode:  # it has told why
            sys.exit(finished.returncode)
        where = {**environment(torch.device("cpu")), "threads": 1}
        return {"environment": where, **json.loads((Path(folder) / "curve.json").read_text())}


def summarize(runs: dict[str, dict], target: float) -> dict[str, object]:
    """A row of the table: of the seeds of a recipe. Seconds until then are those of the seeds that reach it."""
    reached = [
        next((at["seconds"] for at in run["curve"] if (at["mAP"] or 0.0) >= target), None) for run in runs.values()
    ]
    ends = [run["curve"][-1] for run in runs.values() if run["curve"]]
    return {
        "seeds": len(runs),
        "reach it": len(runs) - reached.count(None),
        "s until then": _mean(reached),
        "s in all": _mean(run["seconds"] for run in runs.values()),
        "last mAP": _mean(at["mAP"] for at in ends),
        "best mAP": _mean(max(at["mAP"] or 0.0 for at in run["curve"]) for run in runs.values() if run["curve"]),
        "last t5": _mean(at["t5"] for at in ends),
        "schedule ended": all(run["whole"] for run in runs.values()),
        "s a step": _mean(run["seconds"] / run["steps"] for run in runs.values() if run.get("steps")),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def measure(
    data: str, folds: list[tuple[Path, float]], recipes: list[str], seeds: int, minutes: float, path: Path
) -> dict[str, list[dict]]:
    """Adds to a file the runs that it lacks, and those again that were given up after fewer minutes.

    Args:
        data: folder of the recordings.
        folds: folders with a train.json and a val.json each, and the mAP to reach there.
        recipes: names in RECIPES.
        seeds: of each.
        minutes: of processor time after which a training is given up.
        path: of the file, which holds the runs of each fold, recipe and seed. No other process writes it meanwhile.

    Returns:
        By what is to be reached in which fold, a table of the recipes.

    Raises:
        InputError: a fold has no annotations, or other ones than the file's of the same name; or the file holds something else.
        SystemExit: a training ended with an error, which it has told.
    """
    of_folds = _read(path)
    for fold, target in folds:
        found = {"mAP to reach": target, "annotations": _fingerprint(fold), "recipes": {}}
        known = of_folds.setdefault(_name(fold), found)
        if known["annotations"] != found["annotations"]:
            raise InputError(
                f"{path} holds runs of other annotations in a folder named {_name(fold)} than those of {fold}: give another "
                "--output, or another name to the folder."
            )
        known["mAP to reach"] = target
    _write(path, of_folds)
    wanted = [(recipe, fold, str(seed)) for recipe in recipes for fold, _ in folds for seed in range(seeds)]
    for recipe, fold, seed in wanted:
        of_seeds = of_folds[_name(fold)]["recipes"].setdefault(recipe, {})
        known = of_seeds.get(seed)
        if known and (known["whole"] or known["seconds"] >= 60 * minutes):
            continue
        print(f"{_name(fold)}: {recipe}, seed {seed}", flush=True)
        of_seeds[seed] = _run(recipe, data, fold, int(seed), minutes)
        _write(path, of_folds)
    return {f"{_name(fold)}, mAP {target:g}": table(of_folds[_name(fold)]["recipes"], target) for fold, target in folds}


def _name(fold: Path) -> str:
    return fold.resolve().name


def _fingerprint(fold: Path) -> str:
    """Of the annotations of a fold.

    Raises:
        InputError: one of the files cannot be read.
    """
    digest = hashlib.sha256()
    for name in ("train.json", "val.json"):
        try:
            digest.update((fold / name).read_bytes())
        except OSError as error:
            raise InputError(
                f"{fold / name} cannot be read ({error.strerror}): give --fold a folder with a train.json and a val.json."
            ) from None
    return digest.hexdigest()[:16]


def _read(path: Path) -> dict[str, dict]:
    if not path.exists():
        return {}
    try:
        of_folds = json.loads(path.read_text())["folds"]
        for of_fold in of_folds.values():
            table(of_fold["recipes"], of_fold["mAP to reach"])
            of_fold["annotations"].encode()
        return of_folds
    except Exception:  # which one depends on what the file holds
        raise InputError(f"{path} holds no runs of this benchmark: give another --output, or remove it.") from None


def _write(path: Path, of_folds: dict[str, dict]) -> None:
    with replacing(path) as temporary:
        Path(temporary).write_text(json.dumps({"folds": of_folds}, indent=1) + "\n")


def table(recipes: dict[str, dict[str, dict]], target: float) -> list[dict[str, object]]:
    """A row for each recipe that has runs."""
    return [{"recipe": recipe, **summarize(runs, target)} for recipe, runs in recipes.items() if runs]


if __name__ == "__main__":
    config, seconds, *overrides = sys.argv[1:]
    output = Path(overrides[overrides.index("OUTPUT_DIR") + 1])
    with exit_codes():
        curve = _train(config, overrides, float(seconds))
    (output / "curve.json").write_text(json.dumps(curve))
