"""The folder in which a trained network goes to another machine.

actions.onnx      the network (actions.xml and actions.bin for OpenVINO, actions.pt2 for torch)
people.onnx       the detector of people, where there is one
trees.npz         the trees, where they score too
settings.json     its classes, its configuration, and where it comes from
run.py            watches sensors with it, by requirements.txt and the modules in slowfast_thermal; torch is not needed
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import yaml

from slowfast_thermal.errors import InputError
from slowfast_thermal.export import check
from slowfast_thermal.export.graph import OPSET, ActionGraph, GraphShapes, write_onnx, write_program
from slowfast_thermal.export.people_graph import BOX_TOLERANCE, largest_people_difference, write_people_onnx
from slowfast_thermal.export.precision import to_float16, to_int8
from slowfast_thermal.export.runtime import copy_runtime
from slowfast_thermal.export.session import FORMATS, PEOPLE, SETTINGS, TREES, ExportedActions, fingerprint, open_people
from slowfast_thermal.files import replacing
from slowfast_thermal.models import ThermalSlowFast
from slowfast_thermal.models.person_detector import PersonDetector
from slowfast_thermal.preparation.folders import new_folder
from slowfast_thermal.trees.forest import Forest


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Attributes:
        folder: where it lies.
        num_bytes: of its files.
        difference: the largest one of a score from the network's, in cases of every kind.
    """

    folder: Path
    num_bytes: int
    difference: float


def export_folder(
    folder: Path,
    cfg,
    classes: Sequence[str],
    checkpoint: Path,
    model: ThermalSlowFast | None,
    forest: Forest | None = None,
    kind: str = "onnx",
    precision: str = "float32",
    samples: Sequence[Mapping[str, np.ndarray]] = (),
    detector: PersonDetector | None = None,
) -> Exported:
    """Writes a network's folder, or nothing if what it computes differs.

    Args:
        folder: new or empty.
        cfg: the configuration.
        classes: names of the classes.
        checkpoint: where the weights, or the trees, come from.
        model: trained, on the CPU; None where trees alone score.
        forest: the trees that score too, or alone.
        kind: one of FORMATS.
        precision: one of PRECISIONS; other than float32 for "onnx" alone.
        samples: inputs of real clips; int8 takes its ranges from them, and all formats are checked on them too.
        detector: of people, on the CPU; None: people are found as warm blobs.

    Raises:
        InputError: the folder holds something, the network cannot be exported, or its float32 scores differ.
    """
    settings = {**_origin(checkpoint, classes, precision), "inputs": [], "memory": None, "largest_difference": 0.0}
    settings |= {
        "detector_frame_size": detector.frame_size.tolist() if detector else None,
        "format": kind if model else "trees",
        "configuration": yaml.safe_load(cfg.dump()),
    }
    with new_folder(folder) as root:
        if forest:
            forest.save(root / TREES)
        if model:
            settings |= _write_network(root, cfg, model, settings, samples)
        write_settings(settings, root)
        if detector:
            _write_detector(root, detector)
        if kind != "torch":
            copy_runtime(root, settings["format"])
        num_bytes = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    return Exported(Path(folder), num_bytes, settings["largest_difference"])


def _write_detector(root: Path, detector: PersonDetector) -> None:
    write_people_onnx(detector, root / PEOPLE)
    box, score = largest_people_difference(detector, open_people(root))
    if not (box <= BOX_TOLERANCE and score <= check.TOLERANCE):
        raise InputError(
            f"{PEOPLE} finds people who differ from the detector's by up to {box:.2g} pixels and {score:.2g} in score: nothing was "
            "written."
        )


def _write_network(
    root: Path,
    cfg,
    model: ThermalSlowFast,
    settings: dict[str, object],
    samples: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, object]:
    """Writes the network and compares it; gives what the settings are to say of it."""
    kind, precision = settings["format"], settings["precision"]
    graph = ActionGraph(model, cfg.THERMAL.TEMPERATURE_RANGE)
    shapes, path = GraphShapes.of(cfg, graph), root / FORMATS[kind]
    if kind == "torch":
        write_program(graph, shapes, path)
    else:
        onnx = path.with_suffix(".onnx")
        told = ("classes", "checkpoint", "checkpoint_sha256", "versions", "precision")
        write_onnx(graph, shapes, onnx, {key: _text(settings[key]) for key in told})
        if precision == "float16":
            to_float16(onnx)
        elif precision == "int8":
            to_int8(onnx, samples)
        if kind == "openvino":
            _to_openvino(onnx, path)
    memory = [shapes.memory, model.head.structure.window] if shapes.memory else None
    found = {"inputs": shapes.inputs, "memory": memory}
    write_settings({**settings, **found}, root)
    difference = _compare(graph, shapes, root, samples)
    if precision == "float32" and not difference <= check.TOLERANCE:
        raise InputError(
            f"{FORMATS[kind]} gives scores that differ from the network's by up to {difference:.2g}, more than "
            f"{check.TOLERANCE:g}: nothing was written; export with another --format."
        )
    return {**found, "largest_difference": difference}


def _origin(checkpoint: Path, classes: Sequence[str], precision: str) -> dict[str, object]:
    names = ("slowfast_thermal", "torch", "numpy")
    return {
        "classes": list(classes),
        "precision": precision,
        "opset": OPSET,
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "versions": {name: version(name) for name in names},
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_settings(settings: dict[str, object], root: Path) -> None:
    """Writes what `read_settings` reads, with its fingerprint."""
    document = {**settings, "fingerprint": fingerprint(settings)}
    with replacing(root / SETTINGS) as temporary:
        Path(temporary).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _to_openvino(onnx: Path, path: Path) -> None:
    try:
        import openvino
    except ImportError:
        raise InputError("--format openvino needs openvino: pip install openvino.") from None
    openvino.save_model(openvino.convert_model(onnx), path, compress_to_fp16=False)
    onnx.unlink()


def _compare(graph: ActionGraph, shapes: GraphShapes, root: Path, samples: Sequence[Mapping[str, np.ndarray]]) -> float:
    run = ExportedActions(root)
    cases = [*check.random_cases(shapes), *samples]
    return check.largest_difference(graph, lambda inputs: run(inputs)[0], cases)
