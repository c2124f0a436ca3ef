"""Fast path: read batches through a buffer and pass them to the handler without TorchServe's per-request contexts.

TorchServe 0.12.0 makes some thirty system calls to read a request (one for each length and each field), wraps its
headers, asks its context eight times for each response, and writes the response field by field. That costs more than
inference on a small image. The fast path replaces three functions of `ts.protocol.otf_message_handler` and
`Service.predict`. Without it TorchServe calls the handler's `handle`, with the same responses.

Guard: TorchServe's version. Switch: SERVING_FAST_PATH=false in the environment.
"""

from __future__ import annotations

import itertools
import logging
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from socket import socket
from typing import Any

import ts
from ts.protocol import otf_message_handler
from ts.service import Service

from handlers.messages import FAILED, STATUS_PHRASES, HandleBatch, Headers, RawRequest, Response, lowercase_headers
from torchserve_patches import TORCHSERVE_VERSION

READ_AHEAD_BYTES = 65_536
# gRPC's StreamPredictions needs this header on the last response; TorchServe ends the worker if it is missing.
END_OF_STREAM = ("ts_stream_next", "false")
_integer_at = struct.Struct("!i").unpack_from
_pack_length = struct.Struct("!i").pack
_retrieve_fields = otf_message_handler._retrieve_request
# TorchServe decodes bodies itself if so configured; then its own function reads each request.
_decodes = os.environ.get("TS_DECODE_INPUT_REQUEST", "true") == "true"
logger = logging.getLogger(__name__)


def install(handle_batch: HandleBatch) -> bool:
    """Have TorchServe's worker pass each batch to `handle_batch`; return whether it was installed.

    Call it in the handler's `initialize`: TorchServe has then read the message that loads the model and no byte beyond,
    because the frontend waits for the response to it. The buffer misses nothing.
    """
    if ts.__version__.strip() != TORCHSERVE_VERSION or os.environ.get("SERVING_FAST_PATH", "true") == "false":
        return False
    reader = SocketReader()
    otf_message_handler._retrieve_buffer = reader.take
    otf_message_handler._retrieve_int = reader.integer
    otf_message_handler._retrieve_request = reader.request
    replace_predict(handle_batch)
    return True


def replace_predict(handle_batch: HandleBatch) -> None:
    """Replace `Service.predict`, which TorchServe calls with each batch.

    If `handle_batch` raises, each request is answered with 500. TorchServe would answer 503, which is a full queue.
    """

    def predict(_: Service, batch: Sequence[RawRequest]) -> bytes:
        try:
            return encode_responses(batch, handle_batch(batch))
        except Exception:
            logger.exception("a batch failed")
            return encode_responses(batch, [FAILED] * len(batch))

    Service.predict = predict


class SocketReader:
    """Buffered reads from the one connection that a worker has in its lifetime."""

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0

    def take(self, connection: socket, length: int) -> bytes:
        """Return the next `length` bytes. Exits the process when the frontend has disconnected, as TorchServe does."""
        end = self._position + length
        if end > len(self._buffer):
            self._fill(connection, length)
            end = length
        taken = self._buffer[self._position : end]
        self._position = end
        return taken

    def integer(self, connection: socket) -> int:
        """Return the next 32-bit integer."""
        return int.from_bytes(self.take(connection, 4), "big", signed=True)

    def request(self, connection: socket) -> RawRequest | None:
        """Return the next request of a batch, None after the last."""
        if not _decodes:
            try:
                return self._buffered_request()
            except (struct.error, UnicodeDecodeError):  # not all of it has arrived
                pass
        fields = _retrieve_fields(connection)
        return None if fields is None else _request_from_fields(fields)

    def _fill(self, connection: socket, length: int) -> None:
        """Read until the buffer holds at least `length` bytes."""
        pieces = [self._buffer[self._position :]]
        missing = length - len(pieces[0])
        while missing > 0:
            piece = connection.recv(READ_AHEAD_BYTES)
            if not piece:
                logging.info("Frontend disconnected.")
                sys.exit(0)
            pieces.append(piece)
            missing -= len(piece)
        self._buffer, self._position = b"".join(pieces), 0

    def _buffered_request(self) -> RawRequest | None:
        """Parse one request out of the buffer; None at the end of a batch.

        Raises struct.error or UnicodeDecodeError, and consumes nothing, when the request's end is not in the buffer. A
        field that is cut off leaves no room for the integer that follows it, so every missing byte is noticed.
        """
        buffer, at = self._buffer, self._position
        (length,) = _integer_at(buffer, at)
        at += 4
        if length == -1:
            self._position = at
            return None
        request_id = buffer[at : at + length]
        at += length
        headers, explain = {}, ""
        while (length := _integer_at(buffer, at)[0]) != -1:
            at += 4 + length
            name = buffer[at - length : at].decode()
            (length,) = _integer_at(buffer, at)
            at += 4 + length
            headers[name.lower()] = value = buffer[at - length : at].decode()
            if name == "explain":
                explain = value
        headers["explain"] = explain
        at += 4
        parts: dict[str, Any] = {}
        while (length := _integer_at(buffer, at)[0]) != -1:
            at += 4 + length
            name = buffer[at - length : at].decode()
            at += 4 + _integer_at(buffer, at)[0]  # the part's content type, which is not used
            (length,) = _integer_at(buffer, at)
            at += 4 + length
            _add_part(parts, name, buffer[at - length : at])
        self._position = at + 4
        return RawRequest(request_id.decode(), headers, parts)


def _request_from_fields(fields: Mapping[str, Any]) -> RawRequest:
    """Convert a request that TorchServe's own function has read."""
    headers = {header["name"].decode(): header["value"].decode() for header in fields["headers"]}
    parts: dict[str, Any] = {}
    for part in fields["parameters"]:
        _add_part(parts, part["name"], part["value"])
    return RawRequest(fields["requestId"].decode(), lowercase_headers(headers), parts)


def _add_part(parts: dict[str, Any], name: str, value: Any) -> None:
    """Add a part under its field name, or under "name[1]" and so on: TorchServe keeps the last of those of one name."""
    if name in parts:
        name = next(new for i in itertools.count(1) if (new := f"{name}[{i}]") not in parts)
    parts[name] = value


def encode_responses(batch: Sequence[RawRequest], responses: Sequence[Response]) -> bytes:
    """Encode a batch's responses as TorchServe's `create_predict_response` does, but each content type only once."""
    pieces = [_pack_length(200), _pack_text("Prediction success")]
    for request, response in zip(batch, responses, strict=True):
        head = _encode_head(response.content_type, response.status, request.is_grpc, response.headers)
        pieces += _pack_text(request.id), head, _pack_length(len(response.body)), response.body
    pieces.append(_pack_length(-1))
    return b"".join(pieces)


def _encode_head(content_type: str, status: int, is_grpc: bool, headers: Headers) -> bytes:
    """Encode the fields between a response's id and its body: content type, status and headers."""
    key = content_type, status, is_grpc, headers
    head = _heads.get(key)
    if head is None:
        sent = (*headers, END_OF_STREAM) if is_grpc else headers
        head = _pack_text(content_type) + _pack_length(status) + _pack_text(STATUS_PHRASES[status])
        head += _pack_length(len(sent)) + b"".join(_pack_text(name) + _pack_text(value) for name, value in sent)
        if not headers:  # the headers of binary responses differ from one to the next
            _heads[key] = head
    return head


def _pack_text(text: str) -> bytes:
    return _pack_length(len(text)) + text.encode()  # ASCII only


_heads: dict[tuple[str, int, bool, Headers], bytes] = {}
