"""What can be wrong with a request for a digit: each is to be answered 400, and to cost nobody else anything."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping

JSON = {"Content-Type": "application/json"}
BadRequest = tuple[bytes, Mapping[str, str]]


def bomb() -> bytes:
    """A PNG of 100 bytes that claims to be 100,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def bad_requests(image: bytes) -> list[BadRequest]:
    """Bodies and headers, some of them made of a good image."""
    return [
        (b"", {}),
        (b"\xde\xad\xbe\xef" * 50, {}),
        (image[: len(image) // 2], {}),
        (bomb(), {}),
        (b'{"instances": [', JSON),
        (b'{"instances": [[1, 2, 3]]}', JSON),
        (b'{"instances": [[' + b"NaN," * 783 + b"NaN]]}", JSON),
        (b"", {"describe": "True"}),
        (b"garbage", {"explain": "True", "describe": "True", "Explain": "True"}),
        (image, {"Content-Type": "application/x-www-form-urlencoded"}),
        (b'{"inputs": [{"shape": [1, 5], "datatype": "UINT8", "data": [1, 2, 3, 4, 5]}]}', JSON),
        (base64.b64encode(image), {}),
    ]
