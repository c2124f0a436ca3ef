"""Encode digits as request bodies."""

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
BODY_LIMIT_BYTES = 6 * 1024 * 1024  # of the server's 8 MiB, which leaves room for the JSON around the images
IMAGE_LIMIT = 5  # the server decodes one request for 3 s at most; a 12-megapixel PNG takes 0.5 s
ARRAY_LIMIT = 8192  # digits of 784 bytes that fit in one body


def encode(digit: Digit) -> tuple[bytes, str]:
    """Return the body of a request for one digit, and its content type."""
    if isinstance(digit, np.ndarray) and digit.dtype == np.uint8:
        return npy(digit[np.newaxis]), "application/x-npy"
    if isinstance(digit, np.ndarray):
        return json.dumps({"instances": [digit.tolist()]}).encode(), "application/json"
    return _image_file(digit), "application/octet-stream"


def instance(digit: Digit) -> Any:
    """Return the digit as one of a JSON body's "instances"."""
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
    """Encode uint8 [n, 28, 28] or [n, 784] as an .npy file."""
    stream = io.BytesIO()
    np.save(stream, digits)
    return stream.getvalue()


def chunks(instances: list[Any]) -> Iterator[list[Any]]:
    """Split instances into chunks that each fit into one body; 784 numbers are at most 16 KB of JSON."""
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
