"""The chart of a worker's profile: its most expensive functions."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.reporting.plots import OTHERS, OURS, SECOND, THIRD, save, set_title, svg_style

SHOWN = 10
LOOP = "TorchModelServiceWorker.handle_connection "  # the frames above it are the same in every sample
WAITING = ("SocketReader._fill ", "PredictionMetrics._report_always ")  # py-spy takes a forked worker's waits for work
OWNERS = {"this project": OURS, "torch": SECOND, "TorchServe": THIRD, "Python": OTHERS}
PYTHON = ("logging/", "threading.py", "selectors.py", "socket.py", "json/", "contextlib.py")


def count_functions(stacks: str) -> tuple[Counter[str], Counter[str], int]:
    """Count samples by function, in itself and with its callees, and all samples but those of waiting.

    `stacks` has a line `frame;frame;… count` for each stack, the outermost frame first.
    """
    own, total, samples = Counter[str](), Counter[str](), 0
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [re.sub(r":\d+\)$", ")", frame) for frame in frames.split(";")]
        if names[-1].startswith(WAITING):
            continue
        names = names[next((i for i, name in enumerate(names) if name.startswith(LOOP)), 0) :]
        own[names[-1]] += int(count)
        total.update(dict.fromkeys(names, int(count)))
        samples += int(count)
    return own, total, samples


def owner(function: str) -> str:
    """Return whose code a function `name (file)` is."""
    file = function.rpartition("(")[2]
    if file.startswith("torch/"):
        return "torch"
    if file.startswith("ts/"):
        return "TorchServe"
    return "Python" if file.startswith((*PYTHON, "<")) else "this project"


def draw(stacks: Path, path: Path) -> None:
    """Draw the functions with the largest share of the worker's own time as bars."""
    own, _, samples = count_functions(stacks.read_text(encoding="utf-8"))
    functions = own.most_common(SHOWN)
    shares = [count / samples for _, count in functions]
    with svg_style():
        figure = Figure(figsize=(10, 1.3 + 0.36 * len(functions)), layout="constrained")
        axes = figure.subplots()
        colours = [OWNERS[owner(name)] for name, _ in functions]
        bars = axes.barh([name for name, _ in functions], shares, color=colours, height=0.7)
        axes.bar_label(bars, [f"{share:.1%}" for share in shares], padding=4)
        axes.invert_yaxis()
        axes.set(xlim=(0, max(shares, default=1) * 1.16), xlabel="share of a worker's time without waiting")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.grid(visible=False, axis="y")
        axes.tick_params(left=False)
        used = [name for name in OWNERS if OWNERS[name] in colours]
        axes.legend(handles=[Patch(color=OWNERS[name], label=name) for name in used], loc="lower right")
        set_title(figure, _finding(own, samples))
        save(figure, path)


def _finding(own: Counter[str], samples: int) -> str:
    by_owner = Counter[str]()
    for name, count in own.items():
        by_owner[owner(name)] += count
    shares = ", ".join(
        f"{name} {count / samples:.0%}" for name, count in by_owner.most_common() if count * 100 > samples
    )
    return f"A worker's time at 64 connections: {shares}"
