"""Encode the inputs of a model as request bodies."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Data: TypeAlias = "str | Path | bytes | Image.Image | NDArray[Any] | list[Any]"
JSON = "application/json"
BODY_LIMIT_BYTES = 6 * 1024 * 1024  # of the server's 8 MiB, which leaves room for the JSON around the inputs
FILE_LIMIT = 5  # the server decodes one request for 3 s at most; a 12-megapixel PNG takes 0.5 s
COUNT_LIMIT = 1000  # inputs of one request; a model.yaml may allow fewer with input.max_count


def encode(data: Data) -> tuple[bytes, str]:
    """Return the body of a request, and its content type. A .json file is a whole request, all else is one input."""
    if isinstance(data, np.ndarray) and data.dtype == np.uint8:
        return npy(data[np.newaxis]), "application/x-npy"
    if isinstance(data, (np.ndarray, list)):
        return instances([_instance(data)]), JSON
    is_json = isinstance(data, (str, Path)) and Path(data).suffix == ".json"
    return _file(data), JSON if is_json else "application/octet-stream"


def encode_many(inputs: Iterable[Data]) -> Iterator[tuple[bytes, str]]:
    """Return the bodies of as few requests as hold all inputs, in order, and their content types."""
    if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8:
        step = min(COUNT_LIMIT, max(1, BODY_LIMIT_BYTES // max(1, inputs[:1].nbytes)))
        return ((npy(inputs[i : i + step]), "application/x-npy") for i in range(0, len(inputs), step))
    return ((instances(chunk), JSON) for chunk in _chunks(inputs))


def npy(array: NDArray[np.uint8]) -> bytes:
    """Encode inputs, uint8 [n, …], as an .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def instances(encoded: Iterable[str]) -> bytes:
    """Return the body of a request for inputs that are JSON already."""
    return f'{{"instances": [{", ".join(encoded)}]}}'.encode()


def _instance(data: Data) -> str:
    """Return the JSON of one input: its numbers, or its file in base64."""
    if isinstance(data, (np.ndarray, list)):
        return json.dumps(data.tolist() if isinstance(data, np.ndarray) else data)
    return json.dumps({"b64": base64.b64encode(_file(data)).decode()})


def _file(data: str | Path | bytes | Image.Image) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, Image.Image):
        stream = io.BytesIO()
        data.save(stream, "PNG")
        return stream.getvalue()
    return Path(data).read_bytes()


def _chunks(inputs: Iterable[Data]) -> Iterator[list[str]]:
    """Split the JSON of the inputs into chunks that each fit into one body."""
    chunk: list[str] = []
    size = 0
    for data in inputs:
        limit = COUNT_LIMIT if isinstance(data, (np.ndarray, list)) else FILE_LIMIT
        encoded = _instance(data)
        if len(chunk) >= limit or (chunk and size + len(encoded) > BODY_LIMIT_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(encoded)
        size += len(encoded)
    if chunk:
        yield chunk
