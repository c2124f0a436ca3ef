"""How far the goals of the benchmark are reached: ratios within one run, because machines differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.reporting.results import Record, of_kind

MOSEC, USUAL, ECHO, FASTAPI = "mosec-orjson", "torchserve", "echo", "fastapi"
OTHERS = ("fastapi", "litserve", "bentoml", "ray", "triton")
NAMED = {"ours", MOSEC, USUAL, ECHO, FASTAPI}
CONNECTIONS = {1, 16, 64, 256}


class Row(NamedTuple):
    """One goal: `is_reached` is None where the goal is only to be stated."""

    what: str
    goal: str
    reached: str
    is_reached: bool | None = None

    def __str__(self) -> str:
        answer = {True: "yes", False: "no", None: ""}[self.is_reached]
        return f"| {self.what} | {self.goal} | {self.reached} | {answer} |"


def table(visits: Mapping[str, Record], records: Sequence[Record]) -> str:
    """Compare the median `visits` with the goals; empty where what they name was not measured."""
    if not visits.keys() >= NAMED or not all(_answered(visit) >= CONNECTIONS for visit in visits.values()):
        return ""
    rows = [*_throughput(visits), *_latency(visits), *_costs(visits), *_growth(records)]
    return "\n".join(["| what | goal | measured | reached |", "| --- | --- | --- | --- |", *map(str, rows)]) + "\n"


def _answered(visit: Record) -> set[int]:
    """The numbers of connections at which it answered anything."""
    return {measure["connections"] for measure in visit["closed"] if measure["requests_per_s"]}


def _at(visits: Mapping[str, Record], peer: str, connections: int) -> Any:
    return next(measure for measure in visits[peer]["closed"] if measure["connections"] == connections)


def _throughput(visits: Mapping[str, Record]) -> Iterator[Row]:
    goals = [(64, MOSEC, 1.0), (256, MOSEC, 1.0), (16, MOSEC, 1.3), (64, USUAL, 4.0)]
    goals += [(64, peer, 8.0) for peer in OTHERS if peer in visits]
    for connections, peer, goal in [*goals, (256, ECHO, 0.85)]:
        ours, theirs = (_at(visits, name, connections)["requests_per_s"] for name in ("ours", peer))
        what = f"requests/s at {connections}, against {peer}"
        yield Row(what, f"≥ {goal:g}×", f"{ours / theirs:.2f}× ({ours:,.0f}, {theirs:,.0f})", ours >= goal * theirs)


def _latency(visits: Mapping[str, Record]) -> Iterator[Row]:
    for connections in (64, 256):
        ours, theirs = (_at(visits, peer, connections)["p99_ms"] for peer in ("ours", MOSEC))
        yield Row(f"p99 at {connections}", f"≤ {MOSEC}'s", f"{ours:.1f} ms; {theirs:.1f}", ours <= theirs)
    ours, fastapi = (_at(visits, peer, 1)["p50_ms"] for peer in ("ours", FASTAPI))
    yield Row("p50 at 1", f"≤ 1.6 / 0.9 of {FASTAPI}'s", f"{ours:.2f} ms; {fastapi:.2f}", ours <= fastapi * 1.6 / 0.9)


def _costs(visits: Mapping[str, Record]) -> Iterator[Row]:
    ready, usual, mosec = (visits[peer]["ready_s"] for peer in ("ours", USUAL, MOSEC))
    what, goal = "launch to first right answer", f"≤ 60 % of {USUAL}'s, ≤ {MOSEC}'s"
    yield Row(what, goal, f"{ready:.1f} s; {usual:.1f}, {mosec:.1f}", ready <= min(0.6 * usual, mosec))
    memory, usual = (visits[peer]["memory_mb"] for peer in ("ours", USUAL))
    measured = f"{memory:,.0f} MB; {USUAL} {usual:,.0f} ({memory / usual:.0%})"
    yield Row("memory of the server, two workers (PSS)", "to be stated", measured)


def _growth(records: Sequence[Record]) -> Iterator[Row]:
    sweeps = {record["sweep"]: record["points"] for record in of_kind(records, "growth")}
    if points := sweeps.get("bulk"):
        digits = max(point["digits"] for point in points)
        largest = [point for point in points if point["digits"] == digits]
        (alone,) = (point["npy"] for point in largest if point.get("without_server"))
        served = max(point["requests_per_s"] for point in largest if "requests_per_s" in point) * digits
        what, goal = f"digits/s, {digits:,} in one .npy", "≥ 60 % of one process without a server"
        yield Row(what, goal, f"{served:,.0f}; {alone:,.0f} ({served / alone:.0%})", served >= 0.6 * alone)
    if points := sweeps.get("image sizes"):
        photo = max((point for point in points if point["peer"] == "ours"), key=lambda point: point["width"])
        megapixels = photo["width"] * photo["height"] / 1e6
        measured = f"{photo['requests_per_s']:.1f} requests/s, p99 {photo['p99_ms']:,.0f} ms, 4 connections"
        yield Row(f"a photo of {megapixels:.0f} megapixels", "to be stated", measured)
    if points := sweeps.get("workers"):
        one, usual = (_one_more_worker_mb(points, peer) for peer in ("ours", USUAL))
        measured = f"{one:,.0f} MB; {usual:,.0f} ({one / usual:.0%})"
        yield Row("memory of one more worker (PSS)", f"≤ 70 % of {USUAL}'s", measured, one <= 0.7 * usual)


def _one_more_worker_mb(points: Sequence[Record], peer: str) -> float:
    memory = {point["workers"]: point["memory_mb"] for point in points if point["peer"] == peer}
    fewest, most = min(memory), max(memory)
    return float(memory[most] - memory[fewest]) / (most - fewest)
