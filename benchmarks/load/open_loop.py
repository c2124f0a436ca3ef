"""Open loop: requests arrive at their own times (Poisson), whether or not earlier ones are answered.

Latency counts from the moment a request was meant to be sent, also while it waits for a free connection, so a server
that stalls is charged for all who would have come meanwhile: there is no coordinated omission.
Debian has no wrk2; k6 and autocannon count from the actual sending.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import httptools
import numpy as np
import uvloop

DRAIN_S = 3.0
CHECK_EACH = 20  # one answer in twenty is read and compared
SEED = 20240501


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with at most one request under way."""

    def __init__(self, load: OpenLoop) -> None:
        self.load = load
        self.intended_s = 0.0
        self.number = -1

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.load.idle.append(self)

    def send(self, number: int, intended_s: float) -> None:
        self.number, self.intended_s = number, intended_s
        self.body: list[bytes] = []
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(self.load.requests[number % len(self.load.requests)])

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self.number % CHECK_EACH == 0:
            self.body.append(body)

    def on_message_complete(self) -> None:
        number, self.number = self.number, -1
        self.load.answered(number, self.intended_s, self.parser.get_status_code(), b"".join(self.body))
        self.load.free(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self.load.lost(self)


class OpenLoop:
    """Sends `requests` in turn at `rate` per second for `seconds`; `right(number, body)` judges sampled answers."""

    def __init__(
        self, port: int, requests: Sequence[bytes], right: Callable[[int, bytes], bool], host: str = "127.0.0.1"
    ) -> None:
        self.host, self.port, self.requests, self._right = host, port, requests, right
        self.idle: list[Connection] = []
        self.waiting: deque[tuple[int, float]] = deque()
        self.latencies: list[tuple[float, float]] = []  # when it was meant to be sent, s; how long it took, s
        self.refused = self.broken = self.checked = self.wrong = 0

    async def run(self, rate: float, seconds: float, connections: int) -> None:
        loop = asyncio.get_running_loop()
        opened = [loop.create_connection(lambda: Connection(self), self.host, self.port) for _ in range(connections)]
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

    def _send(self, number: int, intended_s: float) -> None:
        if self.idle:
            self.idle.pop().send(number, intended_s)
        else:
            self.waiting.append((number, intended_s))

    def free(self, connection: Connection) -> None:
        if self.waiting:
            connection.send(*self.waiting.popleft())
        else:
            self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        self.broken += connection.number >= 0
        if connection in self.idle:
            self.idle.remove(connection)

    def answered(self, number: int, intended_s: float, status: int, body: bytes) -> None:
        if status != 200:
            self.refused += 1
            return
        self.latencies.append((intended_s, time.perf_counter() - self.began_s - intended_s))
        if number % CHECK_EACH == 0:
            self.checked += 1
            self.wrong += not self._right(number, body)


def percentiles_ms(latencies_s: Sequence[float]) -> dict[str, float | None]:
    """The latency that 50, 99 and 99.9 of 100 stay at or below; None where nothing was answered."""
    names = {"p50_ms": 50, "p99_ms": 99, "p999_ms": 99.9}
    if not latencies_s:
        return dict.fromkeys(names)
    values = np.percentile(latencies_s, list(names.values()), method="inverted_cdf") * 1000
    return dict(zip(names, map(float, values), strict=True))


def judge(digits: Sequence[int], read: Callable[[bytes], int]) -> Callable[[int, bytes], bool]:
    """Whether an answer names the digit of its request."""
    return lambda number, body: read(body) == digits[number % len(digits)]


def run(load: OpenLoop, rate: float, seconds: float, connections: int = 256) -> dict[str, Any]:
    uvloop.run(load.run(rate, seconds, connections))
    return summary(load, rate)


def summary(load: OpenLoop, rate: float) -> dict[str, Any]:
    """What became of the requests that were due: `success` is the share answered 200 within the time and the drain."""
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
