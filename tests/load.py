"""Constant load on a server, and what became of every single request.

Requests leave at their own times, whether or not those before are answered; none is ever sent twice. Where MOST_WAITING
are without an answer the load falls behind: the server's queue, of 2000, must not overflow for a slow machine's sake.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools

RIGHT = "right"
NO_ANSWER = "no answer"
MOST_WAITING = 1000


class Outcome(NamedTuple):
    """When a request was sent (time.monotonic), how long its answer took, and what that was."""

    sent_s: float
    took_s: float
    what: str


class Load:
    """Posts a 7 to `url` `rate` times a second while the block runs; leaving it waits for the last answers.

    `outcomes` counts "right", "wrong", the status of a refusal, "broken" for a connection that was closed before its
    answer, and "no answer" where none came within `timeout_s`.
    """

    def __init__(self, url: str, body: bytes, rate: float = 500, timeout_s: float = 30) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        headers = f"Host: test\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n"
        self._request = f"POST {parts.path} HTTP/1.1\r\n{headers}\r\n".encode() + body
        self._rate, self._timeout_s = rate, timeout_s
        self._idle: list[_Connection] = []
        self.all: list[Outcome] = []

    def __enter__(self) -> Load:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(outcome.what for outcome in self.all)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.all if outcome.what != RIGHT]

    async def _run(self) -> None:
        began, sent = time.monotonic(), 0
        tasks = []
        while not self._stopping.is_set():
            while sent < (time.monotonic() - began) * self._rate and sent - len(self.all) < MOST_WAITING:
                tasks.append(asyncio.ensure_future(self._ask()))
                sent += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        for connection in self._idle:
            connection.transport.abort()

    async def _ask(self) -> None:
        sent_s = time.monotonic()
        try:
            what = await asyncio.wait_for(self._answer(), self._timeout_s)
        except asyncio.TimeoutError:
            what = NO_ANSWER
        except OSError as error:
            what = "connection refused" if isinstance(error, ConnectionRefusedError) else "broken"
        self.all.append(Outcome(sent_s, time.monotonic() - sent_s, what))

    async def _answer(self) -> str:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            status, body = await connection.ask(self._request)
        except BaseException:
            connection.transport.abort()
            raise
        if connection.is_open:
            self._idle.append(connection)
        if status != 200:
            return str(status)
        return RIGHT if json.loads(body)["digit"] == 7 else "wrong"

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
        self._parser.feed_data(data)

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
        if self.answer and not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError("closed before the answer"))
