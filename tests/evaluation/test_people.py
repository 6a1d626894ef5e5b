import numpy as np
import pytest

from slowfast_thermal.datasets.annotations import Keyframe
from slowfast_thermal.evaluation.confusion import count_confusions, plot_confusions, row_shares
from slowfast_thermal.evaluation.people import find_mistakes, match_people

LEFT, RIGHT, FAR = (0.1, 0.1, 0.4, 0.9), (0.6, 0.1, 0.9, 0.9), (0.45, 0.1, 0.55, 0.2)


def make_keyframe(people, timestamp=7):
    """`people` lists (box, actions) of three classes."""
    boxes = np.array([box for box, _ in people], np.float32).reshape(-1, 4)
    labels = np.array([[c in actions for c in range(3)] for _, actions in people], np.float32).reshape(-1, 3)
    return Keyframe(
        f"image{timestamp}", "val.json, images[0]", "A", timestamp, 0, boxes, labels, np.zeros((0, 4), np.float32)
    )


def make_detections(people, timestamp=7):
    """`people` lists (box, three scores)."""
    rows = [((y1, x1, y2, x2), c + 1, s) for (x1, y1, x2, y2), scores in people for c, s in enumerate(scores)]
    return tuple({f"A,{timestamp:04d}": [row[part] for row in rows]} for part in range(3))


def confusions(annotated, predicted):
    return count_confusions(match_people(make_keyframe(annotated), make_detections(predicted)), 3)


def entries(counts):
    """(row, column) of every count, as often as it counts."""
    return sorted((int(r), int(c)) for r, c in np.argwhere(counts) for _ in range(counts[r, c]))


def test_each_person_is_compared_with_the_prediction_on_its_own_box():
    counts = confusions([(LEFT, [0]), (RIGHT, [1])], [(RIGHT, [0.1, 0.9, 0]), (LEFT, [0.2, 0.1, 0.7])])
    assert entries(counts) == [(0, 2), (1, 1)]


def test_missed_people_and_people_too_many_have_a_column_and_a_row():
    counts = confusions([(LEFT, [0]), (RIGHT, [1])], [(RIGHT, [0.1, 0.9, 0]), (FAR, [0, 0, 1.0])])
    assert entries(counts) == [(0, 3), (1, 1), (3, 2)]


def test_of_two_predictions_on_one_person_the_closer_one_counts_and_the_other_is_too_many():
    near = (0.1, 0.1, 0.4, 0.88)
    counts = confusions([(LEFT, [0])], [((0.1, 0.1, 0.4, 0.7), [0, 0, 1.0]), (near, [1.0, 0, 0])])
    assert entries(counts) == [(0, 0), (3, 2)]


@pytest.mark.parametrize(
    "scores, expected",
    [
        ([0.9, 0.8, 0.1], [(0, 0), (1, 1)]),
        ([0.9, 0.1, 0.8], [(0, 0), (1, 2)]),
        ([0.1, 0.2, 0.9], [(0, 2), (1, 1)]),
    ],
)
def test_a_person_with_two_actions_is_compared_with_its_two_highest_classes(scores, expected):
    assert entries(confusions([(LEFT, [0, 1])], [(LEFT, scores)])) == expected


def test_a_person_with_every_action_has_no_confusion():
    assert entries(confusions([(LEFT, [0, 1, 2])], [(LEFT, [0.1, 0.2, 0.3])])) == [(0, 0), (1, 1), (2, 2)]


def test_the_rows_hold_the_boxes_of_each_class_and_their_shares_add_up(random_evaluation):
    dataset, evaluation, _ = random_evaluation
    people = [p for keyframe in dataset.keyframes for p in match_people(keyframe, evaluation.detections)]
    counts = count_confusions(people, len(dataset.classes))
    assert counts.sum(axis=1).tolist() == [*evaluation.num_boxes.values(), 0]
    assert counts[:, -1].sum() == 0
    np.testing.assert_allclose(row_shares(counts).sum(axis=1), counts.sum(axis=1) > 0)


def test_no_people_give_an_empty_matrix_that_can_be_drawn():
    counts = count_confusions([], 2)
    assert counts.shape == (3, 3) and not counts.any()
    plot_confusions(counts, ["standing", "lying"], normalized=True).savefig("/dev/null", format="png")


def test_a_figure_of_hundreds_of_classes_shows_the_most_frequent_ones():
    counts = np.diag(np.arange(301))
    figure = plot_confusions(counts, [f"class {c}" for c in range(300)], normalized=False)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(names) == 30 and names[-2:] == ["class 299", "no such person"]
    assert max(figure.get_size_inches()) < 12


def test_mistakes_come_by_falling_score_with_everyone_in_the_keyframe():
    keyframes = [make_keyframe([(LEFT, [0]), (RIGHT, [1])], timestamp) for timestamp in (1, 2, 3)]
    right = [(LEFT, [0.9, 0, 0]), (RIGHT, [0, 0.8, 0])]
    parts = [
        make_detections([(LEFT, [0.1, 0.6, 0]), right[1]], 1),
        make_detections(right, 2),
        make_detections([right[0], (RIGHT, [0, 0, 0.7])], 3),
    ]
    detections = tuple({**a, **b, **c} for a, b, c in zip(*parts))
    mistakes = find_mistakes(keyframes, detections)
    assert [keyframe.timestamp for keyframe, _ in mistakes] == [3, 1]
    assert [[person.is_wrong for person in people] for _, people in mistakes] == [[False, True], [True, False]]
