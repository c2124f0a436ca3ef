"""Constant load on a server, each request judged by its own answer: what the soak and the tests of faults send.

Requests leave at their own times, whether or not those before are answered; none is ever sent twice. Where MOST_WAITING
are without an answer the load falls behind: the server's queue, of 2000, must not overflow for a slow machine's sake.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httptools
import uvloop

RIGHT = "right"
NO_ANSWER = "no answer"
MOST_WAITING = 1000


class Asked(NamedTuple):
    """A whole HTTP request, and what its answer is: `judge(status, body)` names it."""

    http: bytes
    judge: Callable[[int, bytes], str]


class Outcome(NamedTuple):
    """When a request was sent (time.monotonic), how long its answer took, and what that was."""

    sent_s: float
    took_s: float
    what: str


def http_request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Write a POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: load", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + body


class ConstantLoad(ABC):
    """Sends `asked` in turn, `rate` times a second, while the block runs; leaving it waits for the last answers.

    What is no answer is noted as "broken" for a connection that was closed before it, "connection refused", and
    "no answer" where none came within `timeout_s`.
    """

    def __init__(self, address: tuple[str, int], asked: Sequence[Asked], rate: float, timeout_s: float = 30) -> None:
        self._address, self._asked = address, asked
        self._rate, self._timeout_s = rate, timeout_s
        self._idle: list[_Connection] = []

    @abstractmethod
    def note(self, outcome: Outcome) -> None:
        """Take what became of one request. Called in the load's own thread."""

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
        waiting: set[asyncio.Task[None]] = set()
        while not self._stopping.is_set():
            while sent < (time.monotonic() - began_s) * self._rate and len(waiting) < MOST_WAITING:
                task = asyncio.ensure_future(self._ask(self._asked[sent % len(self._asked)]))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                sent += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*waiting)
        for connection in self._idle:
            connection.transport.abort()

    async def _ask(self, asked: Asked) -> None:
        sent_s = time.monotonic()
        try:
            what = asked.judge(*await asyncio.wait_for(self._answer(asked.http), self._timeout_s))
        except asyncio.TimeoutError:
            what = NO_ANSWER
        except OSError as error:
            what = "connection refused" if isinstance(error, ConnectionRefusedError) else "broken"
        except Exception as error:  # no HTTP, or nothing that can be judged: counted as well
            what = type(error).__name__
        self.note(Outcome(sent_s, time.monotonic() - sent_s, what))

    async def _answer(self, request: bytes) -> tuple[int, bytes]:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.transport.abort()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return answer

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self._idle), *self._address)
        return connection


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with at most one request under way."""

    def __init__(self, idle: list[_Connection]) -> None:
        self._all_idle = idle
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_open = True

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.answer = asyncio.get_running_loop().create_future()
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)
        return await self.answer

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(error)
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.is_open = False
            self.transport.close()
        if self.answer and not self.answer.done():
            self.answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self in self._all_idle:
            self._all_idle.remove(self)
        self._end(error or ConnectionResetError("closed before the answer"))

    def _end(self, error: Exception) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_exception(error)
