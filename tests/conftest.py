import os
from pathlib import Path

# Networks this small are no faster on several threads, and on a busy machine far slower. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import numpy as np
import pytest
import simplejson
import torch

from slowfast_thermal.config import load_config
from slowfast_thermal.evaluation import report
from slowfast_thermal.preparation.synthetic import synthesize
from slowfast_thermal.trees import forest

CONFIGS = Path(__file__).parents[1] / "configs" / "Thermal"


def pytest_addoption(parser):
    parser.addoption(
        "--device", choices=["cpu", "cuda"], help="of the tests of networks (default: a GPU, if there is one)"
    )


def pytest_collection_modifyitems(items):
    """What takes longest begins first: of two processes neither then waits for the other at the end."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")


@pytest.fixture
def on_device(request, monkeypatch):
    """What a test makes lies on the device of the run, where float32 has all its bits and sums a fixed order."""
    name = request.config.getoption("--device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        yield
        return
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    torch.set_default_device(name)
    yield
    torch.set_default_device(None)


@pytest.fixture(scope="session")
def synthetic_data(tmp_path_factory) -> Path:
    """A small synthetic data set: 4 recordings of 20x30 pixels with 24 keyframes."""
    folder = tmp_path_factory.mktemp("data") / "synthetic"
    synthesize(folder, num_recordings=4, num_keyframes=24, height=20, width=30, seed=0)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The recordings that THERMAL_DATA_DIR names."""
    if "THERMAL_DATA_DIR" not in os.environ:
        pytest.skip("THERMAL_DATA_DIR does not name a folder of real recordings")
    return Path(os.environ["THERMAL_DATA_DIR"])


@pytest.fixture
def small_config(tmp_path):
    """Gives a configuration of a small network for a data folder, with further overrides."""

    def load(data: Path, *overrides: object):
        fixed = small_overrides(data, tmp_path / "output")
        return load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), fixed + [str(value) for value in overrides])

    return load


def small_overrides(data: Path, output_dir: Path) -> list[str]:
    """Overrides of SLOWFAST_SMALL.yaml that make a step a matter of milliseconds."""
    settings = {
        "DATA.PATH_TO_DATA_DIR": data,
        "OUTPUT_DIR": output_dir,
        "THERMAL.INPUT_SIZE": "[32,48]",
        # Handmade data have the same keyframes for training and validation.
        "THERMAL.ACCEPT_PROBLEMS": "['overlap']",
        "THERMAL.BASELINES": False,
        "THERMAL.BOOTSTRAP_SAMPLES": 10,
        "RESNET.DEPTH": 14,
        "RESNET.NUM_BLOCK_TEMP_KERNEL": "[[1,1],[1,1],[1,1],[1,1]]",
        "RESNET.WIDTH_PER_GROUP": 8,
        "TRAIN.BATCH_SIZE": 4,
        "TRAIN.MIXED_PRECISION": False,
        "TEST.BATCH_SIZE": 4,
        "SOLVER.MAX_EPOCH": 2,
        "SOLVER.EPOCH_ITERS": 0,
        "TRAIN.EVAL_PERIOD": 1,
        "TRAIN.CHECKPOINT_PERIOD": 1,
    }
    return [str(part) for pair in settings.items() for part in pair]


@pytest.fixture
def quick_tests(monkeypatch):
    """Tests of few trees and of reports with few pictures, where many are made in this process."""
    monkeypatch.setattr(forest, "NUM_TREES", 20)
    monkeypatch.setattr(report, "_NUM_MISTAKES", 1)


@pytest.fixture
def handmade_data(tmp_path):
    """Two recordings of 100 frames of 8x12 pixels and keyframes that a test may change before `write()`."""

    class HandmadeData:
        folder = tmp_path / "handmade"

        def __init__(self):
            rng = np.random.default_rng(0)
            self.frames = {name: rng.uniform(15, 30, (100, 8, 12)).astype(np.float32) for name in ("A", "B")}
            self.timestamps = {name: 1000 + 150 * np.arange(100) for name in self.frames}
            self.document = {
                "images": [
                    {
                        "id": f"{name}_{i}",
                        "sensor_id": name,
                        "timestamp": 1000 + 150 * i,
                        "width": 12,
                        "height": 8,
                        "frame_idx": i,
                    }
                    for name in self.frames
                    for i in (40, 50)
                ],
                "annotations": [
                    {"image_id": f"{name}_{i}", "bbox": [0.5, 0.5, 0.25, 0.5], "category_id": (i // 10) % 2}
                    for name in self.frames
                    for i in (40, 50)
                ],
                "categories": [{"id": 0, "name": "standing"}, {"id": 1, "name": "lying"}],
            }

        def write(self) -> Path:
            (self.folder / "frames").mkdir(parents=True)
            for name, frames in self.frames.items():
                with h5py.File(self.folder / "frames" / f"{name}.h5", "w") as file:
                    file["frames"] = frames
                    file["timestamps"] = self.timestamps[name]
            (self.folder / "annotations").mkdir()
            for split in ("train", "val"):
                (self.folder / "annotations" / f"{split}.json").write_text(simplejson.dumps(self.document))
            return self.folder

    return HandmadeData()


@pytest.fixture
def people_in_room_a(handmade_data):
    """Two people walk through room A, of whom one is annotated; one is annotated in room B, which is empty."""
    rng = np.random.default_rng(0)
    frames = {name: 18 + rng.normal(0, 0.1, (100, 40, 60)).astype(np.float32) for name in ("A", "B")}
    for k, frame in enumerate(frames["A"]):
        left = k // 2
        frame[4:16, left : left + 8] += 6
        frame[24:36, 50 - left : 58 - left] += 6
    handmade_data.frames = frames
    for image, annotation in zip(handmade_data.document["images"], handmade_data.document["annotations"]):
        image |= {"width": 60, "height": 40}
        annotation["bbox"] = [(image["frame_idx"] // 2 + 4) / 60, 10 / 40, 8 / 60, 12 / 40]
    return handmade_data
