"""Action detection in thermal recordings with PySlowFast.

Importing this package registers the data set `Thermal`, the model `ThermalSlowFast` and the
configuration node `THERMAL` with PySlowFast.
"""

from slowfast_thermal import config, datasets, models

__all__ = ["config", "datasets", "models"]
