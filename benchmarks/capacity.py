"""From what a request costs to replicas, latency and price at any rate; and how far the simulation can be trusted.

python -m benchmarks.capacity                                writes the tables and the picture of docs/scaling.md anew
python -m benchmarks.capacity --rate 500 --core-hour 0.03    answers for one rate, and changes nothing
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import comparison
from benchmarks.comparison import markdown
from benchmarks.costs import costs_of
from benchmarks.failure import BenchmarkError
from benchmarks.peer import HERE
from benchmarks.plans import Assumptions, on_gpu, plan, states
from benchmarks.results import FOLDER, of_kind, read

DOCUMENT = HERE.parent / "docs/scaling.md"
PICTURE = DOCUMENT.with_suffix(".svg")
RATES = (10.0, 10_000.0, 1_000_000.0)
LOADS = (0.01, 0.03, 0.05, 0.1, 0.2, 0.5, 0.75, 0.9)
Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse_arguments(arguments)
    assumed = Assumptions(args.core_hour, args.gpu_hour, args.device_us, args.load)
    try:
        records = read(args.results, maker="python -m benchmarks.replicas")
        if args.rate:
            print(planned(records, args.rate, assumed))
            return 0
        points = comparison.compare(records)
        comparison.draw(points, PICTURE)
        text = document(DOCUMENT.read_text(encoding="utf-8"), tables(records, points))
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"{DOCUMENT} and {PICTURE.name} say what {args.results} says")
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def document(text: str, parts: dict[str, str]) -> str:
    """Put each part between its marks: <!-- NAME --> … <!-- /NAME -->."""
    for name, part in parts.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = place.subn(lambda found: f"{found[1]}{part}{found[2]}", text)  # noqa: B023
        if not count:
            raise BenchmarkError(f"{DOCUMENT.name} has no place for {name}: <!-- {name} --> and <!-- /{name} -->")
    return text


def tables(records: Sequence[Record], points: Sequence[comparison.Point]) -> dict[str, str]:
    """What the document says in figures, by the name of its place there."""
    return {
        "costs": costs(records),
        "measured": f"{comparison.caption(records)}\n{comparison.table(points)}\n{comparison.errors(points)}",
        "replica": one_replica(records),
        "planned": planned(records, RATES, Assumptions()),
    }


def costs(records: Sequence[Record]) -> str:
    """What was calibrated, and from which batches."""
    cost, points = costs_of(records), of_kind(records, "calibration")
    rows = [
        ["the gateway, for each request", f"{cost.gateway_s * 1e6:,.0f} µs"],
        ["TorchServe's frontend, for each batch", f"{cost.frontend_batch_s * 1e6:,.0f} µs"],
        ["… and for each request in it", f"{cost.frontend_request_s * 1e6:,.0f} µs"],
        ["a worker, for each batch", f"{cost.batch_s * 1e6:,.0f} µs"],
        ["… and for each request in it", f"{cost.request_s * 1e6:,.0f} µs"],
        ["a replica, whatever is asked", f"{cost.background * 1000:,.0f} ms each second"],
        ["… of which to be asked by a gateway whether it is ready", f"{_asked_s(records) * 1000:,.0f} ms each second"],
        ["and waiting, of a request alone", f"{cost.other_s * 1e6:,.0f} µs"],
    ]
    sizes = [f"{p['batched'] / p['batches']:.1f}" for p in points if "connections" in p]
    return f"{markdown(['step', 'CPU'], rows)}\nRequests in a batch, from 1 to 64 connections: {', '.join(sizes)}.\n"


def _asked_s(records: Sequence[Record]) -> float:
    """What an idle replica spends each second on a gateway's question, beyond one that no gateway knows."""
    (idle,) = of_kind(records, "idle")
    return idle["cores"] - statistics.mean(idle["unasked_cores"] or [0.0])


def one_replica(records: Sequence[Record]) -> str:
    rows = [
        [
            f"{load:.0%}",
            f"{state.rate:,.0f}",
            f"{state.cores:.2f}",
            *(f"{ms:.1f} ms" for ms in (state.wait_ms, state.p50_ms, state.p99_ms)),
        ]
        for load, state in zip(LOADS, states(costs_of(records), LOADS), strict=True)
    ]
    return markdown(["load", "requests/s", "cores used", "waits for a worker", "p50", "p99"], rows)


def planned(records: Sequence[Record], rates: Sequence[float], assumed: Assumptions) -> str:
    cost = costs_of(records)
    kinds = {"CPU": cost, "GPU, not measured": on_gpu(cost, records, assumed.device_us)}
    plans = [(name, plan(kind, rate, assumed)) for rate in rates for name, kind in kinds.items()]
    rows = [
        [
            *(f"{p.state.rate:,.0f}", name, f"{p.replicas:,}", f"{p.gateway_cores:,}"),
            *(f"{p.state.p50_ms:.1f} ms", f"{p.state.p99_ms:.1f} ms"),
            *(f"{p.per_hour:,.2f}", f"{p.per_million:,.3f}"),
        ]
        for name, p in plans
    ]
    return markdown(["requests/s", "on", "replicas", "gateways' cores", "p50", "p99", "an hour", "a million"], rows)


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (number := float(text)) < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description="Plan for any rate.")
    parser.add_argument("--results", type=Path, default=FOLDER / "replicas.jsonl", help="of benchmarks.replicas")
    parser.add_argument("--rate", type=_positive, nargs="+", help="requests/s; prints the plan and writes nothing")
    for name, default in dataclasses.asdict(Assumptions()).items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=_positive, default=default, help="with --rate (default: %(default)s)")
    args = parser.parse_args(arguments)
    if args.load > 1:
        parser.error("--load is a share of what a replica can do, above 0 and at most 1")
    return args


if __name__ == "__main__":
    sys.exit(main())
