"""A process with loader workers, to whose group the stop signals are sent."""

import os
import subprocess
import sys

import pytest

from tests.programs import ROOT as REPOSITORY

SCRIPT = """
import os, signal, sys, time
from torch.utils.data import Dataset
from slowfast_thermal import signals
from slowfast_thermal.datasets.loader import _Loader

class Numbers(Dataset):
    def __len__(self):
        return 60

    def __getitem__(self, index):
        time.sleep(0.02)
        return index

if __name__ == "__main__":
    noted = []
    for number in signals.STOP_SIGNALS:
        signal.signal(number, lambda number, frame: noted.append(number))
    loader = _Loader(
        Numbers(), num_workers=2, worker_init_fn=signals.leave_to_main_process, multiprocessing_context=sys.argv[1],
        persistent_workers=True,
    )
    numbers = []
    iterator = iter(loader)
    for number in signals.STOP_SIGNALS:  # while the workers start
        os.killpg(0, number)
    for item in iterator:
        numbers.append(int(item))
        if len(numbers) in (20, 40):
            for number in signals.STOP_SIGNALS:
                os.killpg(0, number)
    assert numbers == list(range(60)), numbers
    assert len(noted) == 9 and set(noted) == set(signals.STOP_SIGNALS), noted
    print("done", flush=True)
    held = iter(loader)  # the workers wait when the program ends
"""


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_leave_the_signals_of_their_group_to_the_main_process(tmp_path, start_method):
    script = tmp_path / "load.py"
    script.write_text(SCRIPT)
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:multiprocessing", script, start_method],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, start_new_session=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0 and result.stdout == "done\n" and result.stderr == "", result


def test_ctrl_c_while_the_program_starts_waits_for_it(tmp_path):
    code = (
        "import os, runpy, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.argv = ['tools/run_net.py', '--cfg', 'configs/Thermal/SLOWFAST_SMALL.yaml', 'OUTPUT_DIR', sys.argv[1]]\n"
        "runpy.run_path('tools/run_net.py', run_name='__main__')"
    )
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "out"], cwd=REPOSITORY, env=environ, capture_output=True, text=True
    )
    assert result.returncode == 75
    assert result.stderr == "Interrupted: SIGINT stopped the run: the same command starts it again.\n"
