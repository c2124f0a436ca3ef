"""From what a request costs to replicas, latency and price at any rate; and how far the simulation can be trusted.

python -m benchmarks.capacity                                writes the tables and the picture of docs/scaling.md anew
python -m benchmarks.capacity --rate 500 --core-hour 0.03    answers for one rate, and changes nothing
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import comparison
from benchmarks.costs import costs_of, split
from benchmarks.failure import BenchmarkError
from benchmarks.peer import HERE
from benchmarks.results import FOLDER, of_kind, read
from benchmarks.simulation import Costs, Service, Simulation, saturation

DOCUMENT = HERE.parent / "docs/scaling.md"
PICTURE = DOCUMENT.with_suffix(".svg")
RATES = (10.0, 10_000.0, 1_000_000.0)
FILLING = 512  # connections at which batches are full
LEAST = 2  # of everything, so that one may go
CELL = 2  # replicas that are simulated in the place of many
SEED, WARM_UP_S, SIMULATED_S = 1, 0.5, 2.0
Record = dict[str, Any]


@dataclass(frozen=True)
class Assumptions:
    """What nothing here has measured: prices in any currency, a GPU, and how full a replica should be."""

    core_hour: float = 0.04
    gpu_hour: float = 1.0
    device_us: float = 150.0
    load: float = 0.5


@dataclass(frozen=True)
class Plan:
    """What answers `rate` requests a second: replicas of two cores, and the gateways' cores."""

    rate: float
    gpus: int
    replicas: int
    gateway_cores: int
    p50_ms: float
    p99_ms: float
    cores_each: float
    per_hour: float

    @property
    def per_million(self) -> float:
        return self.per_hour / (self.rate * 3600) * 1e6


def plan(costs: Costs, rate: float, assumed: Assumptions) -> Plan:
    """Size for the load that is assumed, and simulate what becomes of it; costs with a device are those of a GPU."""
    service = Service(costs, replicas=1, gateway_cores=64)
    replicas = max(LEAST, math.ceil(rate / (assumed.load * saturation(service, FILLING, seconds=2.0))))
    gateway_cores = max(LEAST, math.ceil(rate * costs.gateway_s / assumed.load))
    # Of many that are alike, a few with their share of the gateways' cores show the rest.
    part = min(replicas, CELL) / replicas
    cell = dataclasses.replace(service, replicas=min(replicas, CELL), gateway_cores=math.ceil(gateway_cores * part))
    simulation = Simulation(cell, SEED, WARM_UP_S)
    simulation.open_loop(rate * part, max(SIMULATED_S, 1000 / rate))
    p50_s, p99_s = np.percentile(simulation.latencies_s, (50, 99), method="inverted_cdf")
    gpus = replicas if costs.device_s else 0
    price = (replicas * service.cores + gateway_cores) * assumed.core_hour + gpus * assumed.gpu_hour
    cores_each = simulation.cores_used()
    return Plan(rate, gpus, replicas, gateway_cores, p50_s * 1000, p99_s * 1000, cores_each, price)


def on_gpu(costs: Costs, records: Sequence[Record], device_us: float) -> Costs:
    """The same on a GPU: the net's time, which was measured on the CPU, becomes that of the device. Not measured."""
    points = of_kind(records, "calibration")
    _, batch_s, request_s = split(points, [point["net_s"] for point in points])
    rest = {"batch_s": max(0.0, costs.batch_s - batch_s), "request_s": max(0.0, costs.request_s - request_s)}
    return dataclasses.replace(costs, device_s=device_us / 1e6, **rest)


def table(records: Sequence[Record], rates: Sequence[float], assumed: Assumptions) -> str:
    costs = costs_of(records)
    kinds = {"CPU": costs, "GPU, not measured": on_gpu(costs, records, assumed.device_us)}
    heads = ["requests/s", "on", "replicas", "gateways' cores", "p50", "p99", "cores used each", "an hour", "a million"]
    rows = []
    for rate in rates:
        for name, kind in kinds.items():
            p = plan(kind, rate, assumed)
            counts = [f"{rate:,.0f}", name, f"{p.replicas:,}", f"{p.gateway_cores:,}"]
            times = [f"{p.p50_ms:.1f} ms", f"{p.p99_ms:.1f} ms", f"{p.cores_each:.2f} of 2"]
            rows.append([*counts, *times, f"{p.per_hour:,.2f}", f"{p.per_million:,.3f}"])
    return comparison.markdown(heads, rows)


def document(text: str, parts: dict[str, str]) -> str:
    """Put each part between its marks: <!-- NAME --> … <!-- /NAME -->."""
    for name, part in parts.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = place.subn(lambda found: f"{found[1]}{part}{found[2]}", text)  # noqa: B023
        if not count:
            raise BenchmarkError(f"{DOCUMENT.name} has no place for {name}: <!-- {name} --> and <!-- /{name} -->")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse_arguments(arguments)
    assumed = Assumptions(args.core_hour, args.gpu_hour, args.device_us, args.load)
    try:
        records = read(args.results)
        if args.rate:
            print(table(records, args.rate, assumed))
            return 0
        points = comparison.compare(records)
        comparison.draw(points, PICTURE)
        parts = {
            "costs": costs_table(records),
            "measured": comparison.caption(records) + "\n" + comparison.table(points),
            "planned": table(records, RATES, assumed),
        }
        DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8"), parts), encoding="utf-8")
        print(f"{DOCUMENT} and {PICTURE.name} say what {args.results} says")
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def costs_table(records: Sequence[Record]) -> str:
    """What was calibrated, and how well a line fits it."""
    costs, points = costs_of(records), of_kind(records, "calibration")
    rows = [
        ["the gateway, for each request", f"{costs.gateway_s * 1e6:,.0f} µs"],
        ["TorchServe's frontend, for each batch", f"{costs.frontend_batch_s * 1e6:,.0f} µs"],
        ["… and for each request in it", f"{costs.frontend_request_s * 1e6:,.0f} µs"],
        ["a worker, for each batch", f"{costs.batch_s * 1e6:,.0f} µs"],
        ["… and for each request in it", f"{costs.request_s * 1e6:,.0f} µs"],
        ["a replica, whatever is asked", f"{costs.background * 1000:,.0f} ms each second"],
        ["besides, of a request alone", f"{costs.other_s * 1e6:,.0f} µs"],
    ]
    shown = [f"{p['batched'] / p['batches']:.1f}" for p in points if "connections" in p]
    return (
        comparison.markdown(["step", "CPU"], rows)
        + f"\nRequests in a batch at 1 … 64 connections: {', '.join(shown)}.\n"
    )


def _positive(text: str) -> float:
    if not (number := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description="Plan for any rate.")
    parser.add_argument("--results", type=Path, default=FOLDER / "replicas.jsonl", help="of benchmarks.replicas")
    parser.add_argument("--rate", type=_positive, nargs="+", help="requests/s; prints the plan and writes nothing")
    for name, default in dataclasses.asdict(Assumptions()).items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=_positive, default=default, help="(default: %(default)s)"
        )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
