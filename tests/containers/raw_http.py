"""Requests exactly as they are written, byte by byte, and whatever comes back."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
from collections.abc import Iterator
from typing import NamedTuple

TIMEOUT_S = 20.0


class Answer(NamedTuple):
    """One answer of a server, its headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Bytes:
    """What http.client reads answers from."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, *_: object) -> io.BytesIO:
        return self._stream


def exchange(port: int, request: bytes, host: str = "127.0.0.1") -> list[Answer]:
    """Send `request`, which asks for the connection's end, and return all that is answered until the server closes."""
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
        with contextlib.suppress(ConnectionError):  # refused before it was sent whole
            connection.sendall(request)
        return list(answers(received(connection), request[:5].decode("latin-1").strip()))


def received(connection: socket.socket) -> bytes:
    """Read until the server closes. Raises TimeoutError when it does not within the socket's timeout."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answers(stream: bytes, method: str) -> Iterator[Answer]:
    """Split what a server sent into its answers, which have no body where `method` is HEAD.

    Raises http.client.HTTPException for what is no answer.
    """
    rest = io.BytesIO(stream)
    while rest.tell() < len(stream):
        response = http.client.HTTPResponse(_Bytes(rest), method=method)  # type: ignore[arg-type]
        rest.close = lambda: None  # type: ignore[method-assign] # it would be closed with the first answer
        response.begin()
        yield Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def post(path: str = "/predictions/mnist", body: bytes = b"x", *headers: str, method: str = "POST") -> bytes:
    """Write a request that is right but for what the caller makes wrong."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: image/png", "Connection: close", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
