"""Networks; importing registers `ThermalSlowFast` with PySlowFast."""

from slowfast_thermal.models.network import ThermalSlowFast
from slowfast_thermal.models.roi_head import IARoIHead

__all__ = ["IARoIHead", "ThermalSlowFast"]
