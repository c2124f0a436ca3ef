"""What TorchServe hands over of a request's body, brought to bytes and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from handlers.errors import ClientError

FORM = "application/x-www-form-urlencoded"


def read(parts: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, bytes]:
    """Return the body, or each part of a multipart body by its field name. Headers have names in lower case.

    Raises ClientError when there is nothing, or when the bytes were lost on the way.
    """
    if FORM in headers.get("content-type", "").lower():
        raise ClientError(
            "the body came as a web form (curl's default with -d and --data-binary) and its bytes are lost; "
            "send the file with `curl -T digit.png`, or add -H 'Content-Type: image/png' (JSON: application/json)"
        )
    if not any(parts.values()):
        raise ClientError("the request has no body; send an image, JSON or an .npy array")
    return {name: _as_bytes(value) for name, value in parts.items()}


def _as_bytes(value: Any) -> bytes:
    """TorchServe decodes text and JSON itself unless decode_input_request=false, as our config.properties has it."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def is_json(body: bytes, content_type: str) -> bool:
    return "json" in content_type.lower() or body.lstrip()[:1] in (b"{", b"[")


def load_json(body: bytes) -> Any:
    """Parse JSON. Raises ClientError, which also covers NaN and Infinity: they are not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ClientError(f"the body is not valid JSON: {error}") from error
