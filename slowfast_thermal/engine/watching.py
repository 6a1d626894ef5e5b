"""A trained network or trees as what scores the people who are watched."""

import os
from collections.abc import Mapping

import numpy as np
import torch

from slowfast_thermal.engine.device import autocast, current_device
from slowfast_thermal.engine.exported import ExportedNetwork
from slowfast_thermal.engine.prediction import Predictor
from slowfast_thermal.export.graph import ActionGraph, GraphShapes
from slowfast_thermal.live.exported import scorer_of_folder
from slowfast_thermal.live.scoring import ClipSettings, Scorer


def scorer_of(predictor: Predictor) -> Scorer:
    """What scores people as `predictor` does; memory is of the past alone, and no objects are seen."""
    cfg, clips = predictor.cfg, ClipSettings.from_config(predictor.cfg)
    weight = cfg.MODEL.TREES_WEIGHT
    if isinstance(predictor.model, ExportedNetwork):
        return scorer_of_folder(predictor.model.actions)
    if predictor.model is None:
        return Scorer(predictor.classes, clips, forest=predictor.forest, trees_weight=weight)
    device = current_device(cfg)
    graph = ActionGraph(predictor.model, cfg.THERMAL.TEMPERATURE_RANGE)
    shapes = GraphShapes.of(cfg, graph)
    memory = (shapes.memory, predictor.model.head.structure.window[0]) if shapes.memory else None

    @torch.inference_mode()
    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        with autocast(cfg, device):
            found = graph(*(torch.from_numpy(array).to(device) for array in inputs.values()))
        return [part.float().cpu().numpy() for part in found]

    return Scorer(predictor.classes, clips, run, shapes.inputs, memory, predictor.forest, weight)


def share_cores() -> None:
    """Leaves half of the cores to what receives frames and to other work, unless OMP_NUM_THREADS says otherwise.

    Threads of a network that wait for each other beside other work take many times as long as one alone.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(torch.get_num_threads() // 2, 1))
