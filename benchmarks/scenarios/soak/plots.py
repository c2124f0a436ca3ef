"""The picture of a soak: answers, latency, memory and open files over time, with each roll and each kill."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.load.constant_rate import RIGHT
from benchmarks.reporting.plots import OTHERS, OURS, SECOND, STYLE
from benchmarks.reporting.results import Record, of_kind
from benchmarks.scenarios.soak.load import REFUSED

KILL, ROLL = "#b02020", SECOND
BESIDE_TITLE: Any = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}


def draw(records: Sequence[Record], path: Path) -> None:
    samples = of_kind(records, "sample")
    minutes = [sample["second"] / 60 for sample in samples]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 9), layout="constrained")
        answers, latency, memory, files = figure.subplots(4, 1, sharex=True)
        _draw_answers(answers, samples)
        for name, label, colour in (("p50_ms", "p50", SECOND), ("p99_ms", "p99", OURS)):
            latency.plot(minutes, [sample[name] for sample in samples], color=colour, label=label)
        latency.set(title="latency, ms", yscale="log")
        latency.legend(**BESIDE_TITLE, ncols=2)
        memory.plot(minutes, [sample["memory_mb"] for sample in samples], color=OURS)
        memory.set(title="memory of all processes (PSS), MB", ylim=(0, None))
        files.plot(minutes, [sample["descriptors"] for sample in samples], color=OURS)
        files.set(title="open files of all processes", ylim=(0, None), xlabel="minutes")
        for axes in figure.axes:
            _mark(axes, records)
        figure.savefig(path, metadata={"Date": None})


def _draw_answers(axes: Axes, samples: Sequence[Record]) -> None:
    spans = [(a, b, b["second"] - a["second"]) for a, b in pairwise(samples)]
    minutes = [b["second"] / 60 for _, b, _ in spans]
    for outcome, label, colour in ((RIGHT, "right", OURS), (REFUSED, "bad, refused", OTHERS)):
        rates = [(b["counts"].get(outcome, 0) - a["counts"].get(outcome, 0)) / span for a, b, span in spans]
        axes.plot(minutes, rates, color=colour, label=label)
    axes.plot([], [], color=ROLL, linestyle=":", label="a version is rolled")
    axes.plot([], [], color=KILL, linestyle=":", label="a worker is killed")
    axes.set(title="answers/s", ylim=(0, None))
    axes.legend(**BESIDE_TITLE, ncols=4)


def _mark(axes: Axes, records: Sequence[Record]) -> None:
    for kind, colour in (("roll", ROLL), ("kill", KILL)):
        for record in of_kind(records, kind):
            axes.axvline(record["second"] / 60, color=colour, linestyle=":", linewidth=0.8)
