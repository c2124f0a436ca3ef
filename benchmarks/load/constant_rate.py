"""Constant load in which each response is checked: for the soak and the fault tests.

Requests leave on schedule, whether or not earlier ones have been answered; none is sent twice. While MAX_IN_FLIGHT
requests have no response the load falls behind: on a slow machine it must not overflow the server's queue of 2,000.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import uvloop

from benchmarks.load import http1

RIGHT = "right"
NO_ANSWER = "no answer"
MAX_IN_FLIGHT = 1000


class CheckedRequest(NamedTuple):
    """A whole HTTP request; `check(status, body)` names the outcome of its response."""

    http: bytes
    check: Callable[[int, bytes], str]


class Outcome(NamedTuple):
    """When a request was sent (time.monotonic), how long its response took, and the name of the outcome."""

    sent_s: float
    took_s: float
    name: str


class ConstantLoad(ABC):
    """Send `requests` in turn, `rate` a second, while the block runs; leaving it waits for the last responses.

    The outcome of a request without a response is "broken" if its connection was closed, "connection refused", or
    "no answer" if none came within `timeout_s`.
    """

    def __init__(
        self, address: tuple[str, int], requests: Sequence[CheckedRequest], rate: float, timeout_s: float = 30
    ) -> None:
        self._address, self._requests = address, requests
        self._rate, self._timeout_s = rate, timeout_s
        self._idle: list[_Connection] = []

    @abstractmethod
    def note(self, outcome: Outcome) -> None:
        """Take the outcome of one request. Called in the load's own thread."""

    def __enter__(self) -> Any:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    async def _run(self) -> None:
        began_s, sent = time.monotonic(), 0
        in_flight: set[asyncio.Task[None]] = set()
        while not self._stopping.is_set():
            while sent < (time.monotonic() - began_s) * self._rate and len(in_flight) < MAX_IN_FLIGHT:
                task = asyncio.ensure_future(self._send(self._requests[sent % len(self._requests)]))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)
                sent += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*in_flight)
        for connection in self._idle:
            connection.transport.abort()

    async def _send(self, request: CheckedRequest) -> None:
        sent_s = time.monotonic()
        try:
            name = request.check(*await asyncio.wait_for(self._response(request.http), self._timeout_s))
        except asyncio.TimeoutError:
            name = NO_ANSWER
        except OSError as error:
            name = "connection refused" if isinstance(error, ConnectionRefusedError) else "broken"
        except Exception as error:  # not HTTP, or a response that cannot be checked: counted as well
            name = type(error).__name__
        self.note(Outcome(sent_s, time.monotonic() - sent_s, name))

    async def _response(self, request: bytes) -> tuple[int, bytes]:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            response = await connection.fetch(request)
        except BaseException:
            connection.transport.abort()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return response

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self._idle), *self._address)
        return connection


class _Connection(http1.Connection):
    """A connection whose response can be awaited."""

    def __init__(self, idle: list[_Connection]) -> None:
        self._idle = idle

    async def fetch(self, request: bytes) -> tuple[int, bytes]:
        self._response: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.send(request)
        return await self._response

    def on_response(self, status: int, body: bytes) -> None:
        if not self._response.done():
            self._response.set_result((status, body))

    def on_failure(self, error: Exception) -> None:
        if not self._response.done():
            self._response.set_exception(error)

    def on_close(self) -> None:
        if self in self._idle:
            self._idle.remove(self)
