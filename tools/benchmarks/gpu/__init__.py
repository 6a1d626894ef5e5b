"""Everything that CUDA does, tried and measured in one run of some minutes: see `run`."""
