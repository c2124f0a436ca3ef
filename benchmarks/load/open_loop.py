"""Open loop: requests arrive at random times (Poisson), whether or not earlier ones have been answered.

Latency counts from the moment at which a request was due, also while it waits for a free connection. So a server that
stalls is charged for every request that was due meanwhile: there is no coordinated omission.
Debian has no wrk2; k6 and autocannon count from the moment of sending.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import uvloop

from benchmarks.load.http1 import Connection

DRAIN_S = 3.0
CHECK_INTERVAL = 20  # one response in twenty is read and checked
SEED = 20240501


class _Connection(Connection):
    """Reports each response to the load, with the number of its request."""

    def __init__(self, load: OpenLoop) -> None:
        self._load = load
        self.due_s = 0.0
        self.number = -1

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._load.idle.append(self)

    def start(self, number: int, due_s: float) -> None:
        self.number, self.due_s = number, due_s
        requests = self._load.requests
        self.send(requests[number % len(requests)], keep_body=number % CHECK_INTERVAL == 0)

    def on_response(self, status: int, body: bytes) -> None:
        self._load.count(self.number, self.due_s, status, body)
        if self.is_open:
            self._load.reuse(self)

    def on_failure(self, error: Exception) -> None:  # noqa: ARG002
        self._load.broken += 1

    def on_close(self) -> None:
        if self in self._load.idle:
            self._load.idle.remove(self)


class OpenLoop:
    """Send `requests` in turn, `rate` a second for `seconds`; `check(number, body)` checks a sample of responses."""

    def __init__(
        self, port: int, requests: Sequence[bytes], check: Callable[[int, bytes], bool], host: str = "127.0.0.1"
    ) -> None:
        self.host, self.port, self.requests, self._check = host, port, requests, check
        self.idle: list[_Connection] = []
        self.waiting: deque[tuple[int, float]] = deque()
        self.latencies: list[tuple[float, float]] = []  # when it was due, s; its latency, s
        self.refused = self.broken = self.checked = self.wrong = 0

    async def run(self, rate: float, seconds: float, connections: int) -> None:
        loop = asyncio.get_running_loop()
        opened = [loop.create_connection(lambda: _Connection(self), self.host, self.port) for _ in range(connections)]
        transports = [transport for transport, _ in await asyncio.gather(*opened)]
        random = np.random.default_rng(SEED)
        times = np.cumsum(random.exponential(1 / rate, int(rate * seconds * 1.2) + 100))
        times = times[times < seconds].tolist()
        self.began_s = time.perf_counter()
        sent = 0
        while sent < len(times):
            now_s = time.perf_counter() - self.began_s
            while sent < len(times) and times[sent] <= now_s:
                self._send(sent, times[sent])
                sent += 1
            await asyncio.sleep(0.0005)
        deadline = time.perf_counter() + DRAIN_S
        while len(self.latencies) + self.refused + self.broken < len(times) and time.perf_counter() < deadline:
            await asyncio.sleep(0.005)
        self.unanswered = len(times) - len(self.latencies) - self.refused - self.broken
        self.ended_s = time.perf_counter() - self.began_s
        for transport in transports:
            transport.abort()

    def _send(self, number: int, due_s: float) -> None:
        if self.idle:
            self.idle.pop().start(number, due_s)
        else:
            self.waiting.append((number, due_s))

    def reuse(self, connection: _Connection) -> None:
        """Send the next waiting request over a connection that has become free."""
        if self.waiting:
            connection.start(*self.waiting.popleft())
        else:
            self.idle.append(connection)

    def count(self, number: int, due_s: float, status: int, body: bytes) -> None:
        """Count a response."""
        if status != 200:
            self.refused += 1
            return
        self.latencies.append((due_s, time.perf_counter() - self.began_s - due_s))
        if number % CHECK_INTERVAL == 0:
            self.checked += 1
            self.wrong += not self._check(number, body)


def percentiles_ms(latencies_s: Sequence[float]) -> dict[str, float | None]:
    """Return the 50th, 99th and 99.9th percentile in ms; None if there are no latencies."""
    names = {"p50_ms": 50, "p99_ms": 99, "p999_ms": 99.9}
    if not latencies_s:
        return dict.fromkeys(names)
    values = np.percentile(latencies_s, list(names.values()), method="inverted_cdf") * 1000
    return dict(zip(names, map(float, values), strict=True))


def check_digits(digits: Sequence[int], read: Callable[[bytes], int]) -> Callable[[int, bytes], bool]:
    """Return a function that says whether a response names the digit of its request."""
    return lambda number, body: read(body) == digits[number % len(digits)]


def run(load: OpenLoop, rate: float, seconds: float, connections: int = 256) -> dict[str, Any]:
    """Run the load and return its summary."""
    uvloop.run(load.run(rate, seconds, connections))
    return summary(load, rate)


def summary(load: OpenLoop, rate: float) -> dict[str, Any]:
    """Summarize the requests that were due; `success` is the share answered with 200 before the end of the drain."""
    answered = len(load.latencies)
    due = answered + load.refused + load.broken + load.unanswered
    return {
        "rate": rate,
        "due": due,
        "requests_per_s": answered / load.ended_s,
        "success": answered / due if due else 0.0,
        "checked": load.checked,
        "wrong": load.wrong,
        **percentiles_ms([latency for _, latency in load.latencies]),
    }
