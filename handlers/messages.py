"""Requests and responses as handlers see them, with and without the fast path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

STATUS_PHRASES = {200: "OK", 400: "Bad Request", 415: "Unsupported Media Type", 500: "Internal Server Error"}
Headers = tuple[tuple[str, str], ...]  # names and values


class RawRequest(NamedTuple):
    """One request: TorchServe's id for it, its headers with lowercase names, the parts of its body by field name.

    TorchServe's route sets `headers["explain"]` and overrides a client's header: "True", "False", or "" where the
    route is no prediction.
    """

    id: str
    headers: dict[str, str]
    parts: Mapping[str, Any]

    @property
    def is_grpc(self) -> bool:
        """Return whether it came over gRPC, which carries only the parts; the kind of call is not visible."""
        return len(self.headers) == 1 and not self.headers["explain"]


class Response(NamedTuple):
    """The encoded body of a response, its content type and status, its outcome for the metrics, and more headers."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    outcome: str = "ok"
    headers: Headers = ()


FAILED = Response(b'{"error":"the server failed; its log says why"}', status=500, outcome="failed")
HandleBatch = Callable[[Sequence[RawRequest]], Sequence[Response]]


def lowercase_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers with lowercase names, without the content types of parts, which TorchServe mixes in."""
    lower = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    lower["explain"] = headers.get("explain", "")
    return lower
