"""What tools/benchmark.py measures, a part a module."""
