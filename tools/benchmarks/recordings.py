"""What it takes to open recordings, to read clips of them that are not cached, and to decode them into the cache.

Recordings hold frames of 40x60 pixels in compressed chunks of 64. A clip is 64 frames at a random place; a pixel that never
reads makes the reader look for a reading elsewhere. What is found on the way is kept, so the first such clip stands apart.
Times are of the processor, which other work on the machine does not count into; the files lie in the page cache.
Peak memory is that of a process which decodes one recording, beyond what it held before, in parts of the decoded size.
"""

import multiprocessing
import statistics
import tempfile
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import torch

from slowfast_thermal.datasets.recordings import Recording

HEIGHT, WIDTH, CHUNK, CLIP = 40, 60, 64, 64
FRAMES = 1_000, 10_000, 100_000
OPENED, DECODED = 300, 10_000


def write_recording(path: Path, num_frames: int, never_reads: bool, losses: bool = False) -> None:
    """Writes one chunk again and again, with a pixel that never reads, or with a tenth of the frames half lost."""
    frames = np.random.default_rng(0).normal(20, 2, (CHUNK, HEIGHT, WIDTH)).round(1).astype(np.float32)
    if never_reads:
        frames[:, 5, 5] = np.nan
    if losses:
        frames[5::10, 20:] = np.nan
    content = zlib.compress(frames.tobytes(), 4)
    with h5py.File(path, "w") as file:
        layout = {"chunks": frames.shape, "compression": 4}
        stored = file.create_dataset("frames", (num_frames, HEIGHT, WIDTH), np.float32, **layout)
        for start in range(0, num_frames, CHUNK):
            stored.id.write_direct_chunk((start, 0, 0), content)
        file["timestamps"] = 150 * np.arange(num_frames)


def _open(path: Path) -> Recording:
    return Recording(path, (-40.0, 300.0), 20.0)


def _clip_seconds(path: Path, repeats: int) -> tuple[float, float]:
    """Of the first clip, and the median of the next ones."""
    recording = _open(path)
    seconds = []
    for start in np.random.default_rng(1).integers(0, recording.num_frames - CLIP, repeats + 1):
        begin = time.process_time()
        recording.read(np.arange(start, start + CLIP))
        seconds.append(time.process_time() - begin)
    return seconds[0], statistics.median(seconds[1:])


def _resident(key: str) -> int:
    """Bytes of this process by a key of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _peak(path: Path) -> float:
    """Memory that decoding takes at its highest, in parts of what stays."""
    torch.zeros(1)
    recording = _open(path)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest so far
    before = _resident("VmRSS")
    recording.cache(torch.device("cpu"))
    return (_resident("VmHWM") - before) / recording.nbytes


def measure(repeats: int) -> dict[str, object]:
    """Milliseconds, ratios and parts of the decoded size."""
    with (
        tempfile.TemporaryDirectory() as name,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        folder = Path(name)
        write_recording(folder / "short.h5", 200, False)

        begin = time.process_time()
        for _ in range(OPENED):
            _open(folder / "short.h5")
        found = {"opening a recording, ms": 1000 * (time.process_time() - begin) / OPENED}
        rows = []
        for num_frames in FRAMES:
            seconds = {}
            for never_reads in (False, True):
                path = folder / f"{num_frames}_{never_reads}.h5"
                write_recording(path, num_frames, never_reads)
                seconds[never_reads] = _clip_seconds(path, repeats)
            rows.append(
                {
                    "frames": num_frames,
                    "clip of a whole recording, ms": 1000 * seconds[False][1],
                    "first clip with a pixel that never reads, ms": 1000 * seconds[True][0],
                    "next clips, ms": 1000 * seconds[True][1],
                    "ratio of the next clips": seconds[True][1] / seconds[False][1],
                }
            )
        found["clips from files"] = rows
        for title, losses in (("peak of decoding", False), ("peak of decoding with missing readings", True)):
            write_recording(folder / "decoded.h5", DECODED, False, losses)
            found[title] = pool.apply(_peak, (folder / "decoded.h5",))
        return found
