"""Networks; importing registers `ThermalSlowFast` and `ThermalPersonDetector` with PySlowFast."""

from slowfast_thermal.models import person_detector
from slowfast_thermal.models.network import ThermalSlowFast
from slowfast_thermal.models.roi_head import IARoIHead

__all__ = ["IARoIHead", "ThermalSlowFast", "person_detector"]
