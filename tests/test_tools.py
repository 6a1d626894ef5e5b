import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.checks import Report
from slowfast_thermal.preparation.findings import Finding
from tools import thermal_data, visualize

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


def test_every_script_can_be_started_by_its_name():
    scripts = [*ROOT.glob("tools/*.py"), *ROOT.glob("projects/*/*.py"), *ROOT.glob("projects/*/*.sh")]
    assert [path.name for path in scripts if path.read_text().startswith("#!") and not os.access(path, os.X_OK)] == []


def test_overrides_may_stand_in_several_places(monkeypatch):
    options = ["--mistakes", "2", "--output", "x.png"]
    command = ["visualize.py", "--cfg", "x.yaml", "NUM_GPUS", "0", *options, "THERMAL.UNIT", "kelvin"]
    monkeypatch.setattr(sys, "argv", command)
    assert visualize.parse_args().overrides == ["NUM_GPUS", "0", "THERMAL.UNIT", "kelvin"]


@pytest.mark.parametrize(
    "command, message",
    [
        (
            ["cross_validate.py", "--cfg", "x.yaml", "--folds", "x", "--seeds", "0"],
            "--seeds: '0' is no whole number from ",
        ),
        (["learning_curve.py", "--cfg", "x.yaml", "--size", "0"], "--size: '0' is no whole number from "),
        (["compare.py", "a", "b", "--samples", "-5"], "--samples: '-5' is no whole number from "),
        (["thermal_data.py", "split", "x", "y", "--seed", "-1"], "--seed: '-1' is no whole number from "),
        (["predict.py", "--cfg", "x.yaml", "--every", "0"], "--every: '0' is no positive number of seconds"),
        (["watch.py", "--cfg", "x.yaml", "--every", "inf"], "--every: 'inf' is no positive number of seconds"),
    ],
)
def test_a_number_of_nothing_is_refused(command, message):
    done = subprocess.run(
        [sys.executable, f"tools/{command[0]}", *command[1:]], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2 and f"argument {message}" in done.stderr


@pytest.mark.parametrize(
    "options, message",
    [
        (["--prior", "corner"], "--prior is of simulated rooms"),
        (["--rooms", "2", "--recordings", "2"], "--recordings counts those of scripted figures"),
        (["--continuous", "0.1", "--keyframes", "3"], "--continuous annotates a keyframe a minute"),
    ],
)
def test_options_of_another_kind_of_synthetic_data_are_refused(tmp_path, monkeypatch, options, message):
    monkeypatch.setattr(sys, "argv", ["thermal_data.py", "synthesize", str(tmp_path / "data"), *options])
    with pytest.raises(InputError, match=message):
        thermal_data.run_synthesize(thermal_data.parse_args())
    assert not (tmp_path / "data").exists()


def test_an_override_without_a_value_is_named(synthetic_data, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["thermal_data.py", "validate", str(synthetic_data), "THERMAL.UNIT"])
    with pytest.raises(SystemExit, match="2"):
        thermal_data.main()
    assert "'THERMAL.UNIT' has no value" in capsys.readouterr().err


def test_ctrl_c_ends_a_command_with_a_sentence(monkeypatch, capsys):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setitem(thermal_data.COMMANDS, "validate", interrupted)
    monkeypatch.setattr(sys, "argv", ["thermal_data.py", "validate", "x"])
    with pytest.raises(SystemExit, match="130"):
        thermal_data.main()
    assert capsys.readouterr().err == "Interrupted: Ctrl-C ended the command.\n"


def test_many_findings_of_a_kind_are_cut_short(capsys):
    findings = [Finding("warning", "boxes", f"image {number} has no box") for number in range(30)]
    thermal_data.print_report(Report({"train": 30, "val": 0}, 1, findings, []))
    lines = capsys.readouterr().out.splitlines()
    assert "  boxes (30)" in lines and "    image 19 has no box" in lines
    assert "    image 20 has no box" not in lines and "    and 10 more, which --json lists" in lines


def test_a_data_set_without_validation_keyframes_is_split(handmade_data, tmp_path, monkeypatch, capsys):
    folder = handmade_data.write()
    (folder / "annotations" / "val.json").unlink()
    command = ["thermal_data.py", "split", str(folder), str(tmp_path / "new"), "--by", "recording"]
    monkeypatch.setattr(sys, "argv", command)
    thermal_data.run_split(thermal_data.parse_args())
    parts = [json.loads((tmp_path / "new" / f"{part}.json").read_text())["images"] for part in ("train", "val")]
    assert len(parts[0]) + len(parts[1]) == len(handmade_data.document["images"]) and all(parts)
    assert capsys.readouterr().out.endswith(f"Wrote {tmp_path / 'new'}\n")
