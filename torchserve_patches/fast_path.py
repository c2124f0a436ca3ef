"""Fast path of a worker: read batches through a buffer and hand them to the handler without TorchServe's contexts.

TorchServe 0.12.0 reads each length and each field of a request with a system call of its own, some thirty for a
request, wraps each request's headers, asks its context eight times for each response, and writes that field by field:
more work than a small image is. Three functions of `ts.protocol.otf_message_handler` and `Service.predict` are replaced.
Without them TorchServe calls the handler's `handle`, with the same responses.

Guard: TorchServe's version. Switch: SERVING_FAST_PATH=false in the environment.
"""

from __future__ import annotations

import logging
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from socket import socket
from typing import Any

import ts
from ts.protocol import otf_message_handler
from ts.protocol.otf_message_handler import create_predict_response
from ts.service import Service

from handlers.messages import STATUS_PHRASES, HandleBatch, RawRequest, Response, lowercase_headers
from torchserve_patches import TORCHSERVE_VERSION

READ_AHEAD_BYTES = 65_536
# gRPC's StreamPredictions waits for this header, which says that no response follows; TorchServe ends the worker if it
# does not come.
END_OF_STREAM = ("ts_stream_next", "false")
_integer_at = struct.Struct("!i").unpack_from
_pack_length = struct.Struct("!i").pack
_retrieve_fields = otf_message_handler._retrieve_request
# Bodies that TorchServe is configured to decode are left to it.
_decodes = os.environ.get("TS_DECODE_INPUT_REQUEST", "true") == "true"
logger = logging.getLogger(__name__)


def install(handle_batch: HandleBatch) -> bool:
    """Have `handle_batch` called with each batch; return False where TorchServe is left alone. Call it in `initialize`.

    The frontend waits for the response to the message that loads the model, and TorchServe reads no byte beyond it: while
    a handler is initialized, nothing has been read that the buffer would miss.
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
    """Replace `Service.predict`, which TorchServe calls with each batch."""

    def predict(_: Service, batch: Sequence[RawRequest]) -> bytes:
        try:
            return encode_responses(batch, handle_batch(batch))
        except Exception:
            logger.exception("a batch failed")
            ids = {i: request.id for i, request in enumerate(batch)}
            return bytes(create_predict_response(None, ids, "Prediction failed", 503))

    Service.predict = predict


class SocketReader:
    """Buffered reads from the one connection that a worker has in its life."""

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0

    def take(self, connection: socket, length: int) -> bytes:
        """Return the next `length` bytes. Ends the process when the frontend has gone, as TorchServe does."""
        end = self._position + length
        if end > len(self._buffer):
            self._fill(connection, length)
            end = length
        taken = self._buffer[self._position : end]
        self._position = end
        return taken

    def integer(self, connection: socket) -> int:
        return int.from_bytes(self.take(connection, 4), "big", signed=True)

    def request(self, connection: socket) -> RawRequest | None:
        """Return the next request of a batch, None after the last."""
        if not _decodes:
            try:
                return self._buffered_request()
            except (struct.error, UnicodeDecodeError):  # it is not all here yet
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
        """Parse one request out of the buffer. Raises, and takes nothing, when its end has not been read yet.

        A field that is cut off leaves no room for the integer that follows it, so each missing byte is noticed.
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
        parts = {}
        while (length := _integer_at(buffer, at)[0]) != -1:
            at += 4 + length
            name = buffer[at - length : at].decode()
            at += 4 + _integer_at(buffer, at)[0]  # the part's content type, which is not used
            (length,) = _integer_at(buffer, at)
            at += 4 + length
            parts[name] = buffer[at - length : at]
        self._position = at + 4
        return RawRequest(request_id.decode(), headers, parts)


def _request_from_fields(fields: Mapping[str, Any]) -> RawRequest:
    """Build the request that TorchServe has read field by field."""
    headers = {header["name"].decode(): header["value"].decode() for header in fields["headers"]}
    parts = {part["name"]: part["value"] for part in fields["parameters"]}
    return RawRequest(fields["requestId"].decode(), lowercase_headers(headers), parts)


def encode_responses(batch: Sequence[RawRequest], responses: Sequence[Response]) -> bytes:
    """Encode a batch's responses as TorchServe's `create_predict_response` does, but each kind of header once."""
    pieces = [_pack_length(200), _pack_text("Prediction success")]
    for request, response in zip(batch, responses, strict=True):
        head = _encode_head(response.content_type, response.status, request.is_grpc)
        pieces += _pack_text(request.id), head, _pack_length(len(response.body)), response.body
    pieces.append(_pack_length(-1))
    return b"".join(pieces)


def _encode_head(content_type: str, status: int, is_grpc: bool) -> bytes:
    """Encode the fields between a response's id and its body: content type, status and headers."""
    head = _heads.get((content_type, status, is_grpc))
    if head is None:
        headers = [END_OF_STREAM] if is_grpc else []
        head = _pack_text(content_type) + _pack_length(status) + _pack_text(STATUS_PHRASES[status])
        head += _pack_length(len(headers)) + b"".join(_pack_text(name) + _pack_text(value) for name, value in headers)
        _heads[content_type, status, is_grpc] = head
    return head


def _pack_text(text: str) -> bytes:
    return _pack_length(len(text)) + text.encode()  # all of it is ASCII


_heads: dict[tuple[str, int, bool], bytes] = {}
