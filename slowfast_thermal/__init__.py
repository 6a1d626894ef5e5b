"""Action detection in thermal recordings with PySlowFast.

Importing this package registers the data set `Thermal`, the model `ThermalSlowFast` and the
configuration nodes `THERMAL` and `IA` with PySlowFast.
"""

from slowfast_thermal import config, datasets, models

__all__ = ["config", "datasets", "models"]
