"""The pictures of a run, in the width of a README."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, OTHERS, SECOND = "#ee4c2c", "#8a9ba8", "#2f6f9f"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.hashsalt": "benchmarks",  # the same results give the same file
    "legend.frameon": False,
    "figure.facecolor": "white",
}
Record = dict[str, Any]


def draw_peers(visits: Mapping[str, Record], path: Path) -> None:
    """Throughput, tail, cost and start of every peer."""
    shown = max((m["connections"] for m in next(iter(visits.values()))["closed"]), key=lambda c: (c == 64, c))
    panels: dict[str, Callable[[Record], float]] = {
        f"requests/s at {shown:.0f} connections": lambda v: _at(v, shown)["requests_per_s"],
        f"p99 at {shown:.0f} connections, ms": lambda v: _at(v, shown)["p99_ms"],
        "CPU seconds per 1,000 requests": lambda v: _at(v, shown)["cpu_s_per_1000"],
        "memory, MB": lambda v: v["memory_mb"],
        "launch to first right answer, s": lambda v: v["ready_s"],
    }
    if next(iter(visits.values()))["open"]:
        rate = next(iter(visits.values()))["open"][-1]["rate"]
        panels[f"p99 at {rate:g} requests/s, open loop, ms"] = lambda v: v["open"][-1]["p99_ms"] or 0
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 0.5 + 3 * (0.6 + 0.22 * len(visits))), layout="constrained")
        for axes, (title, value) in zip(figure.subplots(3, 2).flat, panels.items(), strict=False):
            _bars(axes, title, {peer: value(visit) for peer, visit in visits.items()})
        for axes in figure.axes[len(panels) :]:
            axes.remove()
        _save(figure, path)


def draw_growth(sweeps: Sequence[Record], path: Path) -> None:
    """What becomes of throughput and tail with more digits, connections, pixels or workers."""
    points = {sweep["sweep"]: sweep["points"] for sweep in sweeps}
    drawings = {"bulk": _bulk, "connections": _connections, "image sizes": _image_sizes, "workers": _workers}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.5), layout="constrained")
        for axes, (name, draw) in zip(figure.subplots(2, 2).flat, drawings.items(), strict=True):
            if name in points:
                draw(axes, points[name])
            else:
                axes.remove()
        _save(figure, path)


def _bars(axes: Axes, title: str, values: Mapping[str, float]) -> None:
    colours = [OURS if peer == "ours" else OTHERS for peer in values]
    bars = axes.barh(list(values), list(values.values()), color=colours, height=0.7)
    axes.bar_label(bars, [f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values.values()], padding=3, fontsize=8)
    axes.set(title=title, xlim=(0, max(*values.values(), 1e-9) * 1.18))
    axes.invert_yaxis()
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    axes.spines["bottom"].set_visible(False)


def _bulk(axes: Axes, points: Sequence[Record]) -> None:
    alone = [p for p in points if p.get("without_server")]
    axes.plot(
        [p["digits"] for p in alone], [p["npy"] for p in alone], "--", color=OTHERS, label="one process, no server"
    )
    for connections, colour in ((1, SECOND), (4, OURS)):
        served = [p for p in points if p.get("connections") == connections]
        images = [p["requests_per_s"] * p["digits"] for p in served]
        label = f"served, {connections} connection{'s' * (connections > 1)}"
        axes.plot([p["digits"] for p in served], images, "o-", color=colour, label=label)
    axes.set(title="digits/s by digits in one .npy request", xscale="log", yscale="log")
    _ticks(axes, [p["digits"] for p in alone])
    axes.legend()


def _connections(axes: Axes, points: Sequence[Record]) -> None:
    _two_lines(axes, [p["connections"] for p in points], points)
    axes.set(title="requests/s and p99 by connections", xscale="log")
    _ticks(axes, [p["connections"] for p in points])


def _image_sizes(axes: Axes, points: Sequence[Record]) -> None:
    for peer, colour, above in (("ours", OURS, -14), ("mosec-orjson", SECOND, 7)):
        own = [p for p in points if p["peer"] == peer]
        megapixels = [p["width"] * p["height"] / 1e6 for p in own]
        axes.plot(megapixels, [p["requests_per_s"] for p in own], "o-", color=colour, label=peer)
        for x, p in zip(megapixels, own, strict=True):
            place = (x, p["requests_per_s"])
            text = f"{p['p99_ms']:.0f} ms"
            axes.annotate(text, place, (0, above), textcoords="offset points", ha="center", fontsize=7, color=colour)
    axes.set(title="photos: requests/s (and p99) by megapixels", xscale="log", yscale="log")
    axes.margins(0.08, 0.15)
    axes.legend()


def _workers(axes: Axes, points: Sequence[Record]) -> None:
    own = [p for p in points if p["peer"] == "ours"]
    _two_lines(axes, [p["workers"] for p in own], own)
    axes.set(title="requests/s and p99 by workers, 64 connections")
    axes.set_xticks([p["workers"] for p in own])


def _two_lines(axes: Axes, x: Sequence[float], points: Sequence[Record]) -> None:
    axes.plot(x, [p["requests_per_s"] for p in points], "o-", color=OURS)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("requests/s", color=OURS)
    right = axes.twinx()
    right.plot(x, [p["p99_ms"] for p in points], "o:", color=SECOND)
    right.set_ylim(bottom=0)
    right.set_ylabel("p99, ms", color=SECOND)


def _ticks(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def _at(visit: Record, connections: float) -> Record:
    return next(measure for measure in visit["closed"] if measure["connections"] == connections)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
