"""Reads what TorchServe's frontend sends to a worker in large pieces, ahead of what is asked for.

TorchServe 0.12.0 takes each length and each field off the socket with a system call of its own, thirty for a request:
a third of all the work that a small request is. That version is final, so what is exchanged here cannot change under
us; any other version, and any worker with BUFFERED_SOCKET=false in its environment, reads as TorchServe wrote it.
"""

from __future__ import annotations

import logging
import os
import struct
import sys
from collections.abc import Mapping
from socket import socket
from typing import Any

import ts
from ts.protocol import otf_message_handler

import batch_exchange
from batch_exchange import Answering, Request

VERSION = "0.12.0"
READ_AHEAD_BYTES = 65_536
_integer_at = struct.Struct("!i").unpack_from
_request_by_fields = otf_message_handler._retrieve_request
# What TorchServe decodes itself, when told to, is left to it.
_decodes = os.environ.get("TS_DECODE_INPUT_REQUEST", "true") == "true"


def install(answer: Answering) -> bool:
    """Let `answer` have each batch as it is read; False where TorchServe must be left alone. For a worker's start.

    The frontend waits for the answer to the message that loads the model, and TorchServe reads no byte beyond it: when
    a handler is initialized, nothing has been read that the buffer would miss.
    """
    if ts.__version__.strip() != VERSION or os.environ.get("BUFFERED_SOCKET", "true") == "false":
        return False
    reader = SocketReader()
    otf_message_handler._retrieve_buffer = reader.take
    otf_message_handler._retrieve_int = reader.integer
    otf_message_handler._retrieve_request = reader.request
    batch_exchange.install(answer)
    return True


class SocketReader:
    """What came from the one connection that a worker has in its life."""

    def __init__(self) -> None:
        self._ahead = b""
        self._at = 0

    def take(self, connection: socket, length: int) -> bytes:
        """The next `length` bytes. Without a frontend the process ends, as TorchServe has it."""
        end = self._at + length
        if end > len(self._ahead):
            self._fill(connection, length)
            end = length
        taken = self._ahead[self._at : end]
        self._at = end
        return taken

    def integer(self, connection: socket) -> int:
        return int.from_bytes(self.take(connection, 4), "big", signed=True)

    def request(self, connection: socket) -> Request | None:
        """The next request of a batch, None after the last."""
        if not _decodes:
            try:
                return self._whole_request()
            except (struct.error, UnicodeDecodeError):  # it is not all here yet
                pass
        fields = _request_by_fields(connection)
        return None if fields is None else _of_fields(fields)

    def _fill(self, connection: socket, length: int) -> None:
        """Bring at least `length` bytes ahead."""
        pieces = [self._ahead[self._at :]]
        missing = length - len(pieces[0])
        while missing > 0:
            piece = connection.recv(READ_AHEAD_BYTES)
            if not piece:
                logging.info("Frontend disconnected.")
                sys.exit(0)
            pieces.append(piece)
            missing -= len(piece)
        self._ahead, self._at = b"".join(pieces), 0

    def _whole_request(self) -> Request | None:
        """Read a request in one go; an error, and nothing is taken, where its end is not here yet.

        A field that is cut off leaves no room for the integer that follows it, so each missing byte is noticed.
        """
        ahead, at = self._ahead, self._at
        (length,) = _integer_at(ahead, at)
        at += 4
        if length == -1:
            self._at = at
            return None
        request_id = ahead[at : at + length]
        at += length
        headers, explain = {}, ""
        while (length := _integer_at(ahead, at)[0]) != -1:
            at += 4 + length
            name = ahead[at - length : at].decode()
            (length,) = _integer_at(ahead, at)
            at += 4 + length
            headers[name.lower()] = value = ahead[at - length : at].decode()
            if name == "explain":
                explain = value
        headers["explain"] = explain
        at += 4
        parts = {}
        while (length := _integer_at(ahead, at)[0]) != -1:
            at += 4 + length
            name = ahead[at - length : at].decode()
            at += 4 + _integer_at(ahead, at)[0]  # a part's content type, which nobody asks for
            (length,) = _integer_at(ahead, at)
            at += 4 + length
            parts[name] = ahead[at - length : at]
        self._at = at + 4
        return Request(request_id.decode(), headers, parts)


def named(headers: Mapping[str, Any]) -> dict[str, str]:
    """Headers as TorchServe hands them over, names brought to lower case; the parts' types among them are left out."""
    lower = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    lower["explain"] = headers.get("explain", "")
    return lower


def _of_fields(fields: Mapping[str, Any]) -> Request:
    """The request that TorchServe has read field by field."""
    headers = {header["name"].decode(): header["value"].decode() for header in fields["headers"]}
    parts = {part["name"]: part["value"] for part in fields["parameters"]}
    return Request(fields["requestId"].decode(), named(headers), parts)
