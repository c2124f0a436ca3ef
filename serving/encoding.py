"""How digits are written into the body of a request."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Digit = str | Path | bytes | Image.Image | NDArray[Any]
BODY_LIMIT_BYTES = 6 * 1024 * 1024  # of the server's 8 MiB, leaving room for JSON around the images
IMAGE_LIMIT = 5  # the server reads one request's images for 3 s at most; a 12-megapixel PNG takes half a second
ARRAY_LIMIT = 8192  # digits of 784 bytes that fit in one body


def encode(digit: Digit) -> tuple[bytes, str]:
    """Make the body of a request for one digit, and its type."""
    if isinstance(digit, np.ndarray) and digit.dtype == np.uint8:
        return npy(digit[np.newaxis]), "application/x-npy"
    if isinstance(digit, np.ndarray):
        return json.dumps({"instances": [digit.tolist()]}).encode(), "application/json"
    return _image_file(digit), "application/octet-stream"


def instance(digit: Digit) -> Any:
    if isinstance(digit, np.ndarray):
        return digit.tolist()
    return {"b64": base64.b64encode(_image_file(digit)).decode()}


def _image_file(digit: str | Path | bytes | Image.Image) -> bytes:
    if isinstance(digit, bytes):
        return digit
    if isinstance(digit, Image.Image):
        stream = io.BytesIO()
        digit.save(stream, "PNG")
        return stream.getvalue()
    return Path(digit).read_bytes()


def npy(digits: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, digits)
    return stream.getvalue()


def chunks(instances: list[Any]) -> Iterator[list[Any]]:
    """Cut a list into pieces whose images fit into one body; a list of 784 numbers is at most 16 KB of JSON."""
    chunk: list[Any] = []
    size = 0
    for each in instances:
        length = len(each["b64"]) if isinstance(each, dict) else 16 * 1024
        if len(chunk) == IMAGE_LIMIT or (chunk and size + length > BODY_LIMIT_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += length
    if chunk:
        yield chunk
