"""A picture of what a result was made from: tasks with their runs, files and images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Record = Mapping[str, Any]


class Node(NamedTuple):
    """A task with all its runs, or the files that no task made.

    Attributes:
        label: in a few words.
        layer: 0 at the top; what was used is above what used it.
    """

    label: str
    layer: int


def nodes_and_arrows(records: Sequence[Record]) -> tuple[dict[str, Node], set[tuple[str, str]]]:
    """What the picture shows: nodes by name, and arrows from what was used to what used it."""
    made_by = {
        (output["uri"], output["adler32"]): record["task"]
        for record in records
        for output in record["outputs"]
    }
    runs: dict[str, list[Record]] = defaultdict(list)
    outside: dict[str, set[str]] = defaultdict(set)
    arrows: set[tuple[str, str]] = set()
    for record in records:
        task = record["task"]
        runs[task].append(record)
        for item in record["inputs"]:
            source = made_by.get((item["uri"], item["adler32"]))
            if source is None:
                source = f"input of {task}"
                outside[source].add(item["uri"])
            if source != task:
                arrows.add((source, task))
    labels = {task: _task_label(task, found) for task, found in runs.items()}
    labels |= {name: _files_label(uris) for name, uris in outside.items()}
    layers = _layers(labels, arrows)
    return {name: Node(label, layers[name]) for name, label in labels.items()}, arrows


def _task_label(task: str, runs: Sequence[Record]) -> str:
    n_files = sum(len(record["outputs"]) for record in runs)
    commits = sorted({_commit(record["code"]) for record in runs})
    images = sorted({str(record["image"]).partition("@")[0] for record in runs if record["image"]})
    count = f"{_number(len(runs), 'run')}, {_number(n_files, 'file')}"
    return "\n".join([task, count, f"code {', '.join(commits)}", *images])


def _commit(code: Mapping[str, Any]) -> str:
    return f"{str(code['commit'])[:10]}{' (edited)' if code['dirty'] else ''}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _files_label(uris: set[str]) -> str:
    names = sorted(uri.rpartition("/")[2] for uri in uris)
    more = [f"and {len(names) - 3} more"] if len(names) > 3 else []  # noqa: PLR2004 - to be read
    return "\n".join([*names[:3], *more])


def _layers(names: Mapping[str, str], arrows: set[tuple[str, str]]) -> dict[str, int]:
    """Longest way to each node from one without a source; such a one just before its first use."""
    layers = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in arrows:
            layers[target] = max(layers[target], layers[source] + 1)
    for name in layers.keys() - {target for _, target in arrows}:
        uses = [layers[target] for source, target in arrows if source == name]
        layers[name] = min(uses, default=1) - 1
    return layers


def draw(records: Sequence[Record], title: str) -> Any:
    """The picture as a matplotlib figure, from inputs at the top to results at the bottom."""
    from matplotlib.figure import Figure

    nodes, arrows = nodes_and_arrows(records)
    by_layer: dict[int, list[str]] = defaultdict(list)
    for name in sorted(nodes):
        by_layer[nodes[name].layer].append(name)
    n_layers, width = len(by_layer), max(map(len, by_layer.values()), default=1)
    figure = Figure(figsize=(max(6.0, 3.2 * width), max(2.5, 1.5 * n_layers)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(-0.7, n_layers)
    axes.text(0.05, n_layers - 0.1, title, va="top", fontsize=10, weight="bold")
    places = {
        name: (width * (i + 0.5) / len(names), n_layers - 1 - layer)
        for layer, names in by_layer.items()
        for i, name in enumerate(names)
    }
    boxes = {}
    for name, (x, y) in places.items():
        colour = "#fdf2d0" if name.startswith("input of ") else "#dce9f7"
        style = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "0.4"}
        label = nodes[name].label
        boxes[name] = axes.text(x, y, label, ha="center", va="center", fontsize=8, bbox=style)
    for source, target in sorted(arrows):
        axes.annotate(
            "",
            xy=places[target],
            xytext=places[source],
            arrowprops={
                "arrowstyle": "-|>",
                "color": "0.4",
                "patchA": boxes[source].get_bbox_patch(),
                "patchB": boxes[target].get_bbox_patch(),
            },
        )
    return figure
