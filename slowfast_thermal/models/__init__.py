"""Networks; importing registers `ThermalSlowFast` with PySlowFast."""

from slowfast_thermal.models.network import ThermalSlowFast

__all__ = ["ThermalSlowFast"]
