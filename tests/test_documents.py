"""The commands and the Python of README.md, docs/ and each tool's --help, run in a folder with a small data set.

Whatever stands four spaces to the right is run, unless NOT_RUN says why not. What trains is slow.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.errors import BAD_INPUT
from slowfast_thermal.preparation.simulated import simulate_rooms
from slowfast_thermal.pyslowfast import build_model
from tests import programs
from tests.pages import PAGES, Block, blocks_of, text_of

A_FILE, WHAT_COMES, SERVER = (
    "shows what a file holds",
    "shows what a command prints",
    "waits for sensors and never ends",
)
INSTALLS = "installs packages from the network"
# Blocks that are not run, by their first line.
NOT_RUN = {
    "make demo ": "tests/test_demo.py runs it, without the installation",
    "python3 -m venv": INSTALLS,
    "pip install": INSTALLS,
    "my_data/": A_FILE,
    "2 warnings": WHAT_COMES,
    '{"data_id"': A_FILE,
    '{"type"': A_FILE,
    '{"recordings"': A_FILE,
    "EVENTS:": A_FILE,
    "# configs/Thermal/MINE.yaml": A_FILE,
    "mAP     t5": WHAT_COMES,
    "useradd": "needs root, and changes the machine",
    "[Unit]": "is a service of systemd",
    "FROM python": "is a Dockerfile",
    "tools/watch.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --source replay:NAME.h5": SERVER,
    "import json, socket": "talks to a watch, which never ends; tests/live/ does so",
    "tools/run_net.py --cfg FILE NUM_GPUS 8 ": "needs GPUs, several machines or SLURM",
    "tools/watch.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --source tcp": SERVER,
    "tools/run_net.py --cfg configs/Thermal/SIMULATED.yaml DATA.PATH_TO_DATA_DIR my_data MODEL.NUM_CLASSES 2": "is for data "
    "of two classes; tests/simulation/test_dataset.py has such",
    "tools/benchmark.py all": "measures for many minutes",
}
# Blocks that train, need what was trained, draw all of a recording or follow it for long: run with `-m slow`.
SLOW = (
    "tools/run_net.py",
    "tools/compare.py",
    "tools/cross_validate.py",
    "tools/learning_curve.py",
    "doubts ",
    "--mistakes",
    "--video",
    "--recording ",
    "my_hours/frames",
)
# What is added to a command so that it ends soon: the last of two values counts.
SHORTER = {
    r"tools/run_net.py": "THERMAL.INPUT_SIZE [32,48] TRAIN.BATCH_SIZE 2 TEST.BATCH_SIZE 8 SOLVER.EPOCH_ITERS 1 NUM_GPUS 0 "
    "THERMAL.BOOTSTRAP_SAMPLES 10 TRAIN.MIXED_PRECISION False DATA_LOADER.NUM_WORKERS 0 TRAIN.EVAL_PERIOD 100",
    r"run_net.*(PEOPLE|PERSON|SIMULATED.yaml DATA)": "THERMAL.INPUT_SIZE [48,48]",
    r"synthesize \S+ .*--continuous": "--rooms 2 --continuous 0.1",
    r"synthesize my_rooms": "--keyframes 40",
    r"synthesize output/rooms": "--keyframes 8",
    r"my_hours/frames": "--every 10",
    r"--seeds 3": "--seeds 1 THERMAL.BOOTSTRAP_SAMPLES 10 TRAIN.BATCH_SIZE 1",
}


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = [block for block in BLOCKS if not block.text.startswith(tuple(NOT_RUN))]
# A block that stands on several pages is run once.
FIRST = {block.text: block for block in reversed(RUN)}
COMMANDS = [block for block in RUN if not block.is_python and FIRST[block.text] == block]


def is_slow(block: Block) -> bool:
    return any(word in block.text for word in SLOW)


def rename_recording(folder: Path, old: str, new: str) -> None:
    (folder / "frames" / f"{old}.h5").rename(folder / "frames" / f"{new}.h5")
    for path in folder.glob("annotations/*.json"):
        path.write_text(path.read_text().replace(old, new))


def write_raw(folder: Path) -> None:
    """The annotations of my_data as the raw ones that are converted to the same."""
    data = folder / "my_data"
    parts = [json.loads((data / "annotations" / f"{part}.json").read_text()) for part in ("train", "val")]
    names = {category["id"]: category["name"] for category in parts[0]["categories"]}
    (folder / "classes.json").write_text(json.dumps(list(names.values())))
    (data / "raw").mkdir()
    with open(data / "raw" / "all.jsonl", "w") as file:
        for part in parts:
            for image in part["images"]:
                people = [
                    {
                        "category": "person",
                        "subcategory": names[a["category_id"]],
                        "bbox": a["bbox"],
                        "object_id": number,
                    }
                    for number, a in enumerate(part["annotations"])
                    if a["image_id"] == image["id"]
                ]
                record = {"data_id": image["sensor_id"], "data_time": image["timestamp"], "annotations": people}
                file.write(json.dumps(record) + "\n")
    shutil.rmtree(data / "annotations")


def write_clips(folder: Path) -> None:
    """Clips of events, as a watch leaves them: those of my_data, with one that is named ID."""
    clips = folder / "output" / "clips"
    shutil.copytree(folder / "my_data", clips)
    shutil.move(clips / "annotations" / "val.json", clips / "annotations" / "events.json")
    rename_recording(clips, json.loads((clips / "annotations/events.json").read_text())["images"][0]["sensor_id"], "ID")


def write_array(folder: Path) -> None:
    np.save(folder / "ours.npy", np.full((20, 24, 32), 21.5, np.float32))


def write_tasks(folder: Path) -> None:
    run(folder, "tools/thermal_data.py export-annotations cvat my_data exported")
    (folder / "tasks").mkdir()
    for path in folder.glob("exported/*.xml"):
        shutil.copy(path, folder / "tasks")
    shutil.rmtree(folder / "my_data" / "annotations")


def write_configuration(folder: Path) -> None:
    (folder / "my_config.yaml").write_text("_BASE_: Thermal/Base.yaml\n")


def run(folder: Path, *commands: str) -> None:
    for command in commands:
        words = shlex.split(command.replace("$PWD", str(folder)), comments=True)
        assert re.fullmatch(r"tools/\w+\.py", words[0]), f"'{command}' is no tool: list it in NOT_RUN with the reason"
        for pattern, added in SHORTER.items():
            if re.search(pattern, command):
                words += added.split()
        done = programs.run(*words, folder=folder)
        assert done.returncode == CODES.get(command, 0), (
            f"{' '.join(words)}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
        )


def write_weights(name: str, configuration: str) -> Callable[[Path], None]:
    """Writes the weights of a network as PySlowFast does."""

    def write(folder: Path) -> None:
        overrides = ["DATA.PATH_TO_DATA_DIR", str(folder / "my_data"), "NUM_GPUS", "0", "THERMAL.INPUT_SIZE", "[32,48]"]
        network = build_model(load_config(configuration, overrides), torch.device("cpu"))
        torch.save({"model_state": network.state_dict()}, folder / name)

    return write


def commands(*lines: str) -> Callable[[Path], None]:
    return lambda folder: run(folder, *lines)


# Commands that do not end with 0, as the page says: the file that is named twice has its keyframes in both parts.
CODES = {
    "tools/thermal_data.py validate output/clips --train annotations/events.json --val annotations/events.json": BAD_INPUT
}
TREES = "tools/run_net.py --cfg configs/Thermal/TREES.yaml DATA.PATH_TO_DATA_DIR my_data"
# What a page's reader has when a block comes, by the page and the block's first words.
BEFORE = {
    ("docs/data.md", "tools/thermal_data.py validate my_data --cfg my_config"): write_configuration,
    ("docs/data.md", "tools/thermal_data.py convert"): write_raw,
    ("docs/import.md", "tools/thermal_data.py import-recordings"): write_array,
    ("docs/import.md", "tools/thermal_data.py import-annotations"): write_tasks,
    ("docs/live.md", "tools/thermal_data.py validate output/clips"): write_clips,
    ("docs/live.md", "tools/predict.py"): commands(
        "tools/thermal_data.py synthesize my_hours --rooms 2 --continuous 0.1"
    ),
    ("docs/training.md", "tools/run_net.py --cfg configs/Thermal/SLOWFAST_4x16_R50.yaml"): write_weights(
        "weights.pyth", "Thermal/SLOWFAST_4x16_R50.yaml"
    ),
    ("docs/results.md", "tools/visualize.py"): commands(
        "tools/thermal_data.py synthesize output/demo/data --recordings 4 --keyframes 24",
        "tools/run_net.py --cfg Thermal/DEMO.yaml DATA.PATH_TO_DATA_DIR output/demo/data",
    ),
    ("docs/results.md", "tools/compare.py"): commands(
        "tools/run_net.py --cfg Thermal/PEOPLE_SMALL.yaml DATA.PATH_TO_DATA_DIR my_data OUTPUT_DIR output/a",
        f"{TREES} OUTPUT_DIR output/b",
    ),
    ("docs/results.md", "tools/cross_validate.py"): commands(
        "tools/thermal_data.py split my_data folds --by session --folds 2"
    ),
    ("tools/visualize.py", "tools/visualize.py --cfg configs/Thermal/TREES.yaml"): commands(TREES),
    ("docs/weights.md", "tools/convert_checkpoint.py"): write_weights("FILE", "Thermal/SLOWFAST_SMALL.yaml"),
}
# The names that a page's Python takes as given.
GIVEN = {
    "README.md": "from given import frames, timestamps",
    "docs/python.md": "from given import slow, fast, boxes",
}
GIVEN_FILE = """
import numpy as np
from slowfast_thermal.preparation.settings import DataSettings
recording = DataSettings.default().open("my_data/frames/HALL_R1.h5")
frames = recording.read(np.arange(60)).numpy()
timestamps = recording.timestamps[:60]
fast, slow = (np.full((1, 2, number, 48, 48), 20, np.float32) for number in (16, 4))
boxes = np.array([[0, 0.2, 0.2, 0.8, 0.8]], np.float32)
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Iterator[Path]:
    """A folder with my_data: rooms of two sessions, in which a frame of HALL_R1 is damaged."""
    folder = tmp_path_factory.mktemp("given")
    data = folder / "my_data"
    simulate_rooms(data, num_rooms=3, num_keyframes=24, val_fraction=0.3, seed=5)
    rename_recording(data, "SIM003_R1", "HALL_R1")
    with h5py.File(data / "frames" / "HALL_R1.h5", "r+") as file:
        file["frames"][20] = file["frames"][19]
    for path in data.glob("frames/*.h5"):
        with h5py.File(path, "r+") as file:
            file["frames"].attrs["unit"] = "celsius"
    (folder / "given.py").write_text(GIVEN_FILE)
    # joblib's processes would outlive a forked program for minutes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        yield folder


class Reader:
    """Someone who reads a page from the top and runs what stands there, each block once."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._done: dict[Block, Exception | None] = {}

    def run(self, block: Block) -> None:
        earlier = [b for b in COMMANDS if b.page == block.page and b.line < block.line and not is_slow(b)]
        for each in [*earlier, block]:
            if each not in self._done:
                self._done[each] = self._try(each)
        if self._done[block]:
            raise self._done[block]

    def _try(self, block: Block) -> AssertionError | None:
        try:
            for (page, first), prepare in BEFORE.items():
                if page == block.page and block.text.startswith(first):
                    prepare(self.folder)
            run(self.folder, *block.commands)
        except AssertionError as error:
            return error


@pytest.fixture(scope="module")
def reader(given, tmp_path_factory) -> Callable[[str], Reader]:
    readers = {}

    def of(page: str) -> Reader:
        if page not in readers:
            readers[page] = Reader(shutil.copytree(given, tmp_path_factory.mktemp("pages") / Path(page).name))
        return readers[page]

    return of


@pytest.mark.parametrize(
    "block",
    [pytest.param(b, id=f"{b.page}:{b.line}", marks=[pytest.mark.slow] if is_slow(b) else []) for b in COMMANDS],
)
def test_the_commands_of_a_page_run(block, reader):
    reader(block.page).run(block)


@pytest.mark.parametrize("page", sorted({block.page for block in RUN if block.is_python}))
def test_the_python_of_a_page_runs_from_top_to_bottom(page, reader):
    folder = reader(page).folder
    if page == "docs/python.md":
        reader(page).run(next(block for block in COMMANDS if block.page == page))
        reader("docs/deploy.md").run(next(block for block in COMMANDS if block.page == "docs/deploy.md"))
        shutil.copytree(reader("docs/deploy.md").folder / "deployed", folder / "deployed")
    # A traceback gives the line of the page.
    lines = [""] * len(text_of(page).splitlines())
    lines[0] = GIVEN.get(page, "")
    for block in RUN:
        if block.page == page and block.is_python:
            text = block.text.splitlines()
            lines[block.line - 1 : block.line - 1 + len(text)] = text
    (folder / f"{PAGES[page].stem}_page.py").write_text("\n".join(lines))
    done = programs.run(folder / f"{PAGES[page].stem}_page.py", folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]


def test_every_block_that_is_not_run_is_there():
    assert [first for first in NOT_RUN if not any(block.text.startswith(first) for block in BLOCKS)] == []
    places = [place for place in BEFORE if not any((b.page, b.text[: len(place[1])]) == place for b in RUN)]
    assert places == []
