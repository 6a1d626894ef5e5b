"""A process that torchrun has started: a training step with the others, beside one alone.

torchrun -m tools.benchmarks.gpu.exchange FILE KEY VALUE ...    writes what was measured as JSON to FILE
"""

import json
import os
import sys
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

from slowfast_thermal.engine.launch import launcher_place
from slowfast_thermal.engine.processes import process_group
from tools.benchmarks.common import median_seconds
from tools.benchmarks.step import Workload

REPEATS = 5
TIMEOUT = 60
CLIPS = 4


def main() -> None:
    path, *options = sys.argv[1:]
    place = launcher_place(os.environ)
    on_gpu = options[options.index("NUM_GPUS") + 1] != "0"
    device = torch.device("cuda", place.local_rank) if on_gpu else torch.device("cpu")
    backend = "nccl" if on_gpu else "gloo"
    if on_gpu:
        torch.cuda.set_device(device)
    found: dict[str, object] = {"backend": backend}
    # Made before the processes meet, as a network that is made later is shared at once.
    alone, together = (Workload(device, CLIPS if on_gpu else 1, *options) for _ in range(2))
    with process_group(place, backend, TIMEOUT):
        together.model = DistributedDataParallel(together.model)
        alone.model.eval(), together.model.eval()
        for load in (alone, together):
            torch.nn.functional.cross_entropy(load.forward().float(), load.labels.to(device)).backward()
        gradients, others = ([p.grad for p in load.model.parameters()] for load in (alone, together))
        found["relative distance of the gradients"] = _distance(others, gradients)
        seconds = median_seconds({"alone": alone.step, "together": together.step}, REPEATS, device)
        buffer = torch.cat([gradient.flatten() for gradient in gradients])
        seconds["exchange"] = median_seconds({"sum": lambda: torch.distributed.all_reduce(buffer)}, REPEATS, device)[
            "sum"
        ]
        found |= {
            "step alone, s": seconds["alone"],
            "step with the exchange, s": seconds["together"],
            "gradients, MB": buffer.nbytes / 1e6,
            "sum over the processes, s": seconds["exchange"],
        }
    if place.rank == 0:
        Path(path).write_text(json.dumps(found))


def _distance(gradients: list[torch.Tensor], others: list[torch.Tensor]) -> float:
    one, other = (torch.cat([gradient.flatten() for gradient in each]) for each in (gradients, others))
    return ((one - other).norm() / other.norm()).item()


if __name__ == "__main__":
    main()
