import io

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from slowfast_thermal.errors import InputError
from slowfast_thermal.trees.forest import NUM_TREES, fit_forest, join_forests, load_forest

CLASSES = ["standing", "lying", "never seen", "walking"]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    action = rng.choice([0, 1, 3], 80, p=[0.7, 0.2, 0.1])
    x = (rng.normal(size=(80, 5)) + action[:, None]).astype(np.float32)
    return x, np.eye(4)[action]


@pytest.fixture(scope="module")
def forest(people):
    return fit_forest(*people, CLASSES, list("abcde"), seed=3)


def test_probabilities_are_those_of_scikit_learn(people, forest):
    x, labels = people
    fitted = ExtraTreesClassifier(NUM_TREES, class_weight="balanced", random_state=3).fit(x, labels.argmax(1))
    new = np.random.default_rng(1).normal(size=(300, 5)).astype(np.float32)
    np.testing.assert_allclose(forest.predict(new)[:, [0, 1, 3]], fitted.predict_proba(new), atol=1e-6)
    assert not forest.predict(new)[:, 2].any()
    assert forest.predict(new[:0]).shape == (0, 4)


def test_the_file_gives_the_same_probabilities(people, forest, tmp_path):
    forest.save(tmp_path / "trees.npz")
    loaded = load_forest(tmp_path / "trees.npz")
    assert loaded.classes == CLASSES and loaded.features == tuple("abcde")
    np.testing.assert_array_equal(loaded.predict(people[0]), forest.predict(people[0]))


def test_the_same_seed_gives_the_same_trees(people, forest):
    again, other = (fit_forest(*people, CLASSES, list("abcde"), seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(again.threshold, forest.threshold)
    assert len(other.threshold) != len(forest.threshold) or (other.threshold != forest.threshold).any()


def test_a_person_with_two_actions_counts_for_both():
    x = np.array([[0.0], [0.0], [5.0], [5.0]], np.float32)
    labels = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]])
    scores = fit_forest(x, labels, CLASSES[:3], ["size"], seed=0).predict(x)
    np.testing.assert_allclose(scores, [[0.5, 0.5, 0]] * 2 + [[0, 0, 1]] * 2, atol=1e-6)


def test_trees_of_two_forests_count_the_same_each_on_its_own_features(people, forest, tmp_path):
    x, labels = people
    other = fit_forest(x[:, :2], labels, CLASSES, ["f", "g"], seed=3)
    join_forests(forest, other).save(tmp_path / "trees.npz")
    joined = load_forest(tmp_path / "trees.npz")
    new = np.random.default_rng(2).normal(size=(50, 5)).astype(np.float32)
    expected = (forest.predict(new) + other.predict(new[:, :2])) / 2
    np.testing.assert_allclose(joined.predict(np.concatenate([new, new[:, :2]], 1)), expected, atol=1e-6)
    assert joined.features == tuple("abcdefg") and len(joined.roots) == 2 * NUM_TREES


def damaged(forest, **changes):
    file = io.BytesIO()
    np.savez(file, **{**{name: np.array(value) for name, value in vars(forest).items()}, **changes})
    return file.getvalue()


def overwritten(forest):
    file = io.BytesIO()
    forest.save(file)
    content = bytearray(file.getvalue())
    content[515:1027] = np.random.default_rng(0).bytes(512)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        lambda forest: b"no zip",
        lambda forest: damaged(forest)[:2000],
        lambda forest: damaged(forest, roots=np.array([object()])),
        lambda forest: damaged(forest, roots=np.array([10**6])),
        lambda forest: damaged(forest, children=np.zeros_like(forest.children)),
        lambda forest: damaged(forest, feature=np.full_like(forest.feature, 5)),
        lambda forest: damaged(forest, shares=forest.shares[:-1]),
        lambda forest: damaged(forest, shares=np.full_like(forest.shares, np.nan)),
        lambda forest: damaged(forest, shares=-forest.shares),
        lambda forest: damaged(forest, leaf=forest.leaf.astype(float)),
        lambda forest: damaged(forest, roots=forest.roots[None]),
        lambda forest: damaged(forest, threshold=forest.threshold.astype(str)),
        lambda forest: overwritten(forest),
    ],
    ids=[
        "text",
        "cut off",
        "pickle",
        "root",
        "circle",
        "feature",
        "shares",
        "no number",
        "negative",
        "no whole number",
        "roots",
        "text for numbers",
        "a block",
    ],
)
def test_a_file_that_holds_no_sound_trees_is_refused(forest, tmp_path, content):
    path = tmp_path / "trees.npz"
    path.write_bytes(content(forest))
    with pytest.raises(InputError, match="holds no trees, or is damaged"):
        load_forest(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="do not exist: train with MODEL.TREES_WEIGHT"):
        load_forest(tmp_path / "trees.npz")
