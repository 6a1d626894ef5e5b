"""Thermal rooms with people in three dimensions, and what a sensor sees of them."""
