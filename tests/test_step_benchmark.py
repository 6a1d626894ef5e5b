"""The benchmark of a step: what it measures is the same network."""

import torch

from tools.benchmarks.gpu.run import SMALL
from tools.benchmarks.step import PlainWorkload, Workload


def test_the_baseline_computes_what_this_project_does():
    device, options = torch.device("cpu"), (*SMALL, "TRAIN.MIXED_PRECISION", "False")
    baseline, ours = PlainWorkload(device, 2, *options), Workload(device, 2, *options)
    ours.model.load_state_dict(baseline.model.state_dict())
    ours.inputs, ours.memory = baseline.inputs, baseline.memory
    for load in (baseline, ours):
        load.model.eval()
    with torch.inference_mode():
        torch.testing.assert_close(baseline.forward(), ours.forward(), rtol=1e-4, atol=1e-5)
    for load in (baseline, ours):
        load.step()
        load.infer()
