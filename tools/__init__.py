"""The commands. In the installed package they are `slowfast_thermal_tools`, which `slowfast-thermal` runs."""
