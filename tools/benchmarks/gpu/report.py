"""What a run has found, as a table: the goals first, then every figure of every part."""

import operator
from collections.abc import Iterator
from typing import NamedTuple

from tabulate import tabulate

NOT_MEASURED = "not measured"


class Goal(NamedTuple):
    """A figure of a part beside what it must reach; `of_speed` ones mean something on a GPU alone."""

    title: str
    part: str
    figure: str
    relation: str
    wanted: float
    of_speed: bool = False


RELATIONS = {"at least": operator.ge, "at most": operator.le, "is": operator.eq}
SCORES = "largest difference of a score from the CPU's"
GOALS = (
    Goal("PySlowFast's step, float32, to this project's", "speed", "PySlowFast, float32 to this project", "at least", 4, True),
    Goal("PySlowFast's step, mixed precision, to this project's", "speed", "PySlowFast, mixed precision to this project", "at least", 4, True),
    Goal("part of the convolution rate", "speed", "part of the convolution rate", "at least", 0.5, True),
    Goal("step of 4 clips, s", "speed", "this project, s a step", "at most", 0.06, True),
    Goal("memory at 4 clips, GB", "speed", "this project, memory, GB", "at most", 8, True),
    Goal("training, loader workers, s an iteration", "training", "loader workers, s an iteration", "at most", 0.06, True),
    Goal("training, recordings on the device, s an iteration", "training", "recordings on the device, s an iteration", "at most", 0.06, True),
    Goal("scores beside the CPU's, float32", "parity", f"{SCORES}, float32", "at most", 1e-4),
    Goal("scores beside the CPU's, not folded", "parity", f"{SCORES}, float32, not folded", "at most", 1e-4),
    Goal("clips cut on the device beside the CPU's", "parity", "largest difference of a clip cut on the device", "at most", 1e-5),
    Goal("mAP beside the CPU's", "evaluation", "difference of the mAP from the CPU's", "at most", 1e-6),
    Goal("losses after resuming, relative", "training:resume", "relative difference of a run that was resumed", "at most", 1e-3),
    Goal("gradients of torchrun's processes beside one alone, relative", "processes", "relative distance of the gradients", "at most", 1e-2),
    Goal("SIGTERM keeps a checkpoint", "processes", "SIGTERM was told and a checkpoint kept", "is", True),
    Goal("the same command goes on", "processes", "the same command went on", "is", True),
    Goal("tests that fail on the device", "processes:tests", "failed", "is", 0),
)  # fmt: skip


def table(results: dict[str, dict[str, object]], on_gpu: bool) -> str:
    """Markdown of what `run.measure` gives, on a GPU or on a CPU."""
    machine = results.get("machine", {})
    parts = [f"# A run on {machine.get('device', 'an unknown device')}", ""]
    if not on_gpu:
        parts += [
            "Small networks on a CPU: that the run ends well is all this tells; its times say nothing of a GPU.",
            "",
        ]
    rows = [
        [goal.title, value, f"{goal.relation} {goal.wanted}", verdict]
        for goal in GOALS
        for value, verdict in [judge(goal, results, on_gpu)]
    ]
    parts += [_markdown(rows, ["", "measured", "goal", ""]), ""]
    for name, found in results.items():
        parts += [f"## {name}", "", *_figures(found)]
    return "\n".join(parts)


def judge(goal: Goal, results: dict[str, dict[str, object]], on_gpu: bool) -> tuple[str, str]:
    """The figure as it is shown, and whether the goal is met."""
    value = results.get(goal.part, {}).get(goal.figure)
    if value is None:
        return "", NOT_MEASURED
    if goal.of_speed and not on_gpu:
        return _shown(value), ""
    return _shown(value), "met" if RELATIONS[goal.relation](value, goal.wanted) else "NOT MET"


def _figures(found: dict[str, object]) -> Iterator[str]:
    plain = {name: value for name, value in found.items() if not _is_table(value)}
    yield from (_markdown([[name, _shown(value)] for name, value in plain.items()], ["", ""]), "")
    groups = {name: value for name, value in found.items() if isinstance(value, dict)}
    if groups:
        columns = list(dict.fromkeys(column for group in groups.values() for column in group))
        rows = [[name, *(_shown(group.get(column, "")) for column in columns)] for name, group in groups.items()]
        yield from (_markdown(rows, ["", *columns]), "")
    for name, value in found.items():
        if isinstance(value, list) and _is_table(value):
            yield from (_markdown([[_shown(cell) for cell in row.values()] for row in value], list(value[0])), "")


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _markdown(rows: list[list[str]], headers: list[str]) -> str:
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)
