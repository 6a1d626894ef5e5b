"""Frames of which packets were lost on their way from the sensor, put right.

A link sends the readings of a frame in raster order, in packets of one length and a shorter last one. Where packets are
lost and the receiver writes the others one behind the other, everything behind the first lost packet stands too early,
and a tail of the frame is without readings. The length of the tail tells how many packets were lost; which ones they
were is told by the frames around: of all placements that keep the packets' order one looks like them. Its packets are
moved there, and what was lost is missing in its place. Where no placement is clearly the best, all of the frame is missing.

The frame as it stands is one of the placements, so a loss that keeps its place stays where it is. A recording's frames
have neighbours on both sides, a live one's (`LiveRepair`) only in the past.

Letters: S readings of a frame in raster order, N frames, K neighbours, P readings of a packet, F full packets of a frame,
of which M arrived. A reading that is missing is NaN.
"""

import itertools
import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A packet has at least so many readings, and a frame at most so many packets. A shorter tail is not looked at.
_SHORTEST, _MOST_PACKETS = 16, 64
# Whole frames on each side that a frame is compared with, and how far from it they are looked for.
NUM_NEIGHBOURS = 4
REACH = 12
# Wherever a placement differs from the best one, it fits worse by this factor, or the choice is not clear.
CLEARLY_WORSE = 1.5
# Differences from the neighbours count as at least this and a reading's as at most that, degrees Celsius: less is noise
# or rounding, and more says no more (someone is there).
_LEAST, _MOST = 0.05, 4.0
# Placements that are tried at most; where there are more, the choice is not clear.
_MAX_PLACEMENTS = 3000
# Tails that a packet length explains at least, and those of them with a full packet lost.
_EXPLAINED, _WITH_FULL_PACKET = 0.9, 1 / 3
# Frames after which a pixel that seldom reads counts as dead.
_KNOWN_AFTER = 8


@dataclass(frozen=True)
class Repair:
    """What became of one frame with a tail.

    Attributes:
        frame: (S,) float32 degrees Celsius, NaN where a reading is missing.
        num_lost: readings of the lost packets, 0 where the tail is not made of packets.
        num_placements: ways to place what arrived in its order.
        num_moved: readings that were put elsewhere.
        is_clear: whether it is known where the packets belong; else all of the frame is missing.
    """

    frame: np.ndarray
    num_lost: int = 0
    num_placements: int = 0
    num_moved: int = 0
    is_clear: bool = True


class Link:
    """What is known of a sensor's link from the frames that were seen: dead pixels and the length of its packets.

    Args:
        packet_length: readings of a packet; 0 learns it from the frames' tails.
    """

    def __init__(self, packet_length: int = 0):
        self._fixed_length = packet_length
        self._num_frames = 0
        self._num_missing = 0
        self._tails = Counter()
        self._learned = (None, 0)

    def observe(self, missing: np.ndarray) -> None:
        """Learns from (N, S) bool, where readings of frames are missing."""
        self._num_frames += len(missing)
        self._num_missing = self._num_missing + missing.sum(axis=0)
        lengths = _trailing(missing)
        self._tails.update(lengths[(lengths >= _shortest(missing.shape[1])) & (lengths < missing.shape[1])].tolist())

    @property
    def dead(self) -> np.ndarray | bool:
        """(S,) bool, pixels that read in less than half of the frames; False for all while too few were seen."""
        return self._num_frames >= _KNOWN_AFTER and 2 * self._num_missing > self._num_frames

    def has_tail(self, missing: np.ndarray) -> np.ndarray:
        """(N,) bool, whether frames of (N, S) missing readings end in a tail that is not made of dead pixels alone."""
        return _trailing(missing) >= _trailing_dead(self.dead) + _shortest(missing.shape[1])

    def packet_length(self, frame_size: int) -> int:
        """P, given or learned; 0 where the tails are of no common length."""
        if self._fixed_length:
            return self._fixed_length
        known = (len(self._tails), self._tails.total())
        if self._learned[0] != known:
            least = _trailing_dead(self.dead) + _shortest(frame_size)
            tails = Counter({length: n for length, n in self._tails.items() if length >= least})
            self._learned = (known, find_packet_length(tails, frame_size, int(np.sum(self.dead))))
        return self._learned[1]


def find_packet_length(tails: Counter, frame_size: int, num_dead: int = 0) -> int:
    """The length of packets that explains how long the tails of frames are.

    A tail is a number of full packets, with the shorter last one or without. The longest P is taken that explains nine
    tails in ten, a third of them by full packets: any divisor of P explains them too, and the shorter last packet alone
    would suit any length of the others.

    Args:
        tails: how many frames have a tail of so many missing readings.
        frame_size: S.
        num_dead: pixels that never read, by which a tail may be longer where they end the packet before it.

    Returns:
        P, 0 where there are no tails or none explains them.
    """
    if not tails:
        return 0
    lengths, counts = np.array(list(tails.items())).T
    packets = np.arange(_shortest(frame_size), frame_size)[:, None]
    last = frame_size % packets
    in_full = lengths >= packets
    full_only = in_full & (lengths % packets <= num_dead)
    # The modulus of what is negative is only looked at where a full packet is in the tail.
    with_last = in_full & ((lengths - last) % packets <= num_dead) & (lengths >= packets + last)
    last_only = (last > 0) & (lengths >= last) & (lengths - last <= num_dead)
    full_share = ((full_only | with_last) * counts).sum(1) / counts.sum()
    share = ((full_only | with_last | last_only) * counts).sum(1) / counts.sum()
    suited = packets[(share >= _EXPLAINED) & (full_share >= _WITH_FULL_PACKET), 0]
    return int(suited.max(initial=0))


def repair_frame(
    frame: np.ndarray, link: Link, before: Sequence[np.ndarray], after: Sequence[np.ndarray] = ()
) -> Repair:
    """Puts one frame right that has a tail.

    Args:
        frame: (S,) float32 degrees Celsius.
        link: of its sensor.
        before, after: (S,) frames without a tail, the nearest one first.

    Returns:
        the frame as it was where its tail is not made of packets.
    """
    length = link.packet_length(len(frame))
    num_lost, num_full = _lost_packets(frame, link, length)
    if not num_lost:
        return Repair(frame)
    arrived = frame[: len(frame) - num_lost]
    packets = [arrived[start : start + length] for start in range(0, len(arrived), length)]
    places, num_placements = _placements(len(arrived), len(frame), length, num_full)
    best = None
    if places is not None and (len(before) or len(after)):
        best = _clear_choice(places, *_errors(packets, places, _references(before, after)))
    repaired = np.full_like(frame, np.nan)
    if best is None:
        return Repair(repaired, num_lost, num_placements, is_clear=False)
    num_moved = 0
    for number, (packet, place) in enumerate(zip(packets, places[best])):
        repaired[place : place + len(packet)] = packet
        num_moved += len(packet) * int(place != number * length)
    return Repair(repaired, num_lost, num_placements, num_moved)


class LiveRepair:
    """Puts the frames of a live stream right, one after the other, by those before them.

    Args:
        packet_length: readings of a packet; 0 learns it from the tails that come.
    """

    def __init__(self, packet_length: int = 0):
        self._link = Link(packet_length)
        self._whole = deque(maxlen=NUM_NEIGHBOURS)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """(H, W) float32 degrees Celsius, NaN where a reading is missing, with its packets in their places."""
        readings = frame.reshape(-1)
        missing = np.isnan(readings)[None]
        self._link.observe(missing)
        if not self._link.has_tail(missing)[0]:
            self._whole.appendleft(readings)
            return frame
        return repair_frame(readings, self._link, list(self._whole)).frame.reshape(frame.shape)


def _shortest(frame_size: int) -> int:
    return max(_SHORTEST, math.ceil(frame_size / _MOST_PACKETS))


def _trailing(missing: np.ndarray) -> np.ndarray:
    """(N,), how many readings are missing at the end of each of (N, S)."""
    present = ~missing[:, ::-1]
    return np.where(present.any(axis=1), present.argmax(axis=1), missing.shape[1])


def _trailing_dead(dead: np.ndarray | bool) -> int:
    return int(_trailing(dead[None])[0]) if np.any(dead) else 0


def _lost_packets(frame: np.ndarray, link: Link, length: int) -> tuple[int, int]:
    """How many readings of a frame were lost in packets, 0 if its tail is not made of them, and F."""
    tail = int(_trailing(np.isnan(frame)[None])[0])
    if not length:
        return 0, 0
    num_full, last = divmod(len(frame), length)
    possible = sorted({lost * length + part for lost in range(num_full + 1) for part in (0, last)} - {0, len(frame)})
    fitting = [lost for lost in possible if 0 <= tail - lost <= np.sum(link.dead)]
    return (fitting[-1] if fitting else 0), num_full


def _placements(num_arrived: int, size: int, length: int, num_full: int) -> tuple[np.ndarray | None, int]:
    """Where the packets that arrived may begin, (placements, packets), None if there are too many, and their number.

    They keep their order, and a last packet is at the frame's end. The frame as it stands is added where it is none of them.
    """
    num_packets, part = divmod(num_arrived, length)
    number = math.comb(num_full, num_packets)
    if number > _MAX_PLACEMENTS:
        return None, number
    full = (
        np.array(list(itertools.combinations(range(num_full), num_packets)), int).reshape(number, num_packets) * length
    )
    if not part:
        return full, number
    places = np.concatenate([full, np.full((number, 1), size - part)], axis=1)
    return np.concatenate([places, np.arange(num_packets + 1)[None] * length]), number


def _references(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> np.ndarray:
    """(K, S): the nearest frame on each side, and the median of all of them, which has no one who moves."""
    around = np.stack([*before, *after])
    nearest = [side[0] for side in (before, after) if len(side)]
    # Missing readings come last in the order, so the middle is one of those that are there.
    ordered = np.sort(around, axis=0)
    middle = np.maximum((~np.isnan(around)).sum(axis=0) - 1, 0) // 2
    return np.stack([*nearest, np.take_along_axis(ordered, middle[None], axis=0)[0]])


def _errors(packets: list[np.ndarray], places: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Summed differences of each packet from the reference it fits best there, pixel by pixel, and the readings compared.

    Both are (placements, packets).
    """
    errors, numbers = np.zeros(places.shape), np.zeros(places.shape)
    for column, packet in enumerate(packets):
        for place in np.unique(places[:, column]):
            difference = np.fmin.reduce(np.abs(packet - references[:, place : place + len(packet)]), axis=0)
            rows = places[:, column] == place
            errors[rows, column] = np.nansum(np.minimum(difference, _MOST))
            numbers[rows, column] = (~np.isnan(difference)).sum()
    return errors, numbers


def _clear_choice(places: np.ndarray, errors: np.ndarray, numbers: np.ndarray) -> int | None:
    """The placement that fits best, None where another fits almost as well the packets that it has elsewhere."""
    best = int((errors.sum(axis=1) / np.maximum(numbers.sum(axis=1), 1)).argmin())
    differs = places != places[best]

    def mean(errors: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return (errors * differs).sum(axis=1) / np.maximum((numbers * differs).sum(axis=1), 1)

    least = CLEARLY_WORSE * np.maximum(mean(errors[best], numbers[best]), _LEAST)
    clear = mean(errors, numbers) >= least
    clear[best] = True
    return best if clear.all() else None
