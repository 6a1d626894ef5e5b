import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRINT = "from slowfast_thermal.errors import exit_codes\nwith exit_codes():\n    print('a line\\n' * 10_000)"


@pytest.mark.parametrize("arguments", [["tools/thermal_data.py", "validate", "{data}"], ["-u", "-c", PRINT]])
def test_a_program_whose_output_no_one_reads_ends_without_a_word(arguments, synthetic_data):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, *(part.format(data=synthetic_data) for part in arguments)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
