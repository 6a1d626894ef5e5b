import numpy as np
import pytest

from slowfast_thermal.errors import InputError
from slowfast_thermal.evaluation.scores import check_groups, score
from tests.evaluation.conftest import CLASSES, evaluate_rows

NAMES = ["HALL_R1,0000", "HALL_R1,1000", "HALL_R1,2000", "HALL_R1,3000"]
GROUPS = [["upright", "standing", "walking"], ["low", "lying"]]


def test_a_groups_score_is_the_sum_of_its_classes():
    labels = np.eye(3)[[0, 1, 2, 1]]
    # Standing and walking are taken for each other, which does not matter for the group; the third is taken for lying.
    scores = [[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.3, 0.6, 0.1]]
    found = score(evaluate_rows(NAMES, labels, scores), GROUPS)
    assert found.groups.class_ap == {"upright": 1.0, "low": 1.0} and found.group_measures["top1"] == 1.0
    assert found.groups.num_boxes == {"upright": 2, "low": 2}
    assert found.measures["top1"] == 0.5


def test_people_of_a_class_in_no_group_count_as_wrong_finds():
    labels = np.eye(3)[[0, 1, 2, 1]]
    scores = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.0, 0.9, 0.1], [0.3, 0.6, 0.1]]
    found = score(evaluate_rows(NAMES, labels, scores), [["low", "lying"]]).groups
    assert found.num_boxes == {"low": 2} and found.class_ap["low"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_without_groups_there_are_none():
    found = score(evaluate_rows(NAMES, np.eye(3)[[0, 1, 2, 1]], np.ones((4, 3))), [])
    assert found.groups is None and found.group_measures == {}


@pytest.mark.parametrize(
    "groups, message",
    [
        ([["upright", "standing", "flying"]], "group 'upright' holds 'flying', which is no class of the annotations"),
        ([["a", "standing"], ["b", "standing"]], "'standing' stands there twice"),
        ([["a", "standing"], ["a", "lying"]], "'a' stands there twice"),
    ],
)
def test_groups_that_do_not_fit_are_named(groups, message):
    check_groups(GROUPS, CLASSES)
    with pytest.raises(InputError, match=message):
        check_groups(groups, CLASSES)
