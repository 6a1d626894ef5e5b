"""The results of a test on one page, for people."""

import base64
import datetime
import math
import platform
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from slowfast_thermal import pyslowfast
from slowfast_thermal.config_values import leaves
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation import confusion, curves, figures
from slowfast_thermal.evaluation.baselines import Assessment
from slowfast_thermal.evaluation.bootstrap import MIN_BOXES
from slowfast_thermal.evaluation.finding import sure_people
from slowfast_thermal.evaluation.metrics import Evaluation
from slowfast_thermal.evaluation.people import find_missed, find_mistakes, match_people
from slowfast_thermal.evaluation.pictures import describe, draw_clip, draw_keyframe
from slowfast_thermal.evaluation.results import finding_rows, found_people_sentence, score_rows
from slowfast_thermal.files import replacing

# Keyframes with mistakes that are shown.
_NUM_MISTAKES = 12
# Classes of which two confusion matrices beside each other would be too small to read.
_MANY_CLASSES = 15


class _Picture(NamedTuple):
    """A PNG as a data: address, and what it shows."""

    address: str
    caption: str


def write_report(assessment: Assessment, dataset: Thermal, checkpoint: Path, cfg) -> None:
    """Writes `report.html`, which needs no other file, and its pictures in a folder `report`, into OUTPUT_DIR.

    Args:
        assessment: what the test found.
        dataset: the keyframes that were tested.
        checkpoint: that was tested.
        cfg: of the run.
    """
    evaluation = assessment.scores.evaluation
    shown = replace(evaluation, detections=sure_people(evaluation.detections)) if assessment.finding else evaluation
    output_dir = Path(cfg.OUTPUT_DIR)
    folder = output_dir / "report"
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in (*folder.glob("mistake_*.png"), folder / "training.png"):
        earlier.unlink(missing_ok=True)

    defaults, values = leaves(pyslowfast.get_cfg()), leaves(cfg)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(
        evaluation=evaluation,
        interval=assessment.intervals["mAP"],
        score_rows=finding_rows(assessment) or score_rows(assessment),
        finds_people=bool(assessment.finding),
        groups=assessment.scores.groups,
        min_boxes=MIN_BOXES,
        found_people=found_people_sentence(assessment),
        remarks=assessment.remarks,
        checkpoint=checkpoint,
        time=datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        precision_recall=_save_figure(curves.plot_precision_recall(evaluation), folder / "precision_recall.png"),
        max_curves=curves.MAX_CLASSES,
        **_confusions(shown, dataset, folder),
        **(_missed(shown, dataset, folder) if assessment.finding else _mistakes(shown, dataset, folder, cfg)),
        training=_training(output_dir / "json_stats.log", folder),
        versions=_versions(),
        changed={key: value for key, value in sorted(values.items()) if value != defaults.get(key)},
        configuration=cfg.dump(),
        is_number=math.isfinite,
        bar_color=figures.LINE,
        remark_color=figures.WRONG,
    )
    with replacing(output_dir / "report.html") as temporary:
        Path(temporary).write_text(page, encoding="utf-8")


def _confusions(evaluation: Evaluation, dataset: Thermal, folder: Path) -> dict:
    people = [person for keyframe in dataset.keyframes for person in match_people(keyframe, evaluation.detections)]
    counts = confusion.count_confusions(people, len(dataset.classes))
    return {
        "confusions": [
            _save_figure(confusion.plot_confusions(counts, dataset.classes, normalized), folder / f"{name}.png")
            for name, normalized in (("confusion_counts", False), ("confusion_shares", True))
        ],
        "max_confusions": confusion.MAX_CLASSES,
        "many_classes_occur": np.count_nonzero(counts.sum(0) + counts.sum(1)) > _MANY_CLASSES,
        "several_actions": any(len(person.actions) > 1 for person in people),
    }


def _mistakes(evaluation: Evaluation, dataset: Thermal, folder: Path, cfg) -> dict:
    found = find_mistakes(dataset.keyframes, evaluation.detections)
    pictures = []
    for number, (keyframe, people) in enumerate(found[:_NUM_MISTAKES], start=1):
        picture = draw_clip(dataset, keyframe, people, cfg.DATA.NUM_FRAMES * cfg.DATA.SAMPLING_RATE)
        words = "; ".join(describe(person, dataset.classes) for person in people if person.is_wrong)
        pictures.append(_save(picture, folder / f"mistake_{number:02d}.png", f"{keyframe.image_id}: {words}"))
    return {"mistakes": pictures, "num_mistakes": len(found)}


def _missed(evaluation: Evaluation, dataset: Thermal, folder: Path) -> dict:
    """Who was missed, then who was invented: of many keyframes some, evenly spread."""
    found = find_missed(dataset.keyframes, evaluation.detections)
    places = np.unique(np.linspace(0, len(found) - 1, min(len(found), _NUM_MISTAKES)).round().astype(int))
    pictures = []
    for number, place in enumerate(places.tolist(), start=1):
        keyframe, people = found[place]
        picture = draw_keyframe(dataset, keyframe, people)
        missed = sum(person.predicted_box is None for person in people)
        invented = sum(person.annotated_box is None for person in people)
        words = f"{keyframe.image_id}: {missed} missed, {invented} invented"
        pictures.append(_save(picture, folder / f"mistake_{number:02d}.png", words))
    return {"mistakes": pictures, "num_mistakes": len(found)}


def _training(log: Path, folder: Path) -> _Picture | None:
    found = curves.read_training_curves(log)
    return _save_figure(curves.plot_training(found), folder / "training.png") if any(found) else None


def _save_figure(figure: Figure, path: Path) -> _Picture:
    return _save(figures.figure_picture(figure), path, path.stem.replace("_", " ").capitalize())


def _save(picture: Image.Image, path: Path, caption: str) -> _Picture:
    picture.save(path)
    return _Picture("data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(), caption)


def _versions() -> dict[str, str]:
    """What computed the results, by name."""
    return {
        "slowfast_thermal": _commit(),
        "PySlowFast": pyslowfast.VERSION,
        "PyTorch": torch.__version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
    }


def _commit() -> str:
    """The commit of the checkout that this file belongs to."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)
        return "commit " + git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").strip()
    except (OSError, subprocess.CalledProcessError):
        return "not from a git checkout"
