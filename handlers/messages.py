"""Requests and responses as a handler sees them, whichever way TorchServe hands them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

STATUS_PHRASES = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}


class RawRequest(NamedTuple):
    """One request: TorchServe's id for it, its headers with lowercase names, the parts of its body by field name.

    `headers["explain"]` is set by TorchServe's route, whatever header a client sends: "True", "False", or "" where the
    route asks for no prediction.
    """

    id: str
    headers: dict[str, str]
    parts: Mapping[str, Any]

    @property
    def is_grpc(self) -> bool:
        """Whether it came over gRPC, which carries nothing but the parts. Which call it was cannot be seen."""
        return len(self.headers) == 1 and not self.headers["explain"]


class Response(NamedTuple):
    """The encoded body of a response, its content type, its HTTP status, and the outcome that metrics count."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    outcome: str = "ok"


HandleBatch = Callable[[Sequence[RawRequest]], Sequence[Response]]


def lowercase_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers with lowercase names, without the content types of parts, which TorchServe mixes in."""
    lower = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    lower["explain"] = headers.get("explain", "")
    return lower
