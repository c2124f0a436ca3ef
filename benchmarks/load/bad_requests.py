"""Bad requests: each is to be answered 400, and must not affect any other request."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping

from common.png import png_chunk

JSON = {"Content-Type": "application/json"}
BadRequest = tuple[bytes, Mapping[str, str]]


def decompression_bomb() -> bytes:
    """Return a PNG of 100 bytes whose header claims 100,000 × 100,000 pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0")) + png_chunk(b"IEND", b"")


def bad_requests(image: bytes) -> list[BadRequest]:
    """Return bodies with their headers, some of them made from a valid image."""
    return [
        (b"", {}),
        (b"\xde\xad\xbe\xef" * 50, {}),
        (image[: len(image) // 2], {}),
        (decompression_bomb(), {}),
        (b'{"instances": [', JSON),
        (b'{"instances": [[1, 2, 3]]}', JSON),
        (b'{"instances": [[' + b"NaN," * 783 + b"NaN]]}", JSON),
        (b"", {"describe": "True"}),
        (b"garbage", {"explain": "True", "describe": "True", "Explain": "True"}),
        (b"image=7.png", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b'{"inputs": [{"shape": [1, 5], "datatype": "UINT8", "data": [1, 2, 3, 4, 5]}]}', JSON),
        (base64.b64encode(b"this is no image"), {}),
    ]
