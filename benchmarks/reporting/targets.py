"""Compare the results with the targets of the benchmark: ratios within one run, because machines differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.reporting.results import Record, of_kind
from common.markdown import markdown_table

MOSEC, USUAL, ECHO, FASTAPI = "mosec-orjson", "torchserve", "echo", "fastapi"
OTHERS = ("fastapi", "litserve", "bentoml", "ray", "triton")
REQUIRED_SERVERS = {"ours", MOSEC, USUAL, ECHO, FASTAPI}
REQUIRED_CONNECTIONS = {1, 16, 64, 256}


class Row(NamedTuple):
    """One target: `is_reached` is None if the figure is only reported."""

    measure: str
    target: str
    measured: str
    is_reached: bool | None = None

    def cells(self) -> tuple[str, ...]:
        return self.measure, self.target, self.measured, {True: "yes", False: "no", None: ""}[self.is_reached]


def targets_table(trials: Mapping[str, Record], records: Sequence[Record]) -> str:
    """Compare the median `trials` with the targets; return "" if a server or a measurement is missing for that."""
    answered_all = all(_answered_connections(trial) >= REQUIRED_CONNECTIONS for trial in trials.values())
    if not trials.keys() >= REQUIRED_SERVERS or not answered_all:
        return ""
    rows = [*_throughput(trials), *_latency(trials), *_costs(trials), *_sweeps(records)]
    return markdown_table(("measure", "target", "measured", "reached"), [row.cells() for row in rows])


def _answered_connections(trial: Record) -> set[int]:
    """Return the numbers of connections at which the server answered at all."""
    return {measure["connections"] for measure in trial["closed"] if measure["requests_per_s"]}


def _at(trials: Mapping[str, Record], server: str, connections: int) -> Any:
    return next(measure for measure in trials[server]["closed"] if measure["connections"] == connections)


def _throughput(trials: Mapping[str, Record]) -> Iterator[Row]:
    targets = [(64, MOSEC, 1.0), (256, MOSEC, 1.0), (16, MOSEC, 1.3), (64, USUAL, 4.0)]
    targets += [(64, server, 8.0) for server in OTHERS if server in trials]
    for connections, server, target in [*targets, (256, ECHO, 0.85)]:
        ours, theirs = (_at(trials, name, connections)["requests_per_s"] for name in ("ours", server))
        measure = f"requests/s at {connections}, against {server}"
        yield Row(
            measure, f"≥ {target:g}×", f"{ours / theirs:.2f}× ({ours:,.0f}, {theirs:,.0f})", ours >= target * theirs
        )


def _latency(trials: Mapping[str, Record]) -> Iterator[Row]:
    for connections in (64, 256):
        ours, theirs = (_at(trials, server, connections)["p99_ms"] for server in ("ours", MOSEC))
        yield Row(f"p99 at {connections}", f"≤ {MOSEC}'s", f"{ours:.1f} ms; {theirs:.1f}", ours <= theirs)
    ours, fastapi = (_at(trials, server, 1)["p50_ms"] for server in ("ours", FASTAPI))
    yield Row("p50 at 1", f"≤ 1.6 / 0.9 of {FASTAPI}'s", f"{ours:.2f} ms; {fastapi:.2f}", ours <= fastapi * 1.6 / 0.9)


def _costs(trials: Mapping[str, Record]) -> Iterator[Row]:
    ready, usual, mosec = (trials[server]["ready_s"] for server in ("ours", USUAL, MOSEC))
    measure, target = "launch to first right response", f"≤ 60 % of {USUAL}'s, ≤ {MOSEC}'s"
    yield Row(measure, target, f"{ready:.1f} s; {usual:.1f}, {mosec:.1f}", ready <= min(0.6 * usual, mosec))
    memory, usual = (trials[server]["memory_mb"] for server in ("ours", USUAL))
    measured = f"{memory:,.0f} MB; {USUAL} {usual:,.0f} ({memory / usual:.0%})"
    yield Row("memory of the server, two workers (PSS)", "none", measured)


def _sweeps(records: Sequence[Record]) -> Iterator[Row]:
    sweeps = {record["name"]: record["points"] for record in of_kind(records, "sweep")}
    if points := sweeps.get("bulk"):
        digits = max(point["digits"] for point in points)
        largest = [point for point in points if point["digits"] == digits]
        (in_process,) = (point["npy"] for point in largest if point.get("in_process"))
        served = max(point["requests_per_s"] for point in largest if "requests_per_s" in point) * digits
        measure, target = f"digits/s, {digits:,} in one .npy", "≥ 60 % of one process without a server"
        measured = f"{served:,.0f}; {in_process:,.0f} ({served / in_process:.0%})"
        yield Row(measure, target, measured, served >= 0.6 * in_process)
    if points := sweeps.get("image sizes"):
        photo = max((point for point in points if point["server"] == "ours"), key=lambda point: point["width"])
        megapixels = photo["width"] * photo["height"] / 1e6
        measured = f"{photo['requests_per_s']:.1f} requests/s, p99 {photo['p99_ms']:,.0f} ms, 4 connections"
        yield Row(f"a photo of {megapixels:.0f} megapixels", "none", measured)
    if points := sweeps.get("workers"):
        one, usual = (_one_more_worker_mb(points, server) for server in ("ours", USUAL))
        measured = f"{one:,.0f} MB; {usual:,.0f} ({one / usual:.0%})"
        yield Row("memory of one more worker (PSS)", f"≤ 70 % of {USUAL}'s", measured, one <= 0.7 * usual)


def _one_more_worker_mb(points: Sequence[Record], server: str) -> float:
    memory = {point["workers"]: point["memory_mb"] for point in points if point["server"] == server}
    fewest, most = min(memory), max(memory)
    return float(memory[most] - memory[fewest]) / (most - fewest)
