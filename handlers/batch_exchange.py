"""Gives the handler each batch as it is read, and its answers back, without what TorchServe's worker makes in between.

TorchServe 0.12.0 wraps each request's headers, asks its context eight times for each answer, and writes that field by
field: as much work as reading a small image. What is exchanged here is `Service.predict`, together with the reading of
the socket and under the same conditions; without it TorchServe calls the handler's `handle`, with the same answers.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ts.protocol.otf_message_handler import create_predict_response
from ts.service import Service

PHRASES = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}
_length = struct.Struct("!i").pack
logger = logging.getLogger(__name__)


class Request(NamedTuple):
    """One request: TorchServe's id for it, its headers with names in lower case, the parts of its body by name.

    `headers["explain"]` is what TorchServe's route says, whatever a client's header says: "True", "False", or "" where
    it asks for no prediction.
    """

    id: str
    headers: dict[str, str]
    parts: Mapping[str, Any]


class Answer(NamedTuple):
    """The encoded body of a response, its type and its status, and what a refusal is counted as."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    outcome: str = "answered"


Answering = Callable[[Sequence[Request]], Sequence[Answer]]


def install(answer: Answering) -> None:
    """Let `answer` have what `socket_reading` reads. For a worker's start."""

    def predict(_: Service, batch: Sequence[Request]) -> bytes:
        try:
            return encoded(batch, answer(batch))
        except Exception:
            logger.exception("a batch could not be answered")
            ids = {i: request.id for i, request in enumerate(batch)}
            return bytes(create_predict_response(None, ids, "Prediction failed", 503))

    Service.predict = predict


def encoded(batch: Sequence[Request], answers: Sequence[Answer]) -> bytes:
    """The message of a batch's answers as TorchServe's `create_predict_response` writes it, but each type once."""
    pieces = [_length(200), _field("Prediction success")]
    for request, answer in zip(batch, answers, strict=True):
        pieces += _field(request.id), _head(answer.content_type, answer.status), _length(len(answer.body)), answer.body
    pieces.append(_length(-1))
    return b"".join(pieces)


def _head(content_type: str, status: int) -> bytes:
    """What stands between an answer's id and its body: type, status, and that there are no further headers."""
    head = _heads.get((content_type, status))
    if head is None:
        head = _field(content_type) + _length(status) + _field(PHRASES[status]) + _length(0)
        _heads[content_type, status] = head
    return head


def _field(text: str) -> bytes:
    return _length(len(text)) + text.encode()  # ASCII all of it


_heads: dict[tuple[str, int], bytes] = {}
