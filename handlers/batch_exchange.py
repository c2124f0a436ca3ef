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
# gRPC's StreamPredictions waits to hear that no answer follows; TorchServe ends the worker if it does not.
LAST_OF_STREAM = ("ts_stream_next", "false")
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

    @property
    def is_grpc(self) -> bool:
        """Whether it came over gRPC, where nothing comes along but the parts. Which call it was cannot be seen."""
        return len(self.headers) == 1 and not self.headers["explain"]


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
        head = _head(answer.content_type, answer.status, request.is_grpc)
        pieces += _field(request.id), head, _length(len(answer.body)), answer.body
    pieces.append(_length(-1))
    return b"".join(pieces)


def _head(content_type: str, status: int, is_grpc: bool) -> bytes:
    """What stands between an answer's id and its body: type, status and headers."""
    head = _heads.get((content_type, status, is_grpc))
    if head is None:
        headers = [LAST_OF_STREAM] if is_grpc else []
        head = _field(content_type) + _length(status) + _field(PHRASES[status]) + _length(len(headers))
        head += b"".join(_field(name) + _field(value) for name, value in headers)
        _heads[content_type, status, is_grpc] = head
    return head


def _field(text: str) -> bytes:
    return _length(len(text)) + text.encode()  # ASCII all of it


_heads: dict[tuple[str, int, bool], bytes] = {}
