"""Data sets; importing registers `Thermal` with PySlowFast."""

from slowfast_thermal.datasets.thermal import Thermal

__all__ = ["Thermal"]
