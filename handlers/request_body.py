"""Read the body of a request, as TorchServe passes it, as bytes or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from handlers.errors import ClientError

FORM = "application/x-www-form-urlencoded"


def read_parts(parts: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, bytes]:
    """Return the body, or each part of a multipart body, by its field name. Headers have lowercase names.

    Raises ClientError when there is no body, or when TorchServe has lost its bytes.
    """
    if FORM in headers.get("content-type", "").lower():
        raise ClientError(
            "the body came as a web form (curl's default with -d and --data-binary) and its bytes are lost; "
            "send the file with `curl -T FILE`, or add -H 'Content-Type: application/octet-stream'; JSON with "
            "-H 'Content-Type: application/json'"
        )
    if not any(parts.values()):
        raise ClientError("the request has no body; send a file or JSON")
    return {name: _as_bytes(value) for name, value in parts.items()}


def _as_bytes(value: Any) -> bytes:
    """Undo TorchServe's decoding of text and JSON, unless decode_input_request=false switches it off."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def is_json(body: bytes, content_type: str) -> bool:
    """Return whether the body is JSON, by its content type or its first character."""
    return "json" in content_type.lower() or body.lstrip()[:1] in (b"{", b"[")


def load_json(body: bytes) -> Any:
    """Parse JSON. Raises ClientError, which also covers NaN and Infinity: they are not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ClientError(f"the body is not valid JSON: {error}") from error
