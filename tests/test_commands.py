"""The command `slowfast-thermal` of the package as `pip install .` leaves it, in a folder that knows no repository."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.programs import ROOT
from tools import command as command_module

VERSION = re.search(r'version="([\d.]+)"', (ROOT / "setup.py").read_text())[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with what is installed, built from a copy so that nothing is left in the repository."""
    pytest.importorskip("setuptools", "61", reason="needs setuptools, to build the package")
    copy, target = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("installed")
    shutil.copy(ROOT / "setup.py", copy)
    for name in ("slowfast_thermal", "tools", "configs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, copy], check=True, stdin=subprocess.DEVNULL)
    shutil.rmtree(copy)
    return target


@pytest.fixture
def command(installed, tmp_path):
    """Runs slowfast-thermal with arguments in an empty folder and returns what it printed."""

    def run(*arguments, code=0):
        done = subprocess.run(
            [installed / "bin" / "slowfast-thermal", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


def test_configurations_weights_and_pages_are_installed(installed):
    package = installed / "slowfast_thermal"
    sources = {path.relative_to(ROOT) for path in (ROOT / "slowfast_thermal").rglob("*") if path.is_file()}
    wanted = {path for path in sources if "__pycache__" not in path.parts}
    assert {path for path in wanted if not (installed / path).is_file()} == set()
    assert {path.name for path in (package / "configs" / "Thermal").glob("*.yaml")} == {
        path.name for path in (ROOT / "configs" / "Thermal").glob("*.yaml")
    }


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_are_there_at_once(command, option):
    seconds = []
    for _ in range(3):
        start = time.process_time() + sum(os.times()[2:4])
        printed = command(option)
        seconds.append(time.process_time() + sum(os.times()[2:4]) - start)
    assert (printed == f"slowfast-thermal {VERSION}\n") if option == "--version" else ("evaluate-events" in printed)
    assert min(seconds) < 0.5


def test_without_a_command_the_help_is_told(command):
    assert command() == command("--help")


def test_every_tool_is_a_command():
    tools = {path.name for path in (ROOT / "tools").glob("*.py")} - {"__init__.py", "command.py"}
    # What it measures it measures in a repository.
    assert {file for file, _, _ in command_module.COMMANDS.values()} == tools - {"benchmark.py"}


def test_shipped_configurations_and_weights_are_found_by_name(command, tmp_path, synthetic_data):
    recording = synthetic_data / "frames" / "SYN_R01.h5"
    told = command(
        "predict", "--cfg", "Thermal/SIMULATED.yaml", "--checkpoint", "SIMULATED", "--output", "mine", recording
    )
    assert "Wrote mine/tracks.jsonl" in told and (tmp_path / "mine" / "predictions.csv").is_file()


def test_a_test_is_a_run_without_training(monkeypatch):
    seen = []
    monkeypatch.setattr(command_module, "run", lambda path: seen.append((path.name, sys.argv)))
    for name in ("train", "test"):
        monkeypatch.setattr(sys, "argv", ["slowfast-thermal", name, "--cfg", "a.yaml", "NUM_GPUS", "0"])
        command_module.main()
    arguments = ["--cfg", "a.yaml", "NUM_GPUS", "0"]
    assert seen == [
        ("run_net.py", ["slowfast-thermal train", *arguments]),
        ("run_net.py", ["slowfast-thermal test", *arguments, "TRAIN.ENABLE", "False"]),
    ]


def test_an_unknown_command_is_told_with_those_that_there_are(command):
    assert "invalid choice: 'trian' (choose from" in command("trian", code=2)


def test_the_version_is_the_same_everywhere():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]
    changed = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert (cited, changed) == (VERSION, VERSION)
