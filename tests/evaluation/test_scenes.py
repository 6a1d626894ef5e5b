import itertools
import json
import runpy
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.errors import BAD_INPUT, InputError
from slowfast_thermal.evaluation import scenes
from slowfast_thermal.evaluation.baselines import compare_with
from slowfast_thermal.evaluation.figures import ANNOTATED
from slowfast_thermal.evaluation.results import read_predictions, write_results
from slowfast_thermal.evaluation.video import write_pictures
from slowfast_thermal.pyslowfast import build_model
from tests.conftest import CONFIGS, small_overrides
from tests.evaluation.test_pictures import pixels

NONE = ({}, {}, {})


def no_progress(pictures, _number):
    return pictures


@pytest.fixture
def dataset(handmade_data, small_config):
    """Recordings A and B of 100 frames, 150 ms apart but for a gap after frame 60; keyframes at frames 40 and 50."""
    handmade_data.timestamps["A"][61:] += 10_000
    return Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2), "test")


def has_boxes(picture):
    return len(pixels(picture.crop((0, 0, 720, 480)), ANNOTATED)) > 0


def test_a_keyframe_is_shown_within_its_clip_and_a_recording_whole(dataset):
    (clip,) = scenes.keyframe_scenes(dataset, "A_40", NONE, 64)
    assert (clip.recording, clip.start, clip.stop) == ("A", 8, 72)
    assert [keyframe.image_id for keyframe, _ in clip.keyframes] == ["A_40"]
    (whole,) = scenes.recording_scenes(dataset, "B", NONE)
    assert (whole.start, whole.stop) == (0, 100)
    assert [keyframe.image_id for keyframe, _ in whole.keyframes] == ["B_40", "B_50"]


def test_a_clip_ends_where_its_recording_does(dataset):
    (clip,) = scenes.keyframe_scenes(dataset, "A_50", NONE, 200)
    assert (clip.start, clip.stop) == (0, 100)


def test_boxes_are_shown_on_the_frames_near_their_keyframe_in_pictures_of_one_size(dataset):
    pictures = list(scenes.draw_frames(dataset, scenes.recording_scenes(dataset, "A", NONE)))
    assert [index for index, picture in enumerate(pictures) if has_boxes(picture)] == [39, 40, 41, 49, 50, 51]
    assert len(pictures) == 100 and len({picture.size for picture in pictures}) == 1


def test_a_video_plays_at_the_speed_of_the_recording_and_shortens_gaps(dataset, tmp_path):
    path = tmp_path / "recording.mp4"
    scenes.write_scenes(dataset, scenes.recording_scenes(dataset, "A", NONE), path, no_progress)
    with av.open(str(path)) as file:
        times = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
    expected = itertools.accumulate([0.15] * 60 + [3.0] + [0.15] * 38 + [1.0], initial=0.0)
    np.testing.assert_allclose(times, list(expected), atol=0.002)


def test_what_a_video_shows_is_what_was_drawn(tmp_path):
    rng = np.random.default_rng(0)
    drawn = [Image.fromarray(rng.integers(0, 255, (4, 6, 3), np.uint8)).resize((240, 160), 0) for _ in range(5)]
    write_pictures(tmp_path / "x.mp4", iter(drawn), [40, 500, 1, 100, 100])
    with av.open(str(tmp_path / "x.mp4")) as file:
        decoded = list(file.decode(video=0))
    assert [frame.pts * frame.time_base for frame in decoded] == [
        Fraction(ms, 1000) for ms in (0, 40, 540, 541, 641, 741)
    ]
    for frame, picture in zip(decoded, [*drawn, drawn[-1]]):
        difference = frame.to_ndarray(format="rgb24").astype(int) - np.asarray(picture)
        assert np.abs(difference[20, 20::40]).mean() < 25


def test_a_gif_has_every_picture_and_lasts_as_long(tmp_path):
    drawn = [Image.new("RGB", (20, 10), (value, 0, 0)) for value in range(0, 250, 25)]
    write_pictures(tmp_path / "x.gif", iter(drawn), [33] * 10)
    gif = Image.open(tmp_path / "x.gif")
    shown = []
    for frame in range(gif.n_frames):
        gif.seek(frame)
        shown.append((gif.convert("RGB").getpixel((5, 5))[0], gif.info["duration"]))
    assert [red for red, _ in shown] == list(range(0, 250, 25)) and sum(ms for _, ms in shown) == 330


def test_a_sheet_shows_all_keyframes(dataset, tmp_path):
    chosen = [*scenes.recording_scenes(dataset, "A", NONE), *scenes.keyframe_scenes(dataset, "B_40", NONE, 64)]
    scenes.write_scenes(dataset, chosen, tmp_path / "x.png", no_progress)
    sheet = Image.open(tmp_path / "x.png")
    width, height = sheet.width // 2, sheet.height // 2
    cells = [sheet.crop((x, y, x + 720, y + 480)) for y in (0, height) for x in (0, width)]
    assert [has_boxes(cell) and np.asarray(cell).min() == 0 for cell in cells] == [True, True, True, False]


def test_a_sheet_of_wide_pictures_is_about_as_wide_as_high(tmp_path):
    pictures = [Image.new("RGB", (40, 10))] * 12
    write_pictures(tmp_path / "x.png", pictures, [100] * 12)
    assert Image.open(tmp_path / "x.png").size == (80, 60)


def test_mistakes_come_with_the_most_confident_first(random_evaluation, tmp_path):
    dataset, evaluation, _ = random_evaluation
    chosen = scenes.mistake_scenes(dataset, 3, evaluation.detections, 64)
    highest = [max(p.scores.max() for p in people if p.is_wrong) for s in chosen for _, people in s.keyframes]
    assert len(highest) == 3 and highest == sorted(highest, reverse=True)


def test_predictions_are_read_as_they_were_written(random_evaluation, tmp_path):
    dataset, evaluation, cfg = random_evaluation
    write_results(compare_with({}, evaluation, cfg), tmp_path)
    read = read_predictions(tmp_path / "predictions.csv", dataset)
    for ours, theirs in zip(read, evaluation.detections):
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_allclose(ours[key], theirs[key], atol=1e-6)


LINE = "A,7000,0.1,0.1,0.5,0.5,1,0.5"


@pytest.mark.parametrize(
    "text, message",
    [
        (None, r"Predictions '.*x\.csv' do not exist: test first"),
        ("", r"predicts none of the test keyframes"),
        (LINE.replace("7000", "7001"), r"predicts none of the test keyframes"),
        (f"{LINE}\nA,7000,0.1", r"x\.csv, line 2: 'A,7000,0\.1' is not 'recording,timestamp"),
        (LINE.replace("0.5,0.5,1", "0.5,1.5,1"), r"line 1: .* with a box inside the image"),
        (LINE.replace("0.5,1,", "0.5,3,"), r"line 1: .* a label from 1 to 2"),
        (LINE.replace(",1,0.5", ",1,nan"), r"line 1"),
        ("\x00\xff", r"line 1"),
    ],
)
def test_predictions_that_do_not_fit_are_named(dataset, tmp_path, text, message):
    if text is not None:
        (tmp_path / "x.csv").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        read_predictions(tmp_path / "x.csv", dataset)


@pytest.mark.parametrize(
    "choose, message",
    [
        (lambda d: scenes.keyframe_scenes(d, "A_41", NONE, 64), r"no keyframe 'A_41' .* did you mean 'A_40'\?"),
        (lambda d: scenes.recording_scenes(d, "C", NONE), r"no recording 'C' .* choose one of A, B\."),
        (lambda d: scenes.mistake_scenes(d, 3, NONE, 64), r"--mistakes takes a number from 1 on, and --predictions"),
        (lambda d: write_pictures(Path("x.avi"), [], [1]), r"'x\.avi' is neither \.png, \.gif nor \.mp4"),
        (lambda d: write_pictures(Path("gone/x.png"), [], [1]), r"'gone' is no folder that can be written"),
        (lambda d: write_pictures(Path("x.gif"), [], [1] * 1001), r"1001 pictures are too many for x\.gif"),
    ],
)
def test_what_cannot_be_drawn_is_named(dataset, choose, message):
    with pytest.raises(InputError, match=message):
        choose(dataset)


def test_predictions_without_a_mistake_have_none_to_draw(dataset):
    keyframe = dataset.keyframes[0]
    x1, y1, x2, y2 = keyframe.boxes[0]
    key = f"{keyframe.recording},{keyframe.timestamp}"
    right = ({key: [[y1, x1, y2, x2]]}, {key: [int(keyframe.labels[0].argmax()) + 1]}, {key: [0.9]})
    with pytest.raises(InputError, match="No prediction is wrong"):
        scenes.mistake_scenes(dataset, 3, right, 64)


@pytest.fixture
def visualize(monkeypatch, capsys):
    """Runs tools/visualize.py and gives its exit status and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["visualize.py", "--cfg", str(CONFIGS / "SLOWFAST_SMALL.yaml"), *map(str, arguments)]
        )
        status = 0
        try:
            runpy.run_path(str(CONFIGS.parents[1] / "tools" / "visualize.py"), run_name="__main__")
        except SystemExit as error:
            status = error.code
        return status, capsys.readouterr()

    return run


def test_the_tool_draws_ground_truth_alone(visualize, synthetic_data, tmp_path):
    overrides = small_overrides(synthetic_data, tmp_path / "run")
    images = json.loads((synthetic_data / "annotations" / "val.json").read_text())["images"]
    status, printed = visualize("--keyframe", images[0]["id"], "--output", tmp_path / "x.png", *overrides)
    assert status == 0 and f"Wrote {tmp_path / 'x.png'}" in printed.out
    assert has_boxes(Image.open(tmp_path / "x.png")) and not (tmp_path / "run").exists()


def test_the_tool_tests_a_checkpoint_and_draws_its_mistakes(visualize, synthetic_data, tmp_path, small_config):
    network = build_model(small_config(synthetic_data), torch.device("cpu"))
    torch.save({"model_state": network.state_dict()}, tmp_path / "some.pyth")
    overrides = small_overrides(synthetic_data, tmp_path / "run")
    checkpoint = ("--checkpoint", tmp_path / "some.pyth")
    status, printed = visualize(*checkpoint, "--mistakes", 2, "--output", tmp_path / "x.png", *overrides)
    assert status == 0, status
    assert (tmp_path / "run" / "predictions.csv").is_file() and (tmp_path / "x.png").is_file()


def test_the_tool_tells_a_mistake_in_one_sentence(visualize, synthetic_data, tmp_path):
    overrides = small_overrides(synthetic_data, tmp_path / "run")
    status, printed = visualize("--keyframe", "gone", "--output", tmp_path / "x.png", *overrides)
    # An earlier test's log handler may complain before it that its console is gone.
    assert status == BAD_INPUT and printed.err.splitlines()[-1].startswith("Error: There is no keyframe 'gone'")
