"""Which actions are taken for which.

Letters: C classes.
"""

from collections.abc import Iterable

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from slowfast_thermal.evaluation.figures import SHARE_MAP, short_name
from slowfast_thermal.evaluation.people import Person

# Classes that a figure has room for.
MAX_CLASSES = 30


def count_confusions(people: Iterable[Person], num_classes: int) -> np.ndarray:
    """Counts how often a person annotated with one class is predicted as another.

    A person with a single action is compared with the class of the highest score. One with k actions is counted
    in the row of each: as right where that action is among the k highest classes, else in the column of the highest
    class that is none of the actions. So the sum of a row is the number of boxes of that class.

    Returns:
        (C + 1, C + 1) int64, rows annotated, columns predicted. The last row holds predicted people that no
        annotated one matches, the last column annotated people that no predicted one matches.
    """
    annotated, predicted = [], []
    for person in people:
        if person.scores is None:
            found = [num_classes] * len(person.actions)
        elif not person.actions:
            found = [person.best]
        else:
            order = person.scores.argsort()[::-1].tolist()
            highest = order[: len(person.actions)]
            other = next((c for c in order if c not in person.actions), None)
            found = [action if action in highest else other for action in person.actions]
        annotated += person.actions or [num_classes]
        predicted += found
    counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    np.add.at(counts, (np.array(annotated, int), np.array(predicted, int)), 1)
    return counts


def row_shares(counts: np.ndarray) -> np.ndarray:
    """The counts of each row divided by their sum; 0 in a row without any."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def plot_confusions(counts: np.ndarray, classes: list[str], normalized: bool) -> Figure:
    """A figure of a confusion matrix, with the classes that occur in it; at most MAX_CLASSES, the most frequent ones.

    Args:
        counts: (C + 1, C + 1), as `count_confusions` gives them.
        classes: names of the C classes.
        normalized: show the shares of each row in percent instead of the counts.
    """
    frequency = counts.sum(axis=1) + counts.sum(axis=0)
    shown = sorted(np.argsort(-frequency, kind="stable")[:MAX_CLASSES])
    shown = [c for c in shown if frequency[c]]
    values = (100 * row_shares(counts) if normalized else counts)[np.ix_(shown, shown)]
    rows, columns = [*classes, "no such person"], [*classes, "missed"]

    side = 1.9 + 0.27 * max(len(shown), 6)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot(
        xlabel="predicted", ylabel="annotated", title="Share of each row (%)" if normalized else "Number of boxes"
    )
    axes.title.set_fontsize(10)
    highest = 100 if normalized else max(values.max(initial=0), 1)
    if shown:
        axes.imshow(values, cmap=SHARE_MAP, vmin=0, vmax=highest)
    axes.set_xticks(range(len(shown)), [short_name(columns[c]) for c in shown], rotation=90, fontsize=7)
    axes.set_yticks(range(len(shown)), [short_name(rows[c]) for c in shown], fontsize=7)
    colormap = matplotlib.colormaps[SHARE_MAP]
    for (row, column), value in np.ndenumerate(values):
        if value:
            dark = np.mean(colormap(value / highest)[:3]) < 0.6
            axes.text(
                column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color="white" if dark else "black"
            )
    return figure
