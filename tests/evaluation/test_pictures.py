import matplotlib
import numpy as np
import pytest
from PIL import ImageColor

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.figures import ANNOTATED, CORRECT, WRONG
from slowfast_thermal.evaluation.people import Person, match_people
from slowfast_thermal.evaluation.pictures import color_limits, describe, draw_clip, draw_frame, draw_keyframe

CLASSES = ["standing", "transition-lying with risk transition"]
BOX = np.array([0.25, 0.25, 0.5, 0.75])


def pixels(picture, color):
    """(y, x) of the pixels of a colour."""
    return np.argwhere((np.asarray(picture) == ImageColor.getrgb(color)).all(2))


def draw(people, frame=None, title="title", min_height=0):
    frame = np.full((40, 60), 15.0) if frame is None else frame
    return draw_frame(frame, (10.0, 30.0), people, CLASSES, title, min_height)


@pytest.mark.parametrize(
    "person, color",
    [
        (Person([0], BOX), ANNOTATED),
        (Person([0], BOX, BOX, np.array([0.9, 0.1])), CORRECT),
        (Person([0], BOX, BOX, np.array([0.1, 0.9])), WRONG),
        (Person([], None, BOX, np.array([0.1, 0.9])), WRONG),
    ],
)
def test_a_box_lies_on_its_person_in_the_colour_of_its_prediction(person, color):
    frame = pixels(draw([person]).crop((0, 0, 720, 480)), color)
    (top, left), (bottom, right) = frame.min(0), frame.max(0)
    assert (left, right, bottom) == pytest.approx((0.25 * 720, 0.5 * 720, 0.75 * 480), abs=2)
    assert top < 0.25 * 480 + 2  # the letter may lie above the box


def test_the_annotated_box_is_drawn_beside_a_predicted_one_that_lies_elsewhere():
    picture = draw([Person([0], BOX, BOX + 0.05, np.array([0.9, 0.1]))]).crop((0, 0, 720, 480))
    assert len(pixels(picture, ANNOTATED)) > 1000 and len(pixels(picture, CORRECT)) > 1000


def test_a_hot_pixel_has_the_colour_that_the_scale_gives_its_temperature():
    frame = np.full((40, 60), 10.0)
    frame[30, 50] = 30.0
    picture = np.asarray(draw([], frame))
    hottest = (np.array(matplotlib.colormaps["inferno"](1.0)[:3]) * 255).astype(int)
    assert (picture[12 * 30 + 6, 12 * 50 + 6] == hottest).all()
    assert (picture[0, 728] == hottest).all() and (picture[479, 728] == picture[200, 200]).all()


def test_long_names_and_titles_are_wrapped_inside_the_picture():
    people = [Person([1, 0], BOX, BOX, np.array([0.1, 0.9])), Person([0], BOX, BOX, np.array([0.1, 0.9]))]
    picture = np.asarray(draw(people, title="Keyframe " + 80 * "x"))
    panel = picture[480:]
    assert (panel[:, -6:] == 255).all() and (panel[-6:] == 255).all() and (panel < 100).any()


def test_the_letters_of_people_in_one_place_do_not_cover_each_other():
    one, five = (len(pixels(draw([Person([0], BOX)] * n).crop((0, 0, 720, 480)), ANNOTATED)) for n in (1, 5))
    assert five - one > 4 * 27 * 27 * 0.6


@pytest.mark.parametrize("box", [[0, 0, 0.02, 0.02], [0.98, 0.98, 1, 1], [0, 0, 1, 1]])
def test_boxes_at_the_edges_keep_their_letter_inside(box):
    picture = draw([Person([0], np.array(box))]).crop((0, 0, 720, 480))
    assert len(pixels(picture, ANNOTATED)) > 27 * 27 * 0.6


@pytest.mark.parametrize("shape", [(8, 12), (240, 320), (60, 40), (1, 300), (700, 900)])
def test_sensors_of_any_size_give_pictures_with_sides_that_videos_take(shape):
    picture = draw([Person([0], BOX)], np.random.default_rng(0).uniform(10, 30, shape))
    assert picture.width % 2 == picture.height % 2 == 0 and 500 < picture.width < 1100


def test_frames_of_a_video_are_of_one_size_whoever_is_in_them():
    full = draw([Person([0], BOX)] * 3)
    assert draw([], min_height=full.height).size == full.size


def test_a_frame_of_one_temperature_can_be_coloured():
    low, high = color_limits(np.full((4, 4), 20.0))
    assert low < high


def test_words_tell_right_wrong_missed_and_invented_people():
    scores = np.array([0.25, 0.75])
    assert describe(Person([1], BOX, BOX, scores), CLASSES) == f"{CLASSES[1]} 0.75, as annotated"
    assert describe(Person([0], BOX, BOX, scores), CLASSES) == f"{CLASSES[1]} 0.75, annotated standing"
    assert describe(Person([0], BOX), CLASSES) == "annotated standing"
    assert describe(Person([0, 1], BOX, BOX, scores), CLASSES).endswith(f"0.75, annotated standing, {CLASSES[1]}")
    assert describe(Person([], None, BOX, scores), CLASSES) == f"{CLASSES[1]} 0.75, not annotated"


def test_a_keyframe_and_its_clip_show_the_frame_of_the_recording(handmade_data, small_config):
    handmade_data.frames["A"][40] = 15.0
    handmade_data.frames["A"][40, 6, 2] = 30.0
    dataset = Thermal(small_config(handmade_data.write(), "MODEL.NUM_CLASSES", 2), "test")
    keyframe = dataset.keyframes[0]
    people = match_people(keyframe, ({}, {}, {}))
    picture = np.asarray(draw_keyframe(dataset, keyframe, people))
    assert picture[60 * 6 + 30, 60 * 2 + 30].sum() > picture[60 * 6 + 30, 60 * 4 + 30].sum() + 300
    clip = np.asarray(draw_clip(dataset, keyframe, people, 64))
    assert (clip[: len(picture)] == picture).all() and len(clip) > len(picture)
