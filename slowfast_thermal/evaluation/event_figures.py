"""Recall of events against their false alarms as the threshold moves."""

from matplotlib.figure import Figure

from slowfast_thermal.evaluation.figures import LINES, short_name

# False alarms a day up to which the axis is even, before it becomes logarithmic.
_EVEN = 1.0


def plot_event_curves(results: dict[str, dict]) -> Figure:
    """A figure with a curve for each kind of event.

    Args:
        results: by kind, its measures with its `curve` and its `settings`.
    """
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = figure.add_subplot(xlabel="false alarms a day", ylabel="recall")
    most = _EVEN
    for number, (name, found) in enumerate(results.items()):
        points = [point for point in found["curve"] if point["recall"]["value"] is not None]
        if not points:
            continue
        colour = LINES[number % len(LINES)]
        alarms = [point["false_alarms_a_day"]["value"] for point in points]
        recall = [point["recall"]["value"] for point in points]
        ends = [point["recall"]["of_other_hours"] or [value] * 2 for point, value in zip(points, recall)]
        axes.plot(alarms, recall, color=colour, linewidth=1.2, marker=".", markersize=4, label=short_name(name))
        for x, (low, high) in zip(alarms, ends):
            axes.plot([x, x], [low, high], color=colour, alpha=0.3, linewidth=2)
        place = found["false_alarms_a_day"]["value"], found["recall"]["value"]
        axes.plot(*place, "o", color=colour, markersize=9, markerfacecolor="none", markeredgewidth=1.5)
        axes.annotate(f"{found['settings']['threshold']:g}", place, (7, -9), textcoords="offset points", fontsize=8)
        most = max(most, *alarms)
    axes.set_xscale("symlog", linthresh=_EVEN)
    axes.set(xlim=(-0.05, 1.3 * most), ylim=(-0.03, 1.05))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title("a dot a threshold, the circle is the one set; bars: 95 % over other hours", fontsize=8)
    return figure
