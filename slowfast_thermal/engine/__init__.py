"""The loops: launching, training, testing."""
