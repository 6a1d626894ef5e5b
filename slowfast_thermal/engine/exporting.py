"""A trained network on its way to another machine."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from slowfast_thermal.datasets.loader import as_tensors, construct_test_loader
from slowfast_thermal.datasets.moments import Moments
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.datasets.thermal import object_boxes
from slowfast_thermal.engine.exported import ExportedNetwork, graph_inputs
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.errors import InputError
from slowfast_thermal.export.folder import Exported, export_folder
from slowfast_thermal.export.graph import ActionGraph, GraphShapes

# Batches of real clips that a graph is compared on and quantised by.
_NUM_BATCHES = 16


def export_predictor(
    predictor: Predictor, recordings: Sequence[Recording], folder: Path, kind: str = "onnx", precision: str = "float32"
) -> Exported:
    """Writes a predictor's network as a folder, see `export_folder`.

    Args:
        recordings: on whose people it is compared with the network; int8 takes its ranges from them.

    Raises:
        InputError: the predictor is exported already, precision and format do not go together, or see `export_folder`.
    """
    if isinstance(predictor.model, ExportedNetwork):
        raise InputError(f"{predictor.cfg.TEST.CHECKPOINT_FILE_PATH} is exported already: give a trained checkpoint.")
    if precision != "float32" and kind != "onnx":
        raise InputError(f"--precision {precision} is for --format onnx, not {kind}: leave one of them out.")
    samples = []
    if predictor.model is not None and recordings:
        samples = list(islice(real_clips(predictor, recordings), _NUM_BATCHES))
    if precision == "int8" and predictor.model is not None and not samples:
        raise InputError("--precision int8 takes its ranges from people in recordings: name some by --recordings.")
    cfg = predictor.cfg
    path = Path(cfg.TEST.CHECKPOINT_FILE_PATH)
    network = predictor.model, predictor.forest
    return export_folder(folder, cfg, predictor.classes, path, *network, kind, precision, samples, predictor.detector)


def real_clips(
    predictor: Predictor, recordings: Sequence[Recording], every: float = 1.0
) -> Iterator[dict[str, np.ndarray]]:
    """Inputs of the graph, by name, in batches of TEST.BATCH_SIZE: the people found in recordings, from moment to moment.

    A network that remembers is given an empty memory.
    """
    cfg, followed = predictor.cfg, [predictor.follow(recording) for recording in recordings]
    dataset = Moments(cfg, predictor.classes, recordings, followed, every)
    shapes = GraphShapes.of(cfg, ActionGraph(predictor.model, cfg.THERMAL.TEMPERATURE_RANGE))
    for batch in construct_test_loader(cfg, dataset, 0, 1):
        inputs, _, _, extra = as_tensors(batch)
        found = graph_inputs(cfg, inputs, extra["boxes"], object_boxes(extra["objects"]))
        if shapes.memory:
            found["memory"] = np.zeros((len(inputs[0]), *shapes.memory), np.float32)
        yield {name: found[name] for name in shapes.inputs}
