"""The results of many runs side by side."""

from pathlib import Path

import pandas as pd
import simplejson

from slowfast_thermal.errors import InputError


def sweep_table(folder: Path) -> pd.DataFrame:
    """Mean and spread of the mAP over the seeds of each setting.

    Args:
        folder: holds the OUTPUT_DIR of each run, named by its settings: "KEY=VALUE,...,RNG_SEED=N".

    Returns:
        A row for each combination of the other settings with its number of "seeds", the mean "mAP", its standard
        deviation "std" (NaN for a single seed), "lowest" and "highest"; the best combination first.

    Raises:
        InputError: no finished run is there, or a name does not tell its settings.
    """
    runs = []
    for path in sorted(folder.glob("*/test_metrics.json")):
        pairs = [part.split("=") for part in path.parent.name.split(",")]
        if any(len(pair) != 2 for pair in pairs) or "RNG_SEED" not in dict(pairs):
            raise InputError(f"The name of {path.parent} is not KEY=VALUE,...,RNG_SEED=N: move it elsewhere.")
        runs.append(dict(pairs) | {"mAP": simplejson.loads(path.read_text())["mAP"]})
    if not runs:
        raise InputError(f"{folder} holds no run with a test_metrics.json: train and test one first.")
    runs = pd.DataFrame(runs).astype({"mAP": float})
    settings = [key for key in runs if key not in ("RNG_SEED", "mAP")]
    of_setting = runs.groupby(settings or (lambda row: "seeds alone"))["mAP"]
    table = of_setting.agg(seeds="count", mAP="mean", std="std", lowest="min", highest="max").reset_index(
        drop=not settings
    )
    return table.sort_values("mAP", ascending=False, ignore_index=True)
