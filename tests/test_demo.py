"""The demo, as `make demo` runs it, against what can be had without looking at movement."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.conftest import CONFIGS
from tests.preparation.test_synthetic import one_frame, read_boxes

TOOLS = Path(__file__).parents[1] / "tools"


def run_tool(name, *arguments):
    command = [sys.executable, "-W", "ignore", str(TOOLS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_is_far_better_than_single_frames_and_label_frequencies(tmp_path):
    data, output = tmp_path / "data", tmp_path / "run"
    run_tool("thermal_data.py", "synthesize", data)
    settings = ["DATA.PATH_TO_DATA_DIR", data, "OUTPUT_DIR", output]
    run_tool("run_net.py", "--cfg", CONFIGS / "DEMO.yaml", *settings)
    demo = json.loads((output / "test_metrics.json").read_text())["mAP"]

    train, val = read_boxes(data, "train"), read_boxes(data, "val")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(np.stack([one_frame(box) for box in train]), [box.label for box in train])
    probabilities = model.predict_proba(np.stack([one_frame(box) for box in val]))
    labels = np.array([box.label for box in val])
    single_frame = np.mean(
        [average_precision_score(labels == name, p) for name, p in zip(model.classes_, probabilities.T)]
    )
    label_frequency = np.mean([(labels == name).mean() for name in model.classes_])

    print(f"mAP of the demo {demo:.3f}, single frame {single_frame:.3f}, label frequency {label_frequency:.3f}")
    assert demo > single_frame + 0.15
    assert demo > label_frequency + 0.5
