"""What happened to a recording's frames between the sensor and the file.

    dead pixel      a place that never reads, or in less than half of the frames that lost no packets
    lost packets    a frame that ends in a tail without readings as long as some of its packets; the packets behind the
                    first lost one are displaced until they are put right (`datasets.packets`)
    frozen          a frame with the same readings as the one before it, all of them
    torn            a frame that reads everywhere, or almost, but part of which is the frame before: a run of readings in
                    raster order, a 64th of the frame or more, that are exactly the same as there, while of the others
                    less than half are. By chance so long a run must come in less than one frame in a million; readings at
                    the lower and upper end of the frame's temperatures, where a sensor may be at its limit, do not count
    flashing        up to three frames that lost no packets and whose level, the median of the readings, leaves that of the frames around and comes
                    back: it differs from the median level of seven frames by a degree or more, and by more than eight
                    times what is usual in the recording

A torn frame is told from one that shows little change by chance alone, so the sensor must have noise: where half of the
readings stay the same from frame to frame, none counts as torn.

Letters: N frames of a recording, K of them, S readings of a frame in raster order.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from slowfast_thermal.datasets.packets import Repair
from slowfast_thermal.datasets.recordings import Recording

# Share of the frames in which a pixel reads that is not dead.
MIN_READING = 0.5
# Part of a frame that a torn one has of the frame before, readings at least, the largest share of the others that are the
# same there too, and the chance of such a run at most.
TORN_PART, TORN_SHORTEST, TORN_ELSEWHERE, TORN_CHANCE = 1 / 64, 16, 0.5, 1e-6
# Frames on each side that give the level around a frame, and by how much a flashing one differs: degrees Celsius, and as a
# multiple of the recording's median difference.
FLASH_AROUND, FLASH_CELSIUS, FLASH_FACTOR = 3, 1.0, 8.0


@dataclass(frozen=True)
class Distances:
    """Mean absolute differences from the last frame that lost no packets, degrees Celsius.

    Attributes:
        displaced, repaired: of the frames with displaced packets, as stored and put right.
        whole: of the frames that lost none.
    """

    displaced: float
    repaired: float
    whole: float


@dataclass(frozen=True)
class Damage:
    """What was found in one recording.

    Attributes:
        num_dead: pixels that never or rarely read.
        num_never_read: those of them that never do.
        num_missing: readings that are missing, but for those of lost packets.
        num_frames_missing: frames that miss some of these.
        packet_length: readings of a packet, 0 if none was lost.
        repairs: of the frames that lost packets, by their index.
        distances: None if no frame was put right.
        torn, frozen, flashing: indices of frames.
    """

    num_dead: int
    num_never_read: int
    num_missing: int
    num_frames_missing: int
    packet_length: int
    repairs: Mapping[int, Repair]
    distances: Distances | None
    torn: list[int]
    frozen: list[int]
    flashing: list[int]


def find_damage(recording: Recording, watch: Callable[[np.ndarray], None] = lambda frames: None) -> Damage:
    """Reads a recording through, a part of it at a time.

    Args:
        recording: whose frames are put right, else packets count as missing readings.
        watch: is given its frames as they stand, a part at a time.

    Raises:
        InputError: frames cannot be read.
    """
    size = recording.height * recording.width
    before = whole = np.full(size, np.nan, np.float32)
    torn, frozen, levels = [], [], []
    missing, num_frames_missing, start = np.zeros(size, int), 0, 0
    differences = {"displaced": [], "repaired": [], "whole": []}
    for stored, repaired in recording.pairs():
        watch(stored)
        stored, repaired = stored.reshape(-1, size), repaired.reshape(-1, size)
        earlier = np.concatenate([before[None], stored[:-1]])
        before = stored[-1]
        is_frozen = find_frozen(stored, earlier)
        frozen += (start + np.flatnonzero(is_frozen)).tolist()
        torn += (start + np.flatnonzero(~is_frozen & find_torn(stored, earlier))).tolist()
        for index, (frame, mended) in enumerate(zip(stored, repaired), start):
            repair = recording.repairs.get(index)
            # A part of the view has another level than all of it.
            levels.append(np.nan if repair else float(_median(frame[None])[0]))
            if repair is None:
                missing += np.isnan(frame)
                num_frames_missing += bool(np.isnan(frame).any())
                _add_difference(differences["whole"], frame, whole)
                whole = frame
            elif repair.num_moved:
                _add_difference(differences["displaced"], frame, whole)
                _add_difference(differences["repaired"], mended, whole)
        start += len(stored)
    num_whole = recording.num_frames - len(recording.repairs)
    return Damage(
        num_dead=int((missing > (1 - MIN_READING) * num_whole).sum()),
        num_never_read=int((missing >= max(num_whole, 1)).sum()),
        num_missing=int(missing.sum()),
        num_frames_missing=num_frames_missing,
        packet_length=recording.packet_length if recording.repairs else 0,
        repairs=recording.repairs,
        distances=Distances(*(float(np.mean(found)) for found in differences.values()))
        if all(differences.values())
        else None,
        torn=torn,
        frozen=frozen,
        flashing=np.flatnonzero(find_flashing(np.array(levels))).tolist(),
    )


def find_frozen(frames: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(K,) bool, whether (K, S) frames have the readings of those before them, (K, S) too; none of a frame without readings."""
    missing = np.isnan(frames)
    same = (frames == before) | (missing & np.isnan(before))
    return same.all(axis=1) & ~missing.all(axis=1)


def find_torn(frames: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(K,) bool, whether part of each of (K, S) frames is exactly as in the frame before it."""
    size = frames.shape[1]
    ends = (np.fmin.reduce(frames, axis=1)[:, None], np.fmax.reduce(frames, axis=1)[:, None])
    same = (frames == before) & (frames > ends[0]) & (frames < ends[1])
    places = np.arange(size)
    last_other = np.maximum.accumulate(np.where(same, -1, places), axis=1)
    longest = (places - last_other).max(axis=1)
    elsewhere = (same.sum(axis=1) - longest) / np.maximum(size - longest, 1)
    # A run of n begins at any of S places with a chance of at most q^n, where q is the share of readings that stay the same.
    by_chance = math.log(size) + longest * np.log(np.maximum(elsewhere, 1 / size))
    least = max(TORN_SHORTEST, math.ceil(size * TORN_PART))
    return (longest >= least) & (elsewhere < TORN_ELSEWHERE) & (by_chance < math.log(TORN_CHANCE))


def find_flashing(levels: np.ndarray) -> np.ndarray:
    """(N,) bool, which of a recording's frames with (N,) levels in degrees Celsius flash; NaN is an unknown level.

    The first and last frames do not: it is unknown what was before or came after.
    """
    if len(levels) <= 2 * FLASH_AROUND:
        return np.zeros(len(levels), bool)
    around = np.lib.stride_tricks.sliding_window_view(levels, 2 * FLASH_AROUND + 1)
    difference = np.abs(levels[FLASH_AROUND:-FLASH_AROUND] - _median(around))
    usual = _median(difference[None])[0]
    return np.pad(difference >= max(FLASH_CELSIUS, FLASH_FACTOR * usual), FLASH_AROUND)


def _median(rows: np.ndarray) -> np.ndarray:
    """The lower median of the numbers in each row, NaN where there is none."""
    ordered = np.sort(rows, axis=1)
    middle = np.maximum((~np.isnan(rows)).sum(axis=1) - 1, 0) // 2
    return ordered[np.arange(len(rows)), middle]


def _add_difference(differences: list[float], frame: np.ndarray, other: np.ndarray) -> None:
    difference = np.abs(frame - other)
    there = ~np.isnan(difference)
    if there.any():
        differences.append(float(difference[there].mean()))
