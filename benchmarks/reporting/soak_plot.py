"""The chart of a soak: responses, latency, memory and open files over time, above a rail of rollouts and kills."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.load.constant_rate import RIGHT
from benchmarks.reporting.plots import OTHERS, OURS, PLAIN, SECOND, save, set_title, start_at_zero, svg_style
from benchmarks.reporting.results import Record, of_kind
from benchmarks.scenarios.soak.load import REFUSED
from benchmarks.scenarios.soak.summary import Summary

STALL_SHARE = 0.5  # of the rate: with fewer right responses than that the server stalls
EVENTS = {
    "deploy": ("rollout", "^", "deployment"),
    "rollback": ("rollout", "v", "rollback"),
    "kill": ("kill", "x", "worker killed"),
}


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw the samples and events of a soak."""
    samples = of_kind(records, "sample")
    minutes = [sample["second"] / 60 for sample in samples]
    with svg_style():
        figure = Figure(figsize=(10, 9.6), layout="constrained")
        rates, latency, memory, files, rail = figure.subplots(5, 1, sharex=True, height_ratios=(4, 4, 3, 3, 1.3))
        _draw_rates(rates, samples, records[0]["settings"]["rate"])
        _draw_latency(latency, samples)
        memory.plot(minutes, [sample["memory_mb"] for sample in samples], color=OURS)
        memory.set(title="Memory of all processes (PSS)", ylabel="MB")
        start_at_zero(memory)
        files.plot(minutes, [sample["descriptors"] for sample in samples], color=OURS)
        files.set(title="Open files and sockets, those of the load's connections included", ylabel="count")
        start_at_zero(files)
        _draw_rail(rail, records)
        set_title(figure, _finding(records))
        save(figure, path)


def _finding(records: Sequence[Record]) -> str:
    summary = Summary(records)
    total, lost, unexpected = sum(summary.counts.values()), sum(summary.lost), len(summary.unexpected_failures)
    return (
        f"{total:,} requests: {lost:,} failed with the {len(summary.kills)} killed workers, "
        f"{f'{unexpected:,}' if unexpected else 'none'} otherwise"
    )


def _draw_rates(axes: Axes, samples: Sequence[Record], rate: float) -> None:
    spans = [(a, b, b["second"] - a["second"]) for a, b in pairwise(samples)]
    minutes = [b["second"] / 60 for _, b, _ in spans]
    total = [(sum(b["counts"].values()) - sum(a["counts"].values())) / span for a, b, span in spans]
    for outcome, label, colour, line in ((RIGHT, "right", OURS, "-"), (REFUSED, "bad requests refused", OTHERS, "--")):
        rates = [(b["counts"].get(outcome, 0) - a["counts"].get(outcome, 0)) / span for a, b, span in spans]
        axes.plot(minutes, rates, line, color=colour, label=label)
    axes.set(title=f"Responses, at a load of {rate:,.0f} requests/s", ylabel="responses/s")
    start_at_zero(axes)
    axes.legend(loc="upper left", ncols=2)
    # The first and the last spans are left out: the load begins and ends in them.
    stalled = [i for i in range(1, len(total) - 1) if total[i] < STALL_SHARE * rate]
    if stalled:
        worst = min(stalled, key=total.__getitem__)
        p50_s = max(spans[i][1]["p50_ms"] or 0 for i in stalled) / 1000
        text = f"stall: {total[worst]:,.0f}/s, p50 {p50_s:.1f} s"
        place = (minutes[worst], total[worst])
        arrow = {"arrowstyle": "-", "color": SECOND}
        axes.annotate(
            *(text, place, (-16, 10)),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=SECOND,
            arrowprops=arrow,
        )


def _draw_latency(axes: Axes, samples: Sequence[Record]) -> None:
    minutes = [sample["second"] / 60 for sample in samples]
    for name, label, colour, line in (("p99_ms", "p99", SECOND, "--"), ("p50_ms", "p50", OURS, "-")):
        axes.plot(minutes, [sample[name] for sample in samples], line, color=colour, label=label, linewidth=1.2)
    axes.set(title="Latency", ylabel="ms", yscale="log")
    axes.yaxis.set_major_formatter(PLAIN)
    axes.margins(y=0.2)
    axes.legend(loc="upper left", ncols=2)


def _draw_rail(axes: Axes, records: Sequence[Record]) -> None:
    for event, (kind, marker, label) in EVENTS.items():
        minutes = [r["second"] / 60 for r in of_kind(records, kind) if kind == "kill" or r["command"] == event]
        colour, row = (SECOND, 0) if kind == "kill" else (OURS, 1)
        axes.plot(minutes, [row] * len(minutes), marker, color=colour, markersize=6, label=label)
    axes.set(ylim=(-0.6, 1.6), xlabel="minutes", title="Events: ▲ deployment, ▼ rollback, × worker killed")
    axes.set_yticks([0, 1], ["kills", "rollouts"])
    axes.tick_params(left=False)
