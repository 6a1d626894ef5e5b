"""Action detection in thermal recordings with PySlowFast.

Importing this package registers the data set `Thermal`, the model `ThermalSlowFast` and the
configuration nodes `THERMAL` and `IA` with PySlowFast.
"""

import os

# OpenMP's threads run in circles while they wait for each other: on a machine with other work they take the time of what they
# wait for. They sleep after this many rounds, unless it was decided otherwise; OpenMP reads it when torch is loaded.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "10000"

from slowfast_thermal import config, datasets, models  # noqa: E402

__all__ = ["config", "datasets", "models"]
