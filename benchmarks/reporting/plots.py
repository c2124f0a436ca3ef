"""Charts of a comparison, in the width of a README: one dot for each server, and the sweeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.reporting.results import Record
from common.plots import style

OURS, SECOND, THIRD, OTHERS = "#0072B2", "#D55E00", "#009E73", "#767676"  # Okabe and Ito's, and a grey
LINES = ((OURS, "o"), (SECOND, "s"))
PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")  # without exponents
UPPER_BOUND = "echo"  # not a server to compare with: it does not predict
TEXT_PT = 9


@contextmanager
def svg_style() -> Iterator[None]:
    """Draw in the project's style; the same results give the same file."""
    with style(), mpl.rc_context({"svg.hashsalt": "benchmarks", "font.size": 10, "axes.titlesize": 10.5}):
        yield


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})


def set_title(figure: Figure, finding: str) -> None:
    """Write the finding above all panels."""
    figure.suptitle(finding, x=0.012, ha="left", fontsize=13, fontweight="bold")


def start_at_zero(axes: Axes) -> None:
    """Let the y axis, which has its data, begin at 0 and leave a margin on top; label it without exponents."""
    axes.margins(y=0.14)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PLAIN)


class Panel(NamedTuple):
    """A measure of a trial; `share` is the share of requests that were answered while it was measured."""

    title: str
    unit: str
    value: Callable[[Record], float | None]
    share: Callable[[Record], float] = lambda _: 1.0
    more_is_better: bool = False


def draw_servers(trials: Mapping[str, Record], path: Path) -> None:
    """Draw throughput, latency, cost and start of every server as dots on logarithmic axes, the best on top."""
    first = next(iter(trials.values()))
    connections = max((m["connections"] for m in first["closed"]), key=lambda c: (c == 64, c))
    panels = [
        Panel(
            f"Throughput at {connections} connections",
            "requests/s",
            lambda t: _at(t, connections)["requests_per_s"],
            lambda t: _at(t, connections)["success"],
            more_is_better=True,
        ),
        Panel(
            f"p99 latency at {connections} connections",
            "ms",
            lambda t: _at(t, connections)["p99_ms"],
            lambda t: _at(t, connections)["success"],
        ),
        Panel("CPU time per 1,000 requests", "s", lambda t: _at(t, connections)["cpu_s_per_1000"]),
        Panel("Memory of all processes (PSS)", "MB", lambda t: t["memory_mb"]),
        Panel("Launch to first right response", "s", lambda t: t["ready_s"]),
    ]
    if first["open"]:
        title = f"p99 latency at {first['open'][-1]['rate']:,g} requests/s, open loop"
        panels.append(Panel(title, "ms", lambda t: t["open"][-1]["p99_ms"], lambda t: t["open"][-1]["success"]))
    with svg_style():
        figure = Figure(figsize=(10, 1.1 + 3 * (0.8 + 0.2 * len(trials))), layout="constrained")
        for axes, panel in zip(figure.subplots(3, 2).flat, panels, strict=False):
            _draw_dots(axes, panel, trials)
        for axes in figure.axes[len(panels) :]:
            axes.remove()
        set_title(figure, _finding(trials, connections))
        note = f"Blue: ours. Cross: {UPPER_BOUND}, which predicts nothing: the upper bound for a handler. " * (
            UPPER_BOUND in trials
        )
        figure.supxlabel(f"{note}Hollow: more than 0.1 % of the requests failed.", fontsize=TEXT_PT, color="0.3")
        save(figure, path)


def _finding(trials: Mapping[str, Record], connections: int) -> str:
    """Compare our throughput with the best other server's and plain TorchServe's."""
    others = {
        s: t for s, t in trials.items() if s not in ("ours", UPPER_BOUND) and _at(t, connections)["requests_per_s"]
    }
    if "ours" not in trials or not others:
        return f"Servers at {connections} connections"
    ours = _at(trials["ours"], connections)["requests_per_s"]
    best = max(others, key=lambda server: _at(others[server], connections)["requests_per_s"])
    compared = dict.fromkeys([best, "torchserve"] if "torchserve" in others else [best])
    ratios = [f"{ours / _at(others[server], connections)['requests_per_s']:.2g}× {server}" for server in compared]
    return f"At {connections} connections ours serves {ours:,.0f} requests/s: {', '.join(ratios)}"


def _draw_dots(axes: Axes, panel: Panel, trials: Mapping[str, Record]) -> None:
    values = {server: panel.value(trial) for server, trial in trials.items()}
    known = {server: value for server, value in values.items() if value}
    order = sorted(known, key=lambda server: known[server], reverse=panel.more_is_better)
    missing = [server for server in values if server not in known]
    for row, server in enumerate(order):
        colour = OURS if server == "ours" else OTHERS
        face = colour if panel.share(trials[server]) >= 0.999 else "white"
        marker: dict[str, Any] = {"marker": "x"} if server == UPPER_BOUND else {"marker": "o", "markerfacecolor": face}
        axes.plot(known[server], row, color=colour, markersize=7, markeredgewidth=1.6, linestyle="none", **marker)
        label = f"{known[server]:,.0f}" if known[server] >= 100 else f"{known[server]:.3g}"
        weight = "bold" if server == "ours" else "normal"
        place: dict[str, Any] = {
            "textcoords": "offset points",
            "va": "center",
            "fontsize": TEXT_PT,
            "fontweight": weight,
        }
        axes.annotate(label, (known[server], row), (8, 0), color=colour if server == "ours" else "0.2", **place)
    names = [*order, *missing]
    axes.set_yticks(range(len(names)), names, fontsize=TEXT_PT)
    for tick in axes.get_yticklabels():
        if tick.get_text() == "ours":
            tick.set(color=OURS, fontweight="bold")
    axes.set(ylim=(len(names) - 0.5, -0.5), xscale="log", xlabel=panel.unit)
    if known:
        low, high = min(known.values()), max(known.values())
        axes.set_xlim(low / 1.3, high * max(1.6, (high / low) ** 0.22))
    tick_plainly(axes)
    axes.tick_params(left=False)
    axes.set_title(f"{panel.title}{_rank(order)}")


def _rank(order: Sequence[str]) -> str:
    servers = [server for server in order if server != UPPER_BOUND]
    if "ours" not in servers or len(servers) < 2:
        return ""
    rank = servers.index("ours") + 1
    ordinal = {1: "best", 2: "2nd", 3: "3rd"}.get(rank, f"{rank}th")
    return f": {ordinal} of {len(servers)}"


def tick_plainly(axes: Axes) -> None:
    """Label the logarithmic x axis at 1, 2 and 5 times powers of ten, without exponents."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,), numticks=12))
    axes.xaxis.set_major_formatter(PLAIN)
    axes.xaxis.set_minor_formatter(NullFormatter())


def draw_sweeps(sweeps: Sequence[Record], path: Path) -> None:
    """Draw throughput and latency over digits in a request, connections, image size and workers."""
    points = {sweep["name"]: sweep["points"] for sweep in sweeps}
    rows = {"bulk": _draw_bulk, "connections": _draw_connections, "image sizes": _draw_images, "workers": _draw_workers}
    present = [name for name in rows if name in points]
    with svg_style():
        figure = Figure(
            figsize=(10, 0.3 + 2.9 * len(present)), layout=ConstrainedLayoutEngine(hspace=0.06, wspace=0.05)
        )
        grid = figure.subplots(len(present), 2, squeeze=False)
        for (left, right), name in zip(grid, present, strict=True):
            rows[name](left, right, points[name])
        save(figure, path)


def _draw_bulk(left: Axes, right: Axes, points: Sequence[Record]) -> None:
    baseline = [p for p in points if p.get("in_process")]
    digits = [p["digits"] for p in baseline]
    left.plot(digits, [p["npy"] for p in baseline], "--", color=OTHERS, label="one process, no server")
    for connections, colour, marker in ((1, SECOND, "s"), (4, OURS, "o")):
        served = [p for p in points if p.get("connections") == connections]
        label = f"{connections} connection{'s' * (connections > 1)}"
        rates = [p["requests_per_s"] * p["digits"] for p in served]
        left.plot([p["digits"] for p in served], rates, marker=marker, color=colour, label=label)
        right.plot(
            [p["digits"] for p in served], [p["p99_ms"] for p in served], marker=marker, color=colour, label=label
        )
    largest = max(digits)
    best = max(p["requests_per_s"] for p in points if p["digits"] == largest and "requests_per_s" in p) * largest
    (alone,) = (p["npy"] for p in baseline if p["digits"] == largest)
    _finish(
        left, f"{largest:,} digits in a request: {best / alone:.1f}× one process", "digits in one .npy request", digits
    )
    left.set(ylabel="digits/s", yscale="log")
    left.yaxis.set_major_formatter(PLAIN)
    slowest = max(p["p99_ms"] for p in points if p["digits"] == largest and "p99_ms" in p)
    _finish(right, f"p99 at {largest:,} digits: up to {slowest:.0f} ms", "digits in one .npy request", digits)
    right.set(ylabel="p99 latency, ms")
    start_at_zero(right)


def _draw_connections(left: Axes, right: Axes, points: Sequence[Record]) -> None:
    connections = [p["connections"] for p in points]
    left.plot(connections, [p["requests_per_s"] for p in points], "o-", color=OURS)
    right.plot(connections, [p["p99_ms"] for p in points], "o-", color=OURS)
    best = max(points, key=lambda p: float(p["requests_per_s"]))
    title = f"Throughput is highest at {best['connections']} connections: {best['requests_per_s']:,.0f}/s"
    _finish(left, title, "connections", connections)
    left.set(ylabel="requests/s")
    start_at_zero(left)
    _finish(right, f"p99 at {connections[-1]:,} connections: {points[-1]['p99_ms']:.0f} ms", "connections", connections)
    right.set(ylabel="p99 latency, ms")
    start_at_zero(right)


def _draw_images(left: Axes, right: Axes, points: Sequence[Record]) -> None:
    by_server = _by_server(points)
    names = [f"{p['width']}×{p['height']}" for p in next(iter(by_server.values()))]
    for axes, measure, unit in ((left, "requests_per_s", "requests/s"), (right, "p99_ms", "p99 latency, ms")):
        for (server, own), (colour, marker) in zip(by_server.items(), LINES, strict=False):
            axes.plot(range(len(own)), [p[measure] for p in own], marker=marker, color=colour, label=server)
        axes.set(yscale="log", ylabel=unit, xlabel="image size, pixels")
        axes.set_xticks(range(len(names)), names, fontsize=TEXT_PT)
        axes.yaxis.set_major_formatter(PLAIN)
        axes.set_title(_compare_images(measure, by_server, names), fontsize=9.5)
        axes.legend()


def _compare_images(measure: str, by_server: Mapping[str, Sequence[Record]], names: Sequence[str]) -> str:
    """Compare ours with the other server at the size where ours is worst, and at the largest."""
    if len(by_server) < 2:
        return ""
    (_, ours), (server, theirs) = list(by_server.items())[:2]
    ratios = [mine[measure] / other[measure] for mine, other in zip(ours, theirs, strict=True)]
    worst = ratios.index(min(ratios) if measure == "requests_per_s" else max(ratios))
    last = f", {ratios[-1]:.2g}× at {names[-1]}" if worst != len(names) - 1 else ""
    return f"ours: {ratios[worst]:.2g}× {server} at {names[worst]}{last}"


def _draw_workers(left: Axes, right: Axes, points: Sequence[Record]) -> None:
    by_server = _by_server(points)
    each_mb = {}
    for (server, own), (colour, marker) in zip(by_server.items(), LINES, strict=False):
        workers = [p["workers"] for p in own]
        left.plot(workers, [p["requests_per_s"] for p in own], marker=marker, color=colour, label=server)
        right.plot(workers, [p["memory_mb"] for p in own], marker=marker, color=colour, label=server)
        each_mb[server] = (own[-1]["memory_mb"] - own[0]["memory_mb"]) / (workers[-1] - workers[0])
    ours = next(iter(by_server.values()))
    best = max(ours, key=lambda p: float(p["requests_per_s"]))
    left.set(title=f"Throughput is highest with {best['workers']} workers", ylabel="requests/s, 64 connections")
    costs = ", ".join(f"{server} {mb:.0f} MB" for server, mb in each_mb.items())
    right.set(title=f"One more worker: {costs}", ylabel="memory (PSS), MB")
    for axes in (left, right):
        axes.set(xlabel="workers")
        start_at_zero(axes)
        axes.set_xticks([p["workers"] for p in ours])
        axes.legend()


def _by_server(points: Sequence[Record]) -> dict[str, list[Record]]:
    by_server: dict[str, list[Record]] = {}
    for point in points:
        by_server.setdefault(point["server"], []).append(point)
    return by_server


def _finish(axes: Axes, title: str, xlabel: str, ticks: Sequence[float]) -> None:
    axes.set(title=title, xlabel=xlabel, xscale="log")
    axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    axes.minorticks_off()
    if axes.get_legend_handles_labels()[1]:
        axes.legend()


def _at(trial: Record, connections: float) -> Record:
    return next(measure for measure in trial["closed"] if measure["connections"] == connections)
