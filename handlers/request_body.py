"""Read the body of a request, as TorchServe passes it, as bytes or JSON."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from handlers.errors import ClientError, UnsupportedEncodingError

FORM = "application/x-www-form-urlencoded"
MAX_DECODED_BYTES = 8 * 2**20  # as config.properties limits a body that is not compressed
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib.decompressobj
JSON_STARTS = b'{["-0123456789tfn'
BYTE_ORDER_MARKS = (b"\xef\xbb", b"\xff\xfe", b"\xfe\xff")
BASE64 = re.compile(rb"\s*[A-Za-z0-9+/_-][A-Za-z0-9+/_\s-]{15,}={0,2}\s*")


def read_parts(parts: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, bytes]:
    """Return the body, or each part of a multipart body, by its field name. Headers have lowercase names.

    Raises ClientError when there is no body, when TorchServe has lost its bytes, or when it cannot be decompressed.
    """
    content_type = headers.get("content-type", "").lower()
    if content_type.startswith(FORM) and set(parts) != {"body"}:
        raise ClientError(
            "the body came as a web form (curl's default with -d and --data-binary) and its bytes are lost; "
            "send the file with `curl -T FILE`, or add -H 'Content-Type: application/octet-stream'; JSON with "
            "-H 'Content-Type: application/json'"
        )
    if content_type.startswith("multipart/") and not (set(parts) - {"body"}):
        _check_multipart(parts, content_type)
    if not any(parts.values()):
        raise ClientError("the request has no body; send a file or JSON")
    bodies = {name: _as_bytes(value) for name, value in parts.items()}
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        return {name: _decompress(body, encoding) for name, body in bodies.items()}
    return bodies


def _check_multipart(parts: Mapping[str, Any], content_type: str) -> None:
    """Raise ClientError for a multipart body that TorchServe could not take apart."""
    if "boundary=" not in content_type:
        raise ClientError(
            "the header Content-Type says multipart/form-data without a boundary; let the HTTP client set that header"
        )
    if not parts:
        raise ClientError(
            "the multipart body holds no part; each begins with the boundary of the header Content-Type, and lines end "
            "with CR LF"
        )


def _decompress(body: bytes, encoding: str) -> bytes:
    """Decompress a body. Raises ClientError for one that is damaged, cut off or too large, or of another encoding."""
    if encoding not in WINDOW_BITS:
        raise UnsupportedEncodingError(
            f"Content-Encoding {encoding[:40]!r} is not accepted; send gzip, deflate or an uncompressed body"
        )
    stream = zlib.decompressobj(WINDOW_BITS[encoding])
    try:
        decoded = stream.decompress(body, MAX_DECODED_BYTES)
    except zlib.error as error:
        raise ClientError(f"the body is not {encoding}, as the header Content-Encoding says: {error}") from error
    if stream.unconsumed_tail:
        raise ClientError(f"the body has more than {MAX_DECODED_BYTES >> 20} MiB when it is decompressed; send less")
    if not stream.eof:
        raise ClientError(f"the {encoding} body is cut off before its end; send it whole")
    return decoded


def _as_bytes(value: Any) -> bytes:
    """Undo TorchServe's decoding of text and JSON, unless decode_input_request=false switches it off."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def is_json(body: bytes, content_type: str) -> bool:
    """Return whether the body is JSON, by its first character, or by its content type where that can be true."""
    start = body.lstrip()[:1]
    if start in (b"{", b"["):
        return True
    return "json" in content_type.lower() and (start in JSON_STARTS or body.startswith(BYTE_ORDER_MARKS))


def load_json(body: bytes | memoryview) -> Any:
    """Parse JSON. Raises ClientError, which also covers NaN and Infinity: they are not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ClientError(f"the body is not valid JSON: {error}") from error


def decode_text_body(body: bytes) -> bytes | None:
    """Decode a body that is a data: URL or base64, which clients copy from a canvas or a database; None for others."""
    if body.startswith(b"data:"):
        return decode_base64(body.decode(errors="replace"), "the data: URL")
    if BASE64.fullmatch(body):
        try:
            return decode_base64(body.decode(), "the body")
        except ClientError:
            return None
    return None


def decode_base64(text: Any, name: str) -> bytes:
    """Decode base64 or base64url, also with the line breaks of `base64` or as a data: URL. Raises ClientError."""
    if not isinstance(text, str):
        raise ClientError(f"{name} is not base64 text; encode the file with base64")
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ClientError(f"{name} is a data: URL without base64; canvas.toDataURL() makes one with it")
    compact = "".join(text.split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientError(f"{name} is not valid base64 ({error}); encode the file with base64") from error
