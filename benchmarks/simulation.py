"""The service as queues: gateways, and replicas whose workers take batches on cores that may have a quota.

Times are seconds. What each step costs is measured apart (benchmarks.replicas) and given here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import simpy

QUOTA_PERIOD_S = 0.1  # Linux grants a container its share of CPU anew ten times a second
BACKGROUND_PERIOD_S = 1.0
Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Costs:
    """CPU of each step; a batch of n costs batch_s + n * request_s.

    The frontend works for a batch while a worker does: its CPU is spent, but no request waits for it alone.
    """

    gateway_s: float = 0.0  # for each request
    frontend_batch_s: float = 0.0
    frontend_request_s: float = 0.0
    batch_s: float = 0.0
    request_s: float = 0.0
    background: float = 0.0  # cores that a replica takes whatever is asked: each worker reports once a second
    other_s: float = 0.0  # of a request's latency when it is alone: sockets, wake-ups, whatever is not above
    device_s: float = 0.0  # of a GPU for each batch, one batch at a time


@dataclass(frozen=True)
class Service:
    """How much there is of what; quota is in cores, infinite for none."""

    costs: Costs
    replicas: int
    workers: int = 2
    batch_size: int = 32
    cores: int = 2
    quota: float = math.inf
    gateway_cores: int = 2
    drawn: Callable[[float], float] = field(default=float)  # a service time of this mean; as it is by default


class Cores:
    """The CPU of one container: so many threads run at once, until the quota of the period is used up."""

    def __init__(self, env: simpy.Environment, count: int, quota: float, phase: float) -> None:
        self.used_s = 0.0
        self._env = env
        self._free = simpy.Resource(env, count)
        self._left_s, self._granted = quota * QUOTA_PERIOD_S, env.event()
        if quota < math.inf:
            env.process(self._grant(self._left_s, phase))

    def run(self, seconds: float) -> Process:
        with self._free.request() as core:
            yield core
            while seconds > 0:
                if self._left_s <= 0:
                    yield self._granted
                    continue
                part_s = min(seconds, self._left_s)
                self._left_s -= part_s
                seconds -= part_s
                yield self._env.timeout(part_s)
                self.used_s += part_s

    def _grant(self, quota_s: float, phase: float) -> Process:
        yield self._env.timeout(phase * QUOTA_PERIOD_S)
        while True:
            self._left_s = quota_s
            self._granted.succeed()
            self._granted = self._env.event()
            yield self._env.timeout(QUOTA_PERIOD_S)


class Replica:
    """A queue, and workers, each of which takes all that waits, up to a full batch."""

    def __init__(self, env: simpy.Environment, service: Service, phase: float) -> None:
        self.open_requests = 0
        self._env, self._service, self._costs = env, service, service.costs
        self.cores = Cores(env, service.cores, service.quota, phase)
        self._device = simpy.Resource(env)
        self._queue = simpy.Store(env)
        for i in range(service.workers):
            env.process(self._work())
            env.process(self._background(phase + i / service.workers, service.costs.background / service.workers))

    def answer(self) -> Process:
        self.open_requests += 1
        answered = self._env.event()
        self._queue.put(answered)
        yield answered
        self.open_requests -= 1

    def _work(self) -> Process:
        costs = self._costs
        while True:
            batch = [(yield self._queue.get())]
            batch += islice(self._queue.items, self._service.batch_size - 1)
            del self._queue.items[: len(batch) - 1]
            self._env.process(self.cores.run(costs.frontend_batch_s + len(batch) * costs.frontend_request_s))
            yield from self.cores.run(self._service.drawn(costs.batch_s + len(batch) * costs.request_s))
            if costs.device_s:
                with self._device.request() as turn:
                    yield turn
                    yield self._env.timeout(costs.device_s)
            for answered in batch:
                answered.succeed()

    def _background(self, phase: float, share: float) -> Process:
        yield self._env.timeout(phase * BACKGROUND_PERIOD_S)
        while share:
            self._env.process(self.cores.run(share * BACKGROUND_PERIOD_S))
            yield self._env.timeout(BACKGROUND_PERIOD_S)


class Simulation:
    """Requests through the gateway to the replica with fewest open ones; counts those answered after `warm_up_s`."""

    def __init__(self, service: Service, seed: int, warm_up_s: float) -> None:
        self.latencies_s: list[float] = []
        self._env = simpy.Environment()
        self._random = np.random.default_rng(seed)
        self._service, self._warm_up_s = service, warm_up_s
        self._gateway = simpy.Resource(self._env, service.gateway_cores)
        self._replicas = [Replica(self._env, service, phase) for phase in self._random.random(service.replicas)]

    def open_loop(self, rate: float, seconds: float) -> None:
        """Let requests come at their own times, `rate` a second on average."""
        self._env.process(self._arrivals(rate))
        self._env.run(self._warm_up_s + seconds)

    def closed_loop(self, connections: int, seconds: float) -> float:
        """Let each connection ask again as soon as it is answered. Returns requests a second."""
        for _ in range(connections):
            self._env.process(self._connection())
        self._env.run(self._warm_up_s + seconds)
        return len(self.latencies_s) / seconds

    def cores_used(self) -> float:
        """Cores that a replica was busy with, on average, from the start."""
        return sum(replica.cores.used_s for replica in self._replicas) / len(self._replicas) / self._env.now

    def _arrivals(self, rate: float) -> Process:
        while True:
            yield self._env.timeout(self._random.exponential(1 / rate))
            self._env.process(self._request())

    def _connection(self) -> Process:
        while True:
            yield from self._request()

    def _request(self) -> Process:
        began_s = self._env.now
        if self._service.costs.gateway_s:
            with self._gateway.request() as turn:
                yield turn
                yield self._env.timeout(self._service.drawn(self._service.costs.gateway_s))
        # Among equals, any: nginx takes them in turn.
        replica = min(self._replicas, key=lambda r: (r.open_requests, self._random.random()))
        yield from replica.answer()
        yield self._env.timeout(self._service.costs.other_s)
        if self._env.now >= self._warm_up_s:
            self.latencies_s.append(self._env.now - began_s)


def saturation(service: Service, connections: int, seconds: float = 8.0, seed: int = 1) -> float:
    """Requests a second of so many connections that ask again and again."""
    return Simulation(service, seed, warm_up_s=2.0).closed_loop(connections, seconds)
