"""Replicas, latency and price for any rate, by the simulation of whole replicas: two cores, two workers, no quota."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.costs import split
from benchmarks.results import of_kind
from benchmarks.simulation import Costs, Service, Simulation, saturation

FILLING = 512  # connections at which batches are full
LEAST = 2  # of everything, so that one may go
CELL = 2  # replicas that are simulated in the place of many
SEED, WARM_UP_S, SIMULATED_S = 1, 0.25, 1.0
LEAST_REQUESTS = 1000
Record = dict[str, Any]


@dataclass(frozen=True)
class Assumptions:
    """What nothing here has measured: prices in any currency, a GPU, and how full a replica should be."""

    core_hour: float = 0.04
    gpu_hour: float = 1.0
    device_us: float = 150.0
    load: float = 0.5


@dataclass(frozen=True)
class State:
    """What becomes of `rate` requests a second; cores and the wait for a worker are means, of one replica."""

    rate: float
    p50_ms: float
    p99_ms: float
    cores: float
    wait_ms: float


@dataclass(frozen=True)
class Plan:
    """What answers a rate, and what an hour of it costs."""

    state: State
    replicas: int
    gateway_cores: int
    per_hour: float

    @property
    def per_million(self) -> float:
        return self.per_hour / (self.state.rate * 3600) * 1e6


@functools.cache
def throughput(costs: Costs) -> float:
    """Requests a second of one whole replica with full batches."""
    return saturation(_whole(costs), FILLING, seconds=1.0)


def state(service: Service, rate: float) -> State:
    simulation = Simulation(service, SEED, WARM_UP_S)
    simulation.open_loop(rate, max(SIMULATED_S, LEAST_REQUESTS / rate))
    p50_s, p99_s = np.percentile(simulation.latencies_s, (50, 99), method="inverted_cdf")
    return State(rate, p50_s * 1000, p99_s * 1000, simulation.cores_used(), simulation.wait_s() * 1000)


def states(costs: Costs, loads: Sequence[float]) -> list[State]:
    """One whole replica at shares of its throughput."""
    full = throughput(costs)
    return [state(_whole(costs), load * full) for load in loads]


def plan(costs: Costs, rate: float, assumed: Assumptions) -> Plan:
    """Size for the load that is assumed, and simulate what becomes of it; costs with a device are those of a GPU."""
    replicas = max(LEAST, math.ceil(rate / (assumed.load * throughput(costs))))
    gateway_cores = max(LEAST, math.ceil(rate * costs.gateway_s / assumed.load))
    # Of many that are alike, a few with their share of the gateways' cores show the rest.
    part = min(replicas, CELL) / replicas
    cell = dataclasses.replace(
        _whole(costs), replicas=min(replicas, CELL), gateway_cores=math.ceil(gateway_cores * part)
    )
    seen = dataclasses.replace(state(cell, rate * part), rate=rate)
    cores = replicas * cell.cores + gateway_cores
    gpus = replicas if costs.device_s else 0
    return Plan(seen, replicas, gateway_cores, cores * assumed.core_hour + gpus * assumed.gpu_hour)


def on_gpu(costs: Costs, records: Sequence[Record], device_us: float) -> Costs:
    """The same on a GPU: the net's time, which was measured on the CPU, becomes that of the device. Not measured."""
    points = of_kind(records, "calibration")
    _, batch_s, request_s = split(points, [point["net_s"] for point in points])
    rest = {"batch_s": max(0.0, costs.batch_s - batch_s), "request_s": max(0.0, costs.request_s - request_s)}
    return dataclasses.replace(costs, device_s=device_us / 1e6, **rest)


def _whole(costs: Costs) -> Service:
    """A replica with two cores of its own, and as much of the gateway as it needs."""
    return Service(costs, replicas=1, gateway_cores=64)
