"""A client connection of HTTP/1.1 for load generators, and whole POST requests to send over it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import httptools


def post_request(path: str, body: bytes, headers: Mapping[str, str], host: str = "load") -> bytes:
    """Return a POST request as it goes over the wire."""
    fields = {"Host": host, **headers, "Content-Length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol, ABC):
    """A connection with at most one request in flight: `send` ends in `on_response` or in `on_failure`."""

    transport: Any
    is_open = True
    _in_flight = False

    @abstractmethod
    def on_response(self, status: int, body: bytes) -> None:
        """Take the response; `body` is empty if it was not to be kept."""

    @abstractmethod
    def on_failure(self, error: Exception) -> None:
        """Take the reason why there is no response."""

    def on_close(self) -> None:
        """Called when the connection is closed, after `on_failure` if a request was in flight."""

    def send(self, request: bytes, *, keep_body: bool = True) -> None:
        self._in_flight, self._keep_body = True, keep_body
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.is_open = False
            self._fail(error)
            self.transport.abort()

    def on_body(self, body: bytes) -> None:  # called by the parser
        if self._keep_body:
            self._body.append(body)

    def on_message_complete(self) -> None:  # called by the parser
        if not self._parser.should_keep_alive():
            self.is_open = False
            self.transport.close()
        if self._in_flight:
            self._in_flight = False
            self.on_response(self._parser.get_status_code(), b"".join(self._body))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._fail(error or ConnectionResetError("closed before the response"))
        self.on_close()

    def _fail(self, error: Exception) -> None:
        if self._in_flight:
            self._in_flight = False
            self.on_failure(error)
