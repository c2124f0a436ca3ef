"""One trial of a server: start it, warm it up, measure it, stop it; the figures are one record."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.load import open_loop, wrk
from benchmarks.reporting.results import Record
from benchmarks.servers.process import Server
from benchmarks.servers.registry import SAMPLES, ServerEntry

WARM_UP_CONNECTIONS = 64
WARM_UP_STEP_S = 2.0
WARM_UP_GAIN = 1.05
WARM_UP_PATIENCE = 2  # steps: one may have been disturbed
PROBE_INTERVAL_S = 0.05


@dataclass(frozen=True)
class Plan:
    """The measurements of every trial."""

    connections: Sequence[int]
    rates: Sequence[float]
    seconds: float
    warm_up_s: float


class Probe(threading.Thread):
    """Check a digit now and then while a closed loop runs: wrk has no time to read responses."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._done = threading.Event()
        self.sent = self.checked = self.wrong = 0

    def run(self) -> None:
        while not self._done.wait(PROBE_INTERVAL_S):
            digit = self.sent % 10
            self.sent += 1
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):  # wrk counts refusals
                self.wrong += self._server.predict(SAMPLES[digit].read_bytes()) != digit
                self.checked += 1

    def __enter__(self) -> Probe:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


def run_trial(entry: ServerEntry, plan: Plan, show: Callable[[str], None]) -> Record:
    """Measure one server once; `show` is called with the name of each step."""
    show("starting")
    with Server(entry) as server:
        requests = server.sample_requests()
        show("warming up")
        warm_up_s = warm_up(server, requests, plan.warm_up_s)
        closed_loop_results = []
        for connections in plan.connections:
            show(f"{connections} connections")
            closed_loop_results.append(measure_closed_loop(server, requests, connections, plan.seconds))
        open_loop_results = []
        for rate in plan.rates:
            show(f"{rate:g} requests/s")
            open_loop_results.append(measure_open_loop(server, requests, rate, plan.seconds))
        once = {"ready_s": server.ready_s, "warm_up_s": warm_up_s, "memory_mb": server.tree.memory_mb()}
        return {**once, "closed": closed_loop_results, "open": open_loop_results}


def warm_up(server: Server, requests: Sequence[bytes], max_s: float) -> float:
    """Load the server until its throughput stops rising, and return the seconds: Java compiles for a while."""
    best, spent_s, steps_without_gain = 0.0, 0.0, 0
    while spent_s < max_s and steps_without_gain < WARM_UP_PATIENCE:
        reached = wrk.run(server.port, requests, WARM_UP_CONNECTIONS, WARM_UP_STEP_S)["requests_per_s"]
        spent_s += WARM_UP_STEP_S
        steps_without_gain = 0 if reached > best * WARM_UP_GAIN else steps_without_gain + 1
        best = max(best, reached)
    return spent_s


def measure_closed_loop(server: Server, requests: Sequence[bytes], connections: int, seconds: float) -> Record:
    """Measure throughput, latency and CPU time while wrk keeps `connections` busy."""
    before_s = server.tree.cpu_s()
    with Probe(server) as probe:
        measured = wrk.run(server.port, requests, connections, seconds)
    cpu_s = server.tree.cpu_s() - before_s
    served = max(measured["requests"] + probe.sent, 1)
    return {**measured, "cpu_s_per_1000": cpu_s / served * 1000, "checked": probe.checked, "wrong": probe.wrong}


def measure_open_loop(server: Server, requests: Sequence[bytes], rate: float, seconds: float) -> Record:
    """Measure latency and CPU time at `rate` requests/s."""
    before_s = server.tree.cpu_s()
    load = open_loop.OpenLoop(server.port, requests, open_loop.check_digits(list(SAMPLES), server.entry.digit))
    measured = open_loop.run(load, rate, seconds)
    cpu_s = server.tree.cpu_s() - before_s
    time.sleep(0.2)  # so that the rest of a queue does not count for the next measurement
    return {**measured, "cpu_s_per_1000": cpu_s / max(measured["due"], 1) * 1000}
