"""Extremely randomized trees (Geurts et al., Machine Learning 63, 2006), fitted by scikit-learn and kept as plain arrays.

scikit-learn keeps its trees as pickles, which run code when they are loaded and fit one version alone. The arrays need numpy
to be read and to predict, and give the same probabilities.

Letters: P people, F features, C classes, T trees, N nodes and L leaves of all trees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slowfast_thermal.errors import InputError

NUM_TREES = 500
# Attributes of a forest that are lists of text.
_TEXTS = ("classes", "features", "learned_files", "learned_recordings")
# People that go down the trees together.
_CHUNK = 256


@dataclass(frozen=True)
class Forest:
    """Fitted trees.

    Attributes:
        classes: names of the C classes.
        features: names of the F features.
        roots: (T,) the first node of each tree.
        children: (N, 2) the nodes after this one, first for a feature up to the threshold; those of a leaf are itself.
        feature: (N,) which feature a node looks at.
        threshold: (N,) float64.
        leaf: (N,) the leaf's place in `shares`, -1 for other nodes.
        shares: (L, C) float32, the classes' weights among the training people of a leaf; they add up to 1.
        learned_files: SHA-256 of the annotation files that they were fitted to, where that is known.
        learned_recordings: patterns of the recordings whose keyframes were taken.
    """

    classes: list[str]
    features: tuple[str, ...]
    roots: np.ndarray
    children: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    leaf: np.ndarray
    shares: np.ndarray
    learned_files: tuple[str, ...] = ()
    learned_recordings: tuple[str, ...] = ()

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(P, C) float32 probabilities from (P, F) float32 features, behind which others may stand. ValueError if some lack."""
        if x.shape[1] < len(self.features):
            raise ValueError(f"{x.shape[1]} features are given to trees that look at {len(self.features)}.")
        scores = [self._predict(x[start : start + _CHUNK]) for start in range(0, len(x), _CHUNK)]
        return np.concatenate([np.zeros((0, len(self.classes))), *scores]).astype(np.float32)

    def _predict(self, x: np.ndarray) -> np.ndarray:
        # `take` from flat arrays is several times as fast as an index of each axis.
        first = np.arange(len(x))[:, None] * x.shape[1]
        values, children = np.ascontiguousarray(x).reshape(-1), self.children.reshape(-1)
        node = np.broadcast_to(self.roots, (len(x), len(self.roots)))
        while (self.leaf.take(node) < 0).any():
            goes_right = values.take(first + self.feature.take(node)) > self.threshold.take(node)
            node = children.take(2 * node + goes_right)
        return self.shares[self.leaf.take(node)].mean(1, dtype=np.float64)

    def save(self, path: str | Path) -> None:
        """Writes a `.npz` file that `load_forest` reads."""
        texts = {name: np.array(getattr(self, name), str) for name in _TEXTS}
        np.savez_compressed(path, **{**vars(self), **texts})


def fit_forest(x: np.ndarray, labels: np.ndarray, classes: Sequence[str], features: Sequence[str], seed: int) -> Forest:
    """Fits trees in which the classes weigh the same.

    Args:
        x: (P, F) float32 features.
        labels: (P, C), 1 for a person's actions; a person with several counts once for each.
        classes, features: names.
        seed: the same one gives the same trees.
    """
    from sklearn.ensemble import ExtraTreesClassifier  # takes a second, and prediction needs none of it

    person, action = labels.nonzero()
    fitted = ExtraTreesClassifier(NUM_TREES, class_weight="balanced", random_state=seed).fit(x[person], action)
    trees = [estimator.tree_ for estimator in fitted.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    itself = np.arange(sum(tree.node_count for tree in trees))
    children = np.concatenate(
        [np.stack([tree.children_left, tree.children_right], 1) + root for tree, root in zip(trees, roots)]
    )
    is_leaf = np.concatenate([tree.children_left < 0 for tree in trees])
    value = np.concatenate([tree.value[:, 0] for tree in trees])[is_leaf]
    shares = np.zeros((len(value), len(classes)), np.float32)
    shares[:, fitted.classes_] = value / value.sum(1, keepdims=True)
    return Forest(
        classes=list(classes),
        features=tuple(features),
        roots=roots.astype(np.int32),
        children=np.where(is_leaf[:, None], itself[:, None], children).astype(np.int32),
        feature=np.concatenate([np.maximum(tree.feature, 0) for tree in trees]).astype(np.int16),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        leaf=np.where(is_leaf, is_leaf.cumsum() - 1, -1).astype(np.int32),
        shares=shares,
    )


def join_forests(first: Forest, second: Forest) -> Forest:
    """The trees of both, which count the same, on the features of the first and then those of the second; for the same classes."""
    num_nodes, num_leaves = len(first.leaf), len(first.shares)
    leaf = np.where(second.leaf < 0, second.leaf, second.leaf + np.int32(num_leaves))
    return Forest(
        classes=first.classes,
        features=first.features + second.features,
        roots=np.concatenate([first.roots, second.roots + np.int32(num_nodes)]),
        children=np.concatenate([first.children, second.children + np.int32(num_nodes)]),
        feature=np.concatenate([first.feature, second.feature + np.int16(len(first.features))]),
        threshold=np.concatenate([first.threshold, second.threshold]),
        leaf=np.concatenate([first.leaf, leaf]),
        shares=np.concatenate([first.shares, second.shares]),
    )


def load_forest(path: str | Path) -> Forest:
    """Reads trees as `Forest.save` writes them. Nothing in the file is run.

    Raises:
        InputError: there is no such file, or it holds no trees.
    """
    if not Path(path).is_file():
        raise InputError(f"Trees '{path}' do not exist: train with MODEL.TREES_WEIGHT above 0 first, or set it to 0.")
    try:
        with np.load(path, allow_pickle=False) as file:
            # Trees from before they said what they were fitted to have no such arrays.
            texts = {name: tuple(file[name].tolist()) for name in _TEXTS if name in file.files}
            arrays = {name: file[name] for name in ("roots", "children", "feature", "threshold", "leaf", "shares")}
            forest = Forest(**{**texts, "classes": list(texts["classes"])}, **arrays)
        sound = _is_sound(forest)
    except Exception:  # zipfile, zlib and numpy raise many kinds for a damaged file
        sound = False
    if not sound:
        raise InputError(f"{path} holds no trees, or is damaged: train with MODEL.TREES_WEIGHT above 0 again.")
    return forest


def _is_sound(forest: Forest) -> bool:
    """Whether every way through the trees ends at a leaf."""
    nodes, is_leaf = np.arange(len(forest.leaf)), forest.leaf >= 0
    numbers = (forest.roots, forest.children, forest.feature, forest.leaf)
    return bool(
        all(np.issubdtype(array.dtype, np.integer) for array in numbers)
        and forest.threshold.dtype == np.float64
        and forest.shares.dtype == np.float32
        and all(isinstance(text, str) for name in _TEXTS for text in getattr(forest, name))
        and len(forest.roots)
        and forest.roots.ndim == 1
        and forest.children.shape == (len(nodes), 2)
        and forest.feature.shape == forest.threshold.shape == nodes.shape
        and forest.shares.shape == (is_leaf.sum(), len(forest.classes))
        and not np.isnan(forest.threshold).any()
        and (forest.shares >= 0).all()
        and np.allclose(forest.shares.sum(1), 1, atol=1e-3)
        and np.isin(forest.roots, nodes).all()
        and (forest.children < len(nodes)).all()
        and (forest.children > nodes[:, None])[~is_leaf].all()
        and (forest.children == nodes[:, None])[is_leaf].all()
        and ((0 <= forest.feature) & (forest.feature < len(forest.features))).all()
        and (forest.leaf < len(forest.shares)).all()
    )
