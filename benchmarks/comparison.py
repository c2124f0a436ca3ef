"""What the simulation foretells beside what was measured, as a table and a picture."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.costs import costs_of
from benchmarks.pictures import OTHERS, OURS, SECOND, STYLE
from benchmarks.results import of_kind
from benchmarks.simulation import Service, Simulation

SEED, WARM_UP_S, SIMULATED_S = 1, 2.0, 20.0
COLOURS = (OTHERS, SECOND, OURS)
FIGURES = ("requests_per_s", "p50_ms", "p99_ms", "cores")
Record = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One load on so many replicas: what was measured, each figure in each round, and what was foretold."""

    replicas: int
    share: float | None  # of the throughput foretold; None where connections filled the replicas
    measured: dict[str, list[float]]
    foretold: dict[str, float]
    success: float

    def median(self, figure: str) -> float:
        return statistics.median(self.measured[figure])

    def error(self, figure: str) -> float:
        """How far the foretold figure is from the measured one, as a share of that."""
        return self.foretold[figure] / self.median(figure) - 1


def compare(records: Sequence[Record]) -> list[Point]:
    """Simulate every load that was measured, with costs that were measured apart."""
    costs, quota = costs_of(records), records[0]["settings"]["cpus"]
    grouped: dict[tuple[int, float | None], list[Record]] = {}
    for record in [*of_kind(records, "full"), *of_kind(records, "open")]:
        grouped.setdefault((record["replicas"], record.get("share")), []).append(record)
    return [
        Point(
            replicas=replicas,
            share=share,
            measured={figure: [_measured(record, figure) for record in rounds] for figure in FIGURES},
            foretold=_foretold(Service(costs, replicas, quota=quota), rounds[0]),
            success=min(record["success"] for record in rounds),
        )
        for (replicas, share), rounds in sorted(grouped.items(), key=lambda item: (item[0][0], item[0][1] or 2))
    ]


def _measured(record: Record, figure: str) -> float:
    if figure == "cores":
        count = record["replicas"]
        return sum(record["replica_cpu_s"][:count]) / count / record["seconds"]
    return record[figure]


def _foretold(service: Service, load: Record) -> dict[str, float]:
    simulation = Simulation(service, SEED, WARM_UP_S)
    if "share" in load:
        simulation.open_loop(load["rate"], SIMULATED_S)
    else:
        simulation.closed_loop(load["connections"], SIMULATED_S)
    p50_s, p99_s = np.percentile(simulation.latencies_s, (50, 99), method="inverted_cdf")
    return {
        "requests_per_s": len(simulation.latencies_s) / SIMULATED_S,
        "p50_ms": float(p50_s) * 1000,
        "p99_ms": float(p99_s) * 1000,
        "cores": simulation.cores_used(),
    }


def caption(records: Sequence[Record]) -> str:
    """How, where and when, in one paragraph."""
    run, measured = records[0], [*of_kind(records, "full"), *of_kind(records, "open")]
    settings, machine = run["settings"], run["machine"]
    busy = max(record["machine_busy"] for record in measured)
    return (
        f"`{run['command']}`, {run['date'][:10]}, commit {run['commit']}. {machine['cpu']}, {machine['cores']} "
        f"cores shared by all, Linux {machine['kernel']}; Python {run['python']}; {settings['cpus']:g} cores for each "
        f"replica. Medians of {settings['rounds']} alternating rounds, {settings['seconds']:g} s each; the machine was "
        f"at most {busy:.0%} busy. Each figure is foretold / measured, with the error of the first.\n"
    )


def table(points: Sequence[Point]) -> str:
    """Every load, foretold / measured, and how far off the first is."""
    heads = ["replicas", "load", "answered", "requests/s", "", "p50, ms", "", "p99, ms", "", "cores each", ""]
    rows = [
        [
            str(point.replicas),
            "all they can" if point.share is None else f"{point.share:.0%} of it",
            f"{100 * point.success:.4g} %",
            *(part for figure in FIGURES for part in _cells(point, figure)),
        ]
        for point in points
    ]
    return markdown(heads, rows)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---:"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cells(point: Point, figure: str) -> tuple[str, str]:
    form = {"requests_per_s": ",.0f", "cores": ".2f"}.get(figure, ".1f")
    return f"{point.foretold[figure]:{form}} / {point.median(figure):{form}}", f"{point.error(figure):+.0%}"


def draw(points: Sequence[Point], path: Path) -> None:
    """Throughput by replicas; p50 and p99 by load. Lines are foretold, marks are measured, each round one."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        throughput, *latencies = figure.subplots(1, 3)
        full = [point for point in points if point.share is None]
        _plot(throughput, full, "requests_per_s", "black", None)
        throughput.set(title="requests/s of full replicas", xlabel="replicas", ylim=(0, None))
        throughput.set_xticks([point.replicas for point in full])
        for axes, name in zip(latencies, ("p50_ms", "p99_ms"), strict=True):
            for point, colour in zip(full, COLOURS, strict=False):
                own = [p for p in points if p.replicas == point.replicas and p.share is not None]
                _plot(axes, own, name, colour, f"{point.replicas} replica{'s' * (point.replicas > 1)}")
            axes.set(
                title=f"{name.removesuffix('_ms')}, ms", xlabel="load, share of the foretold requests/s", yscale="log"
            )
        latencies[0].legend()
        figure.savefig(path, metadata={"Date": None})


def _plot(axes: Axes, points: Sequence[Point], figure: str, colour: str, label: str | None) -> None:
    x = [point.replicas if point.share is None else point.share for point in points]
    axes.plot(x, [point.foretold[figure] for point in points], color=colour, label=label)
    for at, point in zip(x, points, strict=True):
        values = point.measured[figure]
        axes.plot([at] * len(values), values, "o", color=colour, markersize=4, alpha=0.7)
