import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("arguments", [["thermal_data.py", "validate", "{data}"], ["run_net.py", "--help"]])
def test_a_tool_whose_output_no_one_reads_ends_without_a_word(arguments, synthetic_data):
    reader, writer = os.pipe()
    os.close(reader)
    command = [ROOT / "tools" / arguments[0], *(part.format(data=synthetic_data) for part in arguments[1:])]
    done = subprocess.run([sys.executable, *command], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writer)
    assert done.returncode == 141 and done.stderr == ""
