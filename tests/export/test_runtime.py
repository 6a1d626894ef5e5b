"""The folder on a machine without torch."""

import json
import os
import subprocess
import sys

import pytest

from slowfast_thermal.export import runtime
from slowfast_thermal.preparation.simulated import simulate_rooms
from tests import programs
from tests.conftest import CONFIGS

CONFIGURATION = str(CONFIGS / "SIMULATED.yaml")
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "folder"
    chosen = ["--cfg", CONFIGURATION, "--checkpoint", "SIMULATED"]
    done = programs.run("tools/export.py", *chosen, "--output", path, "EVENTS.THRESHOLD", 0.05)
    assert done.returncode == 0 and done.stdout.startswith(f"Wrote {path}"), done.stderr
    return path


def test_a_folder_raises_the_events_of_the_network_without_torch(folder, room, tmp_path):
    options = ["--source", f"replay:{room}", "--speed", 0, "--tracks", "--output"]
    command = [sys.executable, "-c", BLOCKED, folder / "run.py", *options, tmp_path / "exported", "--web", 0]
    home = tmp_path / "home"
    environment = {**os.environ, "HOME": str(home)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(list(map(str, command)), cwd=programs.ROOT, capture_output=True, text=True, env=environment)
    assert not home.exists(), "onnxruntime keeps the number there by which it reports what it does"
    assert done.returncode == 0 and "The page is at http://127.0.0.1:" in done.stdout, done.stderr
    for checkpoint, name in (("SIMULATED", "own"), (folder, "from_folder")):
        chosen = ["--cfg", CONFIGURATION, "--checkpoint", checkpoint]
        done = programs.run("tools/watch.py", *chosen, *options, tmp_path / name, "EVENTS.THRESHOLD", 0.05)
        assert done.returncode == 0, done.stderr
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
        done = programs.run("tools/predict.py", *command)
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
    done = programs.run(
        "tools/export.py", "--cfg", CONFIGURATION, "--checkpoint", folder, "--output", tmp_path / "again"
    )
    assert done.returncode == 2 and "is exported already" in done.stderr and not (tmp_path / "again").exists()
    done = programs.run("tools/export.py", "--cfg", CONFIGURATION, "--checkpoint", "SIMULATED", "--output", folder)
    assert done.returncode == 2 and "exists already" in done.stderr
