"""One visit to a peer: start it, warm it up, measure, stop it. All its figures in one record."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load import open_loop
from benchmarks.load import wrk as closed_loop
from benchmarks.servers.process import Server
from benchmarks.servers.registry import SAMPLES, Peer

WARM_UP_CONNECTIONS = 64
WARM_UP_STEP_S = 2.0
WARM_UP_GAIN = 1.05
WARM_UP_PATIENCE = 2  # steps: one may have been disturbed
PROBE_INTERVAL_S = 0.05


@dataclass(frozen=True)
class Plan:
    """What is asked of every peer in every round."""

    connections: Sequence[int]
    rates: Sequence[float]
    seconds: float
    warm_up_s: float


class Probe(threading.Thread):
    """Asks for a digit now and then while a closed loop runs, since wrk cannot afford to read the answers."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._done = threading.Event()
        self.asked = self.checked = self.wrong = 0

    def run(self) -> None:
        while not self._done.wait(PROBE_INTERVAL_S):
            digit = self.asked % 10
            self.asked += 1
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):  # wrk counts what is refused
                self.wrong += self._server.ask(SAMPLES[digit].read_bytes()) != digit
                self.checked += 1

    def __enter__(self) -> Probe:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


def visit(peer: Peer, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure one peer once; `say` tells what is under way."""
    say("starting")
    with Server(peer) as server:
        requests = [server.request(path.read_bytes()) for path in SAMPLES.values()]
        say("warming up")
        warm_up_s = warm_up(server, requests, plan.warm_up_s)
        closed = []
        for connections in plan.connections:
            say(f"{connections} connections")
            closed.append(measure_closed(server, requests, connections, plan.seconds))
        opened = []
        for rate in plan.rates:
            say(f"{rate:g} requests/s")
            opened.append(measure_open(server, requests, rate, plan.seconds))
        once = {"ready_s": server.ready_s, "warm_up_s": warm_up_s, "memory_mb": server.tree.memory_mb()}
        return {**once, "closed": closed, "open": opened}


def warm_up(server: Server, requests: Sequence[bytes], longest_s: float) -> float:
    """Load the server until its throughput rises no more: Java compiles for a while, others are warm at once."""
    best, spent_s, steps_without_gain = 0.0, 0.0, 0
    while spent_s < longest_s and steps_without_gain < WARM_UP_PATIENCE:
        reached = closed_loop.run(server.port, requests, WARM_UP_CONNECTIONS, WARM_UP_STEP_S)["requests_per_s"]
        spent_s += WARM_UP_STEP_S
        steps_without_gain = 0 if reached > best * WARM_UP_GAIN else steps_without_gain + 1
        best = max(best, reached)
    return spent_s


def measure_closed(server: Server, requests: Sequence[bytes], connections: int, seconds: float) -> dict[str, Any]:
    before_s = server.tree.cpu_s()
    with Probe(server) as probe:
        measured = closed_loop.run(server.port, requests, connections, seconds)
    cpu_s = server.tree.cpu_s() - before_s
    served = max(measured["requests"] + probe.asked, 1)
    return {**measured, "cpu_s_per_1000": cpu_s / served * 1000, "checked": probe.checked, "wrong": probe.wrong}


def measure_open(server: Server, requests: Sequence[bytes], rate: float, seconds: float) -> dict[str, Any]:
    before_s = server.tree.cpu_s()
    load = open_loop.OpenLoop(server.port, requests, open_loop.judge(list(SAMPLES), server.peer.digit))
    measured = open_loop.run(load, rate, seconds)
    cpu_s = server.tree.cpu_s() - before_s
    time.sleep(0.2)  # what is left of a queue is not the next one's
    return {**measured, "cpu_s_per_1000": cpu_s / max(measured["due"], 1) * 1000}
