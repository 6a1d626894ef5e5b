"""What a recording must give of a frame for the input channels that `channels` makes of it."""

from collections.abc import Sequence

NEEDS = {"difference": "earlier", "less_background": "background"}
"""The plane besides the temperature that a channel is made of."""


def planes(channels: Sequence[str]) -> list[str]:
    """The names of the S planes that a network with these channels reads, in their order."""
    return ["temperature", *(plane for channel, plane in NEEDS.items() if channel in channels)]
