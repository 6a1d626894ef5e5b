"""Trained networks as graphs that run without torch, and the folder in which they go to another machine."""
