"""The chart of an endurance run: latency, memory and the machine's speed over time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.reporting.plots import OTHERS, OURS, PLAIN, SECOND, save, set_title, start_at_zero, svg_style
from benchmarks.reporting.results import Record, of_kind

SLOW_MS = 100.0  # a p50 above it is a stall: a queue has grown


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw the one endurance run in `records`."""
    (record,) = of_kind(records, "endurance")
    with svg_style():
        figure = Figure(figsize=(10, 7.2), layout="constrained")
        latency, memory, work = figure.subplots(3, 1, sharex=True, height_ratios=(5, 3, 3))
        _draw_latency(latency, record["windows"])
        _draw_memory(memory, record["memory"])
        _draw_work(work, record["work_ms"])
        slow = [window["second"] for window in record["windows"] if (window["p50_ms"] or 0) > SLOW_MS]
        for axes in figure.axes:
            for second in slow:
                axes.axvspan(second / 60, (second + 5) / 60, color="0.92", linewidth=0, zorder=0)
        set_title(figure, _finding(record))
        save(figure, path)


def _finding(record: Record) -> str:
    failed = round(record["due"] * (1 - record["success"]))
    return (
        f"{record['due']:,} requests at {record['rate']:,.0f}/s: {f'{failed:,}' if failed else 'none'} failed; "
        f"p50 {record['p50_ms']:.1f} ms, p99 {record['p99_ms']:,.0f} ms"
    )


def _draw_latency(axes: Axes, windows: Sequence[Record]) -> None:
    minutes = [window["second"] / 60 for window in windows]
    for name, label, colour, line in (("p99_ms", "p99", SECOND, "--"), ("p50_ms", "p50", OURS, "-")):
        axes.plot(minutes, [window[name] for window in windows], line, color=colour, label=label)
    axes.set(yscale="log", ylabel="latency, ms")
    axes.yaxis.set_major_formatter(PLAIN)
    axes.legend(loc="upper left", ncols=2)
    worst = max(windows, key=lambda window: float(window["p50_ms"] or 0))
    if (worst["p50_ms"] or 0) > SLOW_MS:
        slow_s = 5 * sum((window["p50_ms"] or 0) > SLOW_MS for window in windows)
        axes.set_title(
            f"Latency of every 5 s: a queue grew during {slow_s} s (grey), p50 up to {worst['p50_ms'] / 1000:.1f} s"
        )
        text = f"{worst['p50_ms'] / 1000:.1f} s"
        place = (worst["second"] / 60, worst["p50_ms"])
        axes.annotate(text, place, (0, 12), textcoords="offset points", ha="center", fontsize=9, color=OURS)
        axes.margins(y=0.15)
    else:
        axes.set_title("Latency of every 5 s")


def _draw_memory(axes: Axes, memory: Sequence[tuple[float, float]]) -> None:
    values = [mb for _, mb in memory]
    axes.plot([second / 60 for second, _ in memory], values, color=OURS)
    axes.set_ylabel("MB")
    start_at_zero(axes)
    axes.set_title(f"Memory of all processes (PSS): {min(values):,.0f} to {max(values):,.0f} MB")


def _draw_work(axes: Axes, work_ms: Sequence[tuple[float, float]]) -> None:
    values = [ms for _, ms in work_ms]
    axes.plot([second / 60 for second, _ in work_ms], values, color=OTHERS)
    median = statistics.median(values)
    axes.set(ylabel="CPU ms", xlabel="minutes")
    start_at_zero(axes)
    axes.set_title(f"CPU time of a fixed piece of work: median {median:.1f} ms, up to {max(values) / median:.1f}× that")
