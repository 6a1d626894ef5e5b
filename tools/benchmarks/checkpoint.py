"""What checksums cost: a checkpoint of 400 MB written and read with and without them.

Read, it lies in the memory of the operating system, so that the disk's speed does not hide what checking takes.
"""

import tempfile
from pathlib import Path

import torch

from slowfast_thermal.checkpoint.files import read_file
from slowfast_thermal.files import replacing
from tools.benchmarks.common import median_seconds

MEGABYTES = 400


def measure(repeats: int) -> dict[str, float]:
    """Seconds of each way, in turns."""
    content = {"model_state": {str(number): torch.randn(2_500_000) for number in range(MEGABYTES // 10)}}
    with tempfile.TemporaryDirectory() as folder:
        path, plain = Path(folder) / "with.pyth", Path(folder) / "without.pyth"

        def write(path: Path, with_sums: bool) -> None:
            torch.serialization.set_crc32_options(with_sums)
            try:
                with replacing(path) as temporary, open(temporary, "wb") as file:
                    torch.save(content, file)
            finally:
                torch.serialization.set_crc32_options(True)

        return median_seconds(
            {
                "written without checksums, s": lambda: write(plain, False),
                "written with checksums, s": lambda: write(path, True),
                "read without comparing them, s": lambda: torch.load(path, weights_only=True),
                "read and compared, s": lambda: read_file(path),
            },
            repeats,
        )
