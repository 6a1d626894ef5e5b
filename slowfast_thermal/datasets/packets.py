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
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slowfast_thermal.datasets.link import Link, trailing

# Whole frames on each side that a frame is compared with, and how far from it they are looked for.
NUM_NEIGHBOURS = 4
REACH = 12
# Wherever a placement differs from the best one, it fits worse by this factor, or the choice is not clear.
CLEARLY_WORSE = 1.5
# Differences from the neighbours count as at least this and a reading's as at most that, degrees Celsius: less is noise
# or rounding, and more says no more (someone is there).
_LEAST, _MOST = 0.05, 4.0
# Parts of a recording from which the length of packets is learned, if so many frames with a tail are in them.
_SAMPLED, _ENOUGH_TAILS = 32, 20
# Placements that are tried at most; where there are more, the choice is not clear.
_MAX_PLACEMENTS = 3000


@dataclass(frozen=True)
class Repair:
    """Where the packets belong that arrived of a frame.

    Attributes:
        packet_length: P.
        num_lost: readings of the lost packets.
        num_placements: ways to place the others in their order.
        starts: where in the frame each of them begins, None if that is not clear.
        num_moved: readings that stand elsewhere then.
    """

    packet_length: int
    num_lost: int
    num_placements: int
    starts: tuple[int, ...] | None = None
    num_moved: int = 0

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """The (S,) frame with its packets in their places; all of it missing if these are not clear."""
        repaired = np.full_like(frame, np.nan)
        for packet, start in zip(_packets(frame, self), self.starts or ()):
            repaired[start : start + len(packet)] = packet
        return repaired


def find_repair(
    frame: np.ndarray, link: Link, before: Sequence[np.ndarray], after: Sequence[np.ndarray] = ()
) -> Repair | None:
    """Finds out where the packets belong that arrived of a frame with a tail.

    Args:
        frame: (S,) float32 degrees Celsius.
        link: of its sensor.
        before, after: (S,) frames without a tail, the nearest one first.

    Returns:
        None if the tail is not made of packets, so the frame stays as it is.
    """
    num_lost = _lost_readings(frame, link)
    if not num_lost:
        return None
    starts, number = _placements(len(frame) - num_lost, len(frame), link.packet_length(len(frame)))
    repair = Repair(link.packet_length(len(frame)), num_lost, number)
    if starts is None or not (len(before) or len(after)):
        return repair
    packets = _packets(frame, repair)
    best = _clear_choice(starts, *_errors(packets, starts, _references(before, after)))
    if best is None:
        return repair
    moved = starts[best] != np.arange(len(packets)) * repair.packet_length
    num_moved = sum(len(packet) for packet, is_moved in zip(packets, moved) if is_moved)
    return replace(repair, starts=tuple(starts[best].tolist()), num_moved=num_moved)


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
        repair = find_repair(readings, self._link, list(self._whole))
        return repair.apply(readings).reshape(frame.shape) if repair else frame


class RecordingRepair:
    """Puts the frames of a recording right, by those on both sides of them.

    What becomes of a frame depends on the recording alone, not on which frames are read with it.

    Args:
        packet_length: readings of a packet; 0 learns it from the recording's tails.

    Attributes:
        repairs: of the frames that lost packets, as far as they were read, by their index.
        packet_length: P, 0 while it is unknown.
    """

    def __init__(self, packet_length: int):
        self.packet_length = packet_length
        self.repairs: dict[int, Repair] = {}
        self._link = None

    def __call__(
        self,
        frames: np.ndarray,
        start: int,
        num_frames: int,
        decode: Callable[[int, int], np.ndarray],
        sample: Callable[[int | None], Iterable[np.ndarray]],
    ) -> None:
        """Puts frames [start, start + K) right in place.

        Args:
            frames: (K, H, W) float32 degrees Celsius.
            start: index of the first one.
            num_frames: of the whole recording.
            decode: gives frames [start, stop) of the recording as they stand.
            sample: gives so many parts of the recording, spread over it, or all (None); the link is learned from them once a frame
                has a tail.
        """
        readings = frames.reshape(len(frames), -1)
        if self._link is None:
            if not Link().has_tail(np.isnan(readings)).any():
                return
            self._learn(sample, num_frames)
        tails = np.flatnonzero(self._link.has_tail(np.isnan(readings)))
        lossy = [index for index in tails.tolist() if _lost_readings(readings[index], self._link)]
        unknown = [index for index in lossy if start + index not in self.repairs]
        if unknown:
            first = max(start + unknown[0] - REACH, 0)
            around = decode(first, min(start + unknown[-1] + REACH + 1, num_frames)).reshape(-1, readings.shape[1])
            whole = np.flatnonzero(~self._link.has_tail(np.isnan(around)))
            for index in unknown:
                place = start + index - first
                before = whole[(whole < place) & (whole >= place - REACH)][::-1][:NUM_NEIGHBOURS]
                after = whole[(whole > place) & (whole <= place + REACH)][:NUM_NEIGHBOURS]
                repair = find_repair(readings[index], self._link, around[before], around[after])
                self.repairs[start + index] = repair
        for index in lossy:
            readings[index] = self.repairs[start + index].apply(readings[index])

    def _learn(self, sample: Callable[[int | None], Iterable[np.ndarray]], num_frames: int) -> None:
        for max_parts in (_SAMPLED, None):
            link = Link(self.packet_length)
            for frames in sample(max_parts):
                missing = np.isnan(frames).reshape(len(frames), -1)
                link.observe(missing)
            # Where losses are rare a sample may hold none of them, or such as any multiple of the length would explain.
            is_known = self.packet_length or link.num_tails(missing.shape[1]) >= _ENOUGH_TAILS
            if is_known or link.num_frames == num_frames:
                break
        self._link, self.packet_length = link, link.packet_length(missing.shape[1])


def _packets(frame: np.ndarray, repair: Repair) -> list[np.ndarray]:
    """Those that arrived, one behind the other from the beginning of the (S,) frame."""
    arrived, length = frame[: len(frame) - repair.num_lost], repair.packet_length
    return [arrived[start : start + length] for start in range(0, len(arrived), length)]


def _lost_readings(frame: np.ndarray, link: Link) -> int:
    """How many readings of a frame with a tail were lost in packets, 0 if the tail is not made of them."""
    length, num_dead = link.packet_length(len(frame)), int(link.dead.sum())
    if not length:
        return 0
    tail = int(trailing(np.isnan(frame)[None])[0])
    num_full, last = divmod(len(frame), length)
    possible = sorted({lost * length + part for lost in range(num_full + 1) for part in (0, last)} - {0, len(frame)})
    return max((lost for lost in possible if 0 <= tail - lost <= num_dead), default=0)


def _placements(num_arrived: int, size: int, length: int) -> tuple[np.ndarray | None, int]:
    """Where the packets that arrived may begin, (placements, packets), None if there are too many, and their number.

    They keep their order, and a last packet is at the frame's end. The frame as it stands is added where it is none of them.
    """
    num_packets, part = divmod(num_arrived, length)
    num_full = size // length
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
