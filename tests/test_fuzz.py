"""Whatever a user gives ends in success, or in an InputError whose sentence names a file or a key.

Each kind of input is tried for its share of FUZZ_SECONDS, 15 by default; with `-s` the number of examples is printed.
"""

import copy
import json
import logging
import os
import re
import signal
import time
from contextlib import contextmanager

import hypothesis
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from slowfast_thermal.checkpoint.training_state import read_checkpoint, resume, save_checkpoint
from slowfast_thermal.config import load_config
from slowfast_thermal.config_values import leaves
from slowfast_thermal.datasets import Thermal
from slowfast_thermal.datasets.annotations import load_annotations
from slowfast_thermal.datasets.detections import load_detections
from slowfast_thermal.engine.launch import check_run
from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.ava_files import export_ava_files
from slowfast_thermal.evaluation.metrics import DetectionMeter
from slowfast_thermal.preparation.checks import validate
from slowfast_thermal.pyslowfast import MODEL_REGISTRY, construct_optimizer, get_cfg, get_epoch_lr
from tests.checkpoint.test_training_state import new_state, train_step
from tests.conftest import CONFIGS

SECONDS = float(os.environ.get("FUZZ_SECONDS", 15))
# Seconds that an example may take; on a machine with other work they are long.
LONGEST = 30

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", '"', "\0", "\n", "\x85", "\u2029", "\ud800", "a,b", "%s", "..", "/", "*", "[", "x" * 300]
    ),
    st.sampled_from(
        ["nan", "inf", "None", "True", "1e999", "{}", "[]", "[[]]", "0x" + "f" * 5000, "[" * 300, "1_0", "()"]
    ),
)
NUMBERS = st.one_of(
    st.integers(-3, 70),
    st.sampled_from([2**31, 2**53, 2**63, 2**64, 10**30, 10**400, -(2**63)]),
    st.floats(),
    st.floats(-1, 2),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=5,
)


@contextmanager
def two_endings(*names):
    """Lets pass an InputError whose message has one of the names, or a configuration's key, and nothing else."""

    def stop(_number, _frame):
        raise AssertionError(f"an example took more than {LONGEST} s")

    earlier = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    except InputError as error:
        message = str(error)
        assert message.endswith((".", "?")) and len(message) < 5000, message
        assert any(name in message for name in names) or re.search(r"\b[A-Z]+[._][A-Z0-9_.]+\b", message), message
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


def try_for(share, check, **strategies):
    """Runs `check` with examples for a share of the time."""
    end, rounds, examples = time.monotonic() + share * SECONDS, 0, 0

    def counted(**values):
        nonlocal examples
        examples += 1
        check(**values)

    wrapped = hypothesis.given(**strategies)(counted)
    wrapped = settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))(wrapped)
    while time.monotonic() < end:
        hypothesis.seed(rounds)(wrapped)()
        rounds += 1
    print(f"{check.__name__}: {examples} examples")


def places(tree):
    """(container, key) of everything inside nested lists and mappings."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from places(value)


@st.composite
def changed(draw, tree, values=VALUES):
    """A copy of nested lists and mappings in which a few things are others, gone, or there twice."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(tree))
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        change = draw(st.sampled_from(["value", "value", "value", "remove", "repeat", "swap"]))
        if change == "value":
            container[key] = draw(values)
        elif change == "remove":
            del container[key]
        elif change == "repeat" and isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        else:
            other, other_key = draw(st.sampled_from(found))
            container[key] = copy.deepcopy(other[other_key]) if other_key in keys_of(other) else None
    return tree


def keys_of(container):
    return container.keys() if isinstance(container, dict) else range(len(container))


@st.composite
def damaged(draw, text):
    """Text with a few parts cut out, written twice, or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(start + draw(st.integers(0, 12)), len(text))
        text = text[:start] + draw(st.one_of(TEXTS, st.just(text[start:end] * 2))) + text[end:]
    return text


def write(path, text):
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    """Keeps what an example writes in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.root, "handlers", [])


def test_annotations(handmade_data, small_config):
    for image in handmade_data.document["images"]:
        image["objects"] = [{"bbox": [0.2, 0.5, 0.2, 0.4], "score": 0.5}]
    for place, annotation in enumerate(handmade_data.document["annotations"]):
        annotation["object_id"] = place
    folder = handmade_data.write()
    path = folder / "annotations" / "train.json"
    cfg = small_config(folder, "MODEL.NUM_CLASSES", 2, "TEST.ENABLE", False)
    cfg.THERMAL.TEST_ANNOTATIONS = ["annotations/train.json"]

    def annotations(text):
        write(path, text)
        with two_endings("train.json"):
            load_annotations([path])
        with two_endings("train.json", ".h5"):
            dataset = Thermal(cfg, "test")
            export_ava_files(dataset, folder / "ava", cfg)
            meter = DetectionMeter(1, cfg, "test")
            _, labels, _, extra = dataset[0][0], dataset[0][1], None, dataset[0][-1]
            boxes = torch.from_numpy(extra["ori_boxes"])
            rows = torch.cat([torch.zeros(len(boxes), 1), boxes], 1)
            meter.update_stats(torch.from_numpy(labels), rows, torch.tensor(extra["metadata"]))
            meter.finalize_metrics(log=False)
        with two_endings("train.json", ".h5"):
            validate(folder, ["annotations/train.json"], ["annotations/val.json"])

    document = changed(handmade_data.document).map(json.dumps)
    try_for(0.25, annotations, text=st.one_of(document, document, damaged(json.dumps(handmade_data.document))))


def test_detections(handmade_data, tmp_path):
    keyframes = load_annotations([handmade_data.write() / "annotations" / "val.json"]).keyframes

    def detections(case):
        name, text = case
        write(tmp_path / name, text)
        with two_endings(name):
            load_detections(tmp_path / name, keyframes, {"A": (8, 12), "B": (8, 12)}, 0.5)

    lines = "".join(f"{name},{1000 + 150 * i},0.1,0.1,0.6,0.8,,0.9\n" for name in ("A", "B") for i in (40, 50))
    records = [{"image_id": f"{name}_40", "bbox": [1, 1, 6, 5], "score": 0.9} for name in ("A", "B")]
    results = changed(records).map(json.dumps)
    files = st.one_of(
        st.tuples(st.just("people.csv"), damaged(lines)),
        st.tuples(st.just("people.json"), st.one_of(results, damaged(json.dumps(records)))),
    )
    try_for(0.1, detections, case=files)


def use(cfg, runs):
    """What a run does with a configuration before its first step, without memory for a network."""
    rates = [get_epoch_lr(cfg.SOLVER.MAX_EPOCH * part, cfg) for part in (0.0, 0.3, 0.999)]
    assert all(isinstance(rate, (int, float)) and rate >= 0 for rate in rates), rates
    if cfg.OUTPUT_DIR == runs:
        check_run(cfg)
    if not cfg.SPEED.COMPILE:
        with torch.device("meta"):
            model = MODEL_REGISTRY.get(cfg.MODEL.MODEL_NAME)(cfg)
        construct_optimizer(model, cfg)


@pytest.fixture
def overrides(handmade_data):
    settings = (
        "MODEL.NUM_CLASSES 2 TRAIN.BATCH_SIZE 2 RESNET.WIDTH_PER_GROUP 8 THERMAL.INPUT_SIZE [32,48] OUTPUT_DIR runs"
    )
    return ["DATA.PATH_TO_DATA_DIR", str(handmade_data.write()), *settings.split()]


def test_overrides(overrides):
    def command_line(given):
        words = [word for name, value in given for word in (name, value)]
        with two_endings("command line"):
            use(load_config(str(CONFIGS / "SLOWFAST_SMALL.yaml"), overrides + words), "runs")

    keys = leaves(get_cfg())
    own = [
        key
        for key in keys
        if key.startswith(("THERMAL", "IA", "SPEED", "SOLVER", "SLOWFAST", "RESNET", "DATA.", "NUM_"))
    ]
    values = st.one_of(VALUES.map(str), TEXTS, st.sampled_from([str(value) for value in keys.values()]))
    given = st.tuples(st.one_of(st.sampled_from(own), st.sampled_from(list(keys)), TEXTS), values)
    try_for(0.25, command_line, given=st.lists(given, min_size=1, max_size=3))


def test_yaml(overrides, tmp_path):
    text = (CONFIGS / "Base.yaml").read_text() + "IA: {ENABLE: False, BLOCKS: [P, &x M]}\n"
    extra = ["a: &a [*a]\n", "a: *x\n", "<<: *x\n", "_BASE_: mine.yaml\n", "_BASE_: [3]\n", "? [1]\n: 2\n", "--- 1\n"]
    extra += [
        "- 1\n",
        "TRAIN: 1\n",
        "1: 2\n",
        "NUM_GPUS: !!python/none x\n",
        "LOG_PERIOD: !!int ''\n",
        "\t",
        "%YAML 9\n",
    ]

    def yaml_file(lines):
        write(tmp_path / "mine.yaml", lines)
        with two_endings("mine.yaml"):
            use(load_config(str(tmp_path / "mine.yaml"), [*overrides, "NUM_GPUS", "0"]), "runs")

    appended = st.tuples(damaged(text), st.sampled_from(extra)).map("".join)
    try_for(0.2, yaml_file, lines=st.one_of(damaged(text), appended, st.sampled_from(extra), TEXTS))


TENSORS = st.sampled_from(
    [
        torch.zeros(()),
        torch.zeros(3, 3),
        torch.full((3, 3), float("nan")),
        torch.zeros(3, dtype=torch.int64),
        torch.zeros(0),
        torch.zeros(3, 3, dtype=torch.complex64),
        torch.zeros(3, 3).to_sparse(),
        torch.zeros(1).expand(3),
    ]
)


def test_checkpoints(tmp_path):
    state = new_state()
    train_step(state)
    state.epoch_iters, state.progress.epoch, state.progress.iteration = 5, 2, 3
    path = tmp_path / "checkpoint_epoch_00002.pyth"
    save_checkpoint(path, state, get_cfg())
    whole, content = path.read_bytes(), read_checkpoint(path)

    def try_to_resume():
        with two_endings(path.name):
            resumed = new_state()
            resumed.epoch_iters = 5
            resume(path, resumed)
            train_step(resumed)
            assert 0 <= resumed.progress.epoch and 0 <= resumed.progress.iteration <= 5

    def checkpoint_fields(fields):
        torch.save(fields, path)
        try_to_resume()

    def checkpoint_bytes(start, data):
        path.write_bytes(whole[:start] + data + whole[start + len(data) :])
        try_to_resume()

    try_for(0.15, checkpoint_fields, fields=changed(content, st.one_of(VALUES, TENSORS)))
    try_for(0.05, checkpoint_bytes, start=st.integers(0, len(whole) - 1), data=st.binary(min_size=1, max_size=8))
