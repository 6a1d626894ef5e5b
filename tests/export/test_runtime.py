"""The folder on a machine without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slowfast_thermal.export import runtime
from slowfast_thermal.preparation.simulated import simulate_rooms

ROOT = Path(__file__).parents[2]
CONFIGURATION = str(ROOT / "configs" / "Thermal" / "SIMULATED.yaml")
# Runs a program as if the forbidden modules were not installed.
BLOCKED = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({sorted(runtime.FORBIDDEN)!r}))
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    root = tmp_path_factory.mktemp("room") / "data"
    simulate_rooms(root, num_rooms=2, num_keyframes=10, seed=3)
    return root / "frames" / "SIM001_R1.h5"


def call(*command):
    return subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "folder"
    done = call(
        "tools/export.py",
        "--cfg",
        CONFIGURATION,
        "--checkpoint",
        "SIMULATED",
        "--output",
        path,
        "EVENTS.THRESHOLD",
        0.05,
    )
    assert done.returncode == 0 and done.stdout.startswith(f"Wrote {path}"), done.stderr
    return path


def test_a_folder_raises_the_events_of_the_network_without_torch(folder, room, tmp_path):
    options = ["--source", f"replay:{room}", "--speed", 0, "--tracks", "--output"]
    done = call("-c", BLOCKED, folder / "run.py", *options, tmp_path / "exported", "--web", 0)
    assert done.returncode == 0 and "The page is at http://127.0.0.1:" in done.stdout, done.stderr
    chosen = ["--cfg", CONFIGURATION, "--checkpoint"]
    assert (
        call("tools/watch.py", *chosen, "SIMULATED", *options, tmp_path / "own", "EVENTS.THRESHOLD", 0.05).returncode
        == 0
    )
    assert (
        call("tools/watch.py", *chosen, folder, *options, tmp_path / "from_folder", "EVENTS.THRESHOLD", 0.05).returncode
        == 0
    )
    expected = (tmp_path / "own" / "events.jsonl").read_text()
    assert expected.count('"new"') >= 1
    for name in ("exported", "from_folder"):
        assert_similar((tmp_path / name / "events.jsonl").read_text(), expected)


def assert_similar(found, expected):
    """The same events; of a score the last digit may differ."""
    for line, other in zip(found.splitlines(), expected.splitlines(), strict=True):
        line, other = json.loads(line), json.loads(other)
        assert line.pop("score") == pytest.approx(other.pop("score"), abs=2e-6)
        assert line == other


def test_a_prediction_takes_a_folder_for_a_checkpoint(folder, room, tmp_path):
    for name, checkpoint in (("own", "SIMULATED"), ("exported", folder)):
        command = ["--cfg", CONFIGURATION, "--checkpoint", checkpoint, "--output", tmp_path / name, room]
        done = call("tools/predict.py", *command)
        assert done.returncode == 0, done.stderr
    own, exported = ((tmp_path / name / "tracks.jsonl").read_text().splitlines() for name in ("own", "exported"))
    assert len(own) > 5
    for line, other in zip(own, exported, strict=True):
        line, other = json.loads(line), json.loads(other)
        assert line.pop("scores") == pytest.approx(other.pop("scores"), abs=1e-5)
        assert line == other


def test_what_goes_along_needs_no_torch_and_what_would_is_noticed(tmp_path):
    assert {"live.watch", "export.session", "people.blobs", "trees.forest"} <= runtime.needed_modules().keys()
    (tmp_path / "bad.py").write_text("import torch.nn as nn\n")
    with pytest.raises(AssertionError, match="imports {'torch'}"):
        runtime._imports(tmp_path / "bad.py")


def test_an_exported_folder_is_not_exported_again(folder, tmp_path):
    done = call("tools/export.py", "--cfg", CONFIGURATION, "--checkpoint", folder, "--output", tmp_path / "again")
    assert done.returncode == 2 and "is exported already" in done.stderr and not (tmp_path / "again").exists()
    done = call("tools/export.py", "--cfg", CONFIGURATION, "--checkpoint", "SIMULATED", "--output", folder)
    assert done.returncode == 2 and "exists already" in done.stderr
