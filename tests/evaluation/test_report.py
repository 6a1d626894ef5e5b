import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.baselines import assess, compare_with
from slowfast_thermal.evaluation.report import write_report
from slowfast_thermal.evaluation.results import write_results

PNG = b"\x89PNG\r\n\x1a\n"


class Report(HTMLParser):
    """What a report says: numbers by the id they stand under, rows of tables, pictures, and everything it loads."""

    def __init__(self, path):
        super().__init__()
        self.text, self.rows, self.pictures, self.loaded, self.tags, self.values = "", [], [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        self.loaded += [attributes[key] for key in ("src", "href") if key in attributes]
        if tag == "img":
            self.pictures.append(attributes)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td") and self.rows:
            self.rows[-1].append("")
        if tag == "data":
            self.values.append((float(attributes["value"]), ""))

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data.strip()
        if self.values and not self.values[-1][1]:
            self.values[-1] = (self.values[-1][0], data)


@pytest.fixture
def written(random_evaluation, quick_tests):
    dataset, evaluation, cfg = random_evaluation
    folder = Path(cfg.OUTPUT_DIR)
    folder.mkdir()
    (folder / "json_stats.log").write_text(
        'json_stats: {"_type": "val_epoch", "cur_epoch": "1", "map": 0.5}\n', encoding="utf-8"
    )
    cfg.merge_from_list(["THERMAL.BASELINES", True, "THERMAL.BOOTSTRAP_SAMPLES", 20])
    cfg.THERMAL.CLASS_GROUPS = [["first", *dataset.classes[:3]], ["second", *dataset.classes[3:]]]
    assessment = assess(evaluation, dataset, cfg)
    write_results(assessment, folder)
    write_report(assessment, dataset, Path("some<b>.pyth"), cfg)
    return folder / "report.html", json.loads((folder / "test_metrics.json").read_text()), cfg


def test_its_numbers_are_those_of_the_metrics_file(written):
    path, metrics, _ = written
    report = Report(path)
    aps = [ap for ap in metrics["per_class_ap"].values() if ap is not None]
    scored = [metrics, *metrics["baselines"].values()]
    measures = [part[key] for found in scored for part in (found, found["groups"]) for key in ("mAP", "t5", "top1")]
    numbers = [value for value in measures if value is not None]
    groups = [ap for ap in metrics["groups"]["per_group_ap"].values() if ap is not None]
    expected = [metrics["mAP"], *metrics["mAP_interval_95"], *numbers, *groups, *aps, metrics["mAP"]]
    assert [value for value, _ in report.values] == expected
    assert [text for _, text in report.values] == [f"{value:.3f}" for value in expected]
    rows = {row[0]: row for row in report.rows}
    for name, boxes in metrics["num_boxes"].items():
        ap = metrics["per_class_ap"][name]
        assert rows[name][1:3] == [str(boxes), "–" if ap is None else f"{ap:.3f}"]
    assert f"{metrics['num_keyframes']} keyframes" in " ".join(report.text.split())
    assert metrics["remarks"] and all(remark in report.text for remark in metrics["remarks"])


def test_it_holds_every_picture_itself_and_loads_nothing(written):
    path, _, _ = written
    report = Report(path)
    held = [base64.b64decode(picture["src"].removeprefix("data:image/png;base64,")) for picture in report.pictures]
    files = {file.name: file.read_bytes() for file in (path.parent / "report").iterdir()}
    assert set(held) == set(files.values()) and all(picture.startswith(PNG) for picture in held)
    assert {
        "precision_recall.png",
        "confusion_counts.png",
        "confusion_shares.png",
        "training.png",
        "mistake_01.png",
    } <= {*files}
    assert all(picture["alt"] for picture in report.pictures)
    assert all(address.startswith("data:") for address in report.loaded) and "script" not in report.tags
    assert not re.search(r"url\(|@import", path.read_text(encoding="utf-8"))


def test_it_tells_configuration_versions_and_checkpoint(written):
    path, _, cfg = written
    report = Report(path)
    rows = {row[0]: row[1:] for row in report.rows if row}
    assert rows["THERMAL.INPUT_SIZE"] == ["[32, 48]"] and rows["OUTPUT_DIR"] == [cfg.OUTPUT_DIR]
    assert {"slowfast_thermal", "PySlowFast", "PyTorch", "NumPy", "Python"} <= set(rows)
    assert "some<b>.pyth" in report.text and "FILL_TEMPERATURE: 20.0" in report.text


def test_an_earlier_report_leaves_no_pictures_behind(written, random_evaluation):
    path, _, cfg = written
    (path.parent / "report" / "mistake_99.png").touch()
    (path.parent / "json_stats.log").unlink()
    dataset, evaluation, _ = random_evaluation
    write_report(compare_with({}, evaluation, cfg), dataset, Path("last.pyth"), cfg)
    names = {file.name for file in (path.parent / "report").iterdir()}
    assert "mistake_99.png" not in names and "training.png" not in names
    assert "Training" not in Report(path).text


def evaluated(handmade_data, small_config, evaluate_scores, num_classes, scores, *overrides):
    settings = ("MODEL.NUM_CLASSES", num_classes, *overrides)
    cfg = small_config(handmade_data.write(), *settings)
    dataset = Thermal(cfg, "test")
    evaluation = evaluate_scores(dataset, scores, cfg)
    write_report(compare_with({}, evaluation, cfg), dataset, Path("last.pyth"), cfg)
    return Report(Path(cfg.OUTPUT_DIR) / "report.html")


def test_names_from_files_are_text_and_no_markup(handmade_data, small_config, evaluate_scores):
    name = "<script>alert(1)</script> & $x_$ 立つ"
    handmade_data.document["categories"][0]["name"] = name
    image_id = "<img src=http://example.org/x>"
    handmade_data.document["images"][0]["id"] = handmade_data.document["annotations"][0]["image_id"] = image_id
    report = evaluated(handmade_data, small_config, evaluate_scores, 2, np.tile([0.25, 0.75], (4, 1)))
    assert "script" not in report.tags and all(address.startswith("data:") for address in report.loaded)
    assert name in {row[0] for row in report.rows if row}
    assert image_id in report.text


def test_hundreds_of_classes_of_which_most_have_no_boxes(handmade_data, small_config, evaluate_scores):
    handmade_data.document["categories"] = [{"id": i, "name": f"action {i}"} for i in range(300)]
    scores = np.random.default_rng(0).random((4, 300))
    report = evaluated(handmade_data, small_config, evaluate_scores, 300, scores)
    rows = [row for row in report.rows if row and row[0].startswith("action")]
    assert len(rows) == 300 and sum(row[2] != "–" for row in rows) == 2
    assert "At most 30 classes are shown" in " ".join(report.text.split())


def test_detected_people_without_any_annotated_box(handmade_data, small_config, evaluate_scores, tmp_path):
    handmade_data.document["annotations"] = []
    detections = [f"{name},{1000 + 150 * i},0.1,0.1,0.6,0.8,,0.9" for name in ("A", "B") for i in (40, 50)]
    (tmp_path / "detections.csv").write_text("\n".join(detections))
    setting = ("THERMAL.TEST_DETECTIONS", tmp_path / "detections.csv")
    report = evaluated(handmade_data, small_config, evaluate_scores, 2, np.tile([0.25, 0.75], (4, 1)), *setting)
    assert not report.values and "mAP –" in " ".join(report.text.split())
    assert "not annotated" in report.text


def browse(page, tmp_path):
    """What Chromium's console says about a page, and the addresses that the page asked of the network."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium is installed")
    log = tmp_path / "network.json"
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--log-net-log={log}",
            "--virtual-time-budget=5000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "<body" in done.stdout, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    started = [
        event["params"] for event in json.loads(log.read_text())["events"] if "initiator" in event.get("params", {})
    ]
    # Chromium asks for things of its own, too, which no page initiated.
    return console, {
        job["url"] for job in started if job["initiator"] != "not an origin" and job["url"].startswith("http")
    }


def test_a_browser_opens_it_without_an_error_or_a_request(written, tmp_path):
    assert browse(written[0], tmp_path) == ([], set())


def test_a_browser_would_tell_of_an_error_and_a_request(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<body><script>missing()</script><img src='http://example.org/x.png'></body>")
    console, asked = browse(page, tmp_path)
    assert "missing is not defined" in console[0] and asked == {"http://example.org/x.png"}
