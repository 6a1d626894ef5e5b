"""What the missing readings of frames tell about a sensor and its link: dead pixels, and the length of its packets.

Letters: S readings of a frame in raster order, N frames, P readings of a packet.
"""

import math
from collections import Counter

import numpy as np

# A packet has at least so many readings, and a frame at most so many packets. A shorter tail is not looked at.
_SHORTEST, _MOST_PACKETS = 16, 64
# Shares of the tails that a packet length explains at least, and that have a full packet in them.
_EXPLAINED, _WITH_FULL_PACKET = 0.9, 1 / 3
# Frames after which a pixel that reads in less than half of them counts as dead.
_KNOWN_AFTER = 8


class Link:
    """Learns from the frames that it is shown.

    Args:
        packet_length: readings of a packet; 0 learns it from the frames' tails.

    Attributes:
        num_frames: that it was shown.
    """

    def __init__(self, packet_length: int = 0):
        self._given_length = packet_length
        self.num_frames = 0
        self._num_missing = 0
        self._tails = Counter()
        self._learned = (0, 0)

    def observe(self, missing: np.ndarray) -> None:
        """Learns from (N, S) bool, where readings of frames are missing."""
        self.num_frames += len(missing)
        self._num_missing = self._num_missing + missing.sum(axis=0)
        ends = missing[missing[:, -_shortest(missing.shape[1]) :].all(axis=1)]
        self._tails.update(length for length in trailing(ends).tolist() if length < missing.shape[1])

    @property
    def dead(self) -> np.ndarray:
        """(S,) bool, pixels that read in less than half of the frames; none while few frames were seen."""
        return (self.num_frames >= _KNOWN_AFTER) & (2 * np.atleast_1d(self._num_missing) > self.num_frames)

    def has_tail(self, missing: np.ndarray) -> np.ndarray:
        """(N,) bool, whether frames of (N, S) missing readings end in a tail that is not made of dead pixels alone."""
        return missing[:, -self._least_tail(missing.shape[1]) :].all(axis=1)

    def packet_length(self, frame_size: int) -> int:
        """P, given or learned; 0 where the tails have no length in common."""
        if self._given_length:
            return self._given_length
        if self._learned[0] != self._tails.total():
            length = find_packet_length(self._lossy_tails(frame_size), frame_size, int(self.dead.sum()))
            self._learned = (self._tails.total(), length)
        return self._learned[1]

    def num_tails(self, frame_size: int) -> int:
        """Frames with a tail that is not made of dead pixels alone."""
        return self._lossy_tails(frame_size).total()

    def _lossy_tails(self, frame_size: int) -> Counter:
        least = self._least_tail(frame_size)
        return Counter({length: number for length, number in self._tails.items() if length >= least})

    def _least_tail(self, frame_size: int) -> int:
        return int(trailing(self.dead[None])[0]) + _shortest(frame_size)


def find_packet_length(tails: Counter, frame_size: int, num_dead: int = 0) -> int:
    """The length of packets that explains how long the tails of frames are.

    A tail is a number of full packets, with the shorter last one or without. The longest P is taken that explains nine
    tails in ten, a third of them by full packets: any divisor of P explains them too, and the shorter last packet alone
    would suit any length.

    Args:
        tails: how many frames have a tail of so many missing readings.
        frame_size: S.
        num_dead: pixels that never read, by which a tail may be longer where they end the packet before it.

    Returns:
        P, 0 where there are no tails or nothing explains them.
    """
    if not tails:
        return 0
    lengths, counts = np.array(list(tails.items())).T
    packets = np.arange(_shortest(frame_size), frame_size)[:, None]
    last = frame_size % packets
    full_only = (lengths >= packets) & (lengths % packets <= num_dead)
    with_last = (lengths >= packets + last) & ((lengths - last) % packets <= num_dead)
    last_only = (last > 0) & (lengths >= last) & (lengths - last <= num_dead)
    with_full = full_only | with_last
    full_share, share = ((kind * counts).sum(axis=1) / counts.sum() for kind in (with_full, with_full | last_only))
    suited = packets[(share >= _EXPLAINED) & (full_share >= _WITH_FULL_PACKET), 0]
    return int(suited.max(initial=0))


def trailing(missing: np.ndarray) -> np.ndarray:
    """(N,), how many readings are missing at the end of each frame of (N, S)."""
    present = ~missing[:, ::-1]
    return np.where(present.any(axis=1), present.argmax(axis=1), missing.shape[1])


def _shortest(frame_size: int) -> int:
    return max(_SHORTEST, math.ceil(frame_size / _MOST_PACKETS))
