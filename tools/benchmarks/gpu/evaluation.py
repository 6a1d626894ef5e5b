"""Inference of a clip and of all validation keyframes, and the AVA evaluation beside the CPU's."""

import time

import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.engine.test import evaluate, prepare_evaluation
from slowfast_thermal.evaluation.metrics import Evaluation
from tools.benchmarks.common import median_seconds, synchronize
from tools.benchmarks.gpu.parity import MAIN, exact_float32, randomise
from tools.benchmarks.gpu.run import Setting
from tools.benchmarks.step import Workload


def measure(setting: Setting) -> None:
    device, tell = setting.device, setting.tell
    for clips in (1,) if setting.small else (1, 4, 16):
        workload = Workload(device, clips, *setting.overrides(), config=MAIN)
        seconds = median_seconds({"clip": workload.infer}, 2 if setting.small else 10, device)["clip"]
        tell(f"inference of {clips} clip{'s' * (clips > 1)}, s", seconds)

    cfg = setting.config(MAIN)
    loader = prepare_evaluation(cfg, "val")
    tell("validation keyframes", len(loader.dataset))
    for name in ("first", "again"):
        start = time.perf_counter()
        evaluate(workload.model, loader, cfg, "val")
        synchronize(device)
        tell(f"evaluation of the validation set, {name}, s", time.perf_counter() - start)

    exact_float32()
    ours, theirs = (_evaluation(setting, gpus) for gpus in (0 if setting.small else 1, 0))
    tell("mAP of a random small network", ours.mean_ap)
    tell("difference of the mAP from the CPU's", abs(ours.mean_ap - theirs.mean_ap))
    tell("largest difference of a score from the CPU's", _difference(ours, theirs))


def _evaluation(setting: Setting, gpus: int) -> Evaluation:
    """Of the demo's network in float32, with the same random weights on every device."""
    cfg = setting.config("SLOWFAST_SMALL.yaml", NUM_GPUS=gpus, TRAIN__MIXED_PRECISION=False)
    torch.manual_seed(0)
    model = pyslowfast.build_model(cfg, torch.device("cpu"))
    randomise(model)
    return evaluate(model.to("cuda" if gpus else "cpu"), prepare_evaluation(cfg, "val"), cfg, "val")


def _difference(ours: Evaluation, theirs: Evaluation) -> float:
    scores = [
        torch.tensor(
            [score for keyframe in evaluation.keyframes for score in evaluation.detections[2].get(keyframe, [])]
        )
        for evaluation in (ours, theirs)
    ]
    return (scores[0] - scores[1]).abs().max().item()
