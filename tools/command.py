"""The command `slowfast-thermal`: all tools under one name, which runs them where no repository is at hand.

It imports none of them before it knows which: torch takes seconds.
"""

import argparse
import sys
import types
from importlib.metadata import version
from pathlib import Path

# The file beside this one, what is added to its arguments, and what it does.
COMMANDS = {
    "train": ("run_net.py", [], "train a detector and test it"),
    "test": ("run_net.py", ["TRAIN.ENABLE", "False"], "test a trained one: TEST.CHECKPOINT_FILE_PATH FILE"),
    "predict": ("predict.py", [], "tell what people do in recordings that nobody annotated"),
    "watch": ("watch.py", [], "watch sensors and raise events"),
    "evaluate-events": ("evaluate_events.py", [], "tell how well events are raised"),
    "export": ("export.py", [], "write a trained network as a folder that runs without torch"),
    "data": ("thermal_data.py", [], "make, check, split, import and export data sets"),
    "visualize": ("visualize.py", [], "draw annotated and predicted people"),
    "compare": ("compare.py", [], "tell by how much one run is above another"),
    "cross-validate": ("cross_validate.py", [], "train and test on each fold"),
    "learning-curve": ("learning_curve.py", [], "train on more and more keyframes"),
    "checkpoint": ("convert_checkpoint.py", [], "look into checkpoints and convert them"),
    "sweep-table": ("sweep_table.py", [], "write the table of a sweep's runs"),
}


def main() -> None:
    listing = "\n".join(f"  {name:<16} {what} ({file})" for name, (file, _, what) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="slowfast-thermal",
        description="Recognises what people do in thermal recordings.",
        epilog=f"commands (and the files of tools/, by which messages and documents name them):\n{listing}\n\n"
        "slowfast-thermal COMMAND --help tells more. "
        "Configurations are found by name: --cfg Thermal/DEMO.yaml.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"slowfast-thermal {version('slowfast_thermal')}")
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="what the command takes")
    args = parser.parse_args(sys.argv[1:] or ["--help"])
    file, added, _ = COMMANDS[args.command]
    sys.argv = [f"{parser.prog} {args.command}", *args.arguments, *added]
    run(Path(__file__).with_name(file))


def run(path: Path) -> None:
    """Runs a file as the program, which processes that it starts import again; runpy would change its name in messages."""
    program = types.ModuleType("__main__")
    program.__file__ = str(path)
    sys.modules["__main__"] = program
    exec(compile(path.read_bytes(), path, "exec"), vars(program))


if __name__ == "__main__":
    main()
