"""How all parts measure."""

import datetime
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).parents[2]
CONFIGS = REPOSITORY / "configs" / "Thermal"


def environment(device: torch.device) -> dict[str, object]:
    """Hardware, versions and commit."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    describe = "command -v git >/dev/null && git describe --always --dirty"
    commit = subprocess.run(describe, shell=True, cwd=REPOSITORY, capture_output=True, text=True)
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else models[0].partition(":")[2].strip(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "commit": commit.stdout.strip() or "unknown",
        "date": datetime.date.today().isoformat(),
    }


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def median_seconds(
    functions: dict[str, Callable[[], object]], repeats: int, device: torch.device = torch.device("cpu")
) -> dict[str, float]:
    """Median time of each function, run in turns after a first run of each that does not count."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            synchronize(device)
            start = time.perf_counter()
            function()
            synchronize(device)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found[1:]) for name, found in times.items()}
