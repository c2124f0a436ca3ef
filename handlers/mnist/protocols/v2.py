"""The Open Inference Protocol, V2 in KServe and Triton: {"inputs": [...]}."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.mnist.preprocessing.normalize import SIDE
from handlers.mnist.protocols.arrays import (
    NUM_PIXELS,
    Pixels,
    check_count,
    check_range,
    decode_base64,
    preprocess_images,
    scale,
    to_float_array,
)

DATATYPES = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64", np.dtype(np.uint8): "UINT8"}


def parse(message: dict[str, Any]) -> Pixels:
    """Parse the one input tensor; return float32 [n, 784].

    It is UINT8 or FP32 of shape [n, 784], [n, 28, 28] or [n, 1, 28, 28], or BYTES [n] of images in base64. Raises
    ClientError.
    """
    inputs = message["inputs"]
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise ClientError('"inputs" must be a list of exactly one tensor: {"name", "shape", "datatype", "data"}')
    shape, datatype, data = (inputs[0].get(key) for key in ("shape", "datatype", "data"))
    if not isinstance(shape, list) or not shape or not all(type(size) is int for size in shape):
        raise ClientError('the tensor\'s "shape" is not a list of integers; accepted are [n, 784] and [n, 28, 28]')
    check_count(shape[0])
    _check_shape(shape, datatype)
    values = _flatten(data)
    if len(values) != math.prod(shape):
        raise ClientError(f'"data" has {len(values)} values, but shape {shape} needs {math.prod(shape)}')
    if datatype == "BYTES":
        return preprocess_images({f"data[{i}]": decode_base64(text, f"data[{i}]") for i, text in enumerate(values)})
    return _to_pixels(to_float_array(values, "data").reshape(-1, NUM_PIXELS), datatype)


def parse_envelope(message: dict[str, Any]) -> tuple[str | None, Sequence[str]]:
    """Return the request's id and the names of the requested outputs; none named means all. Raises ClientError."""
    request_id, outputs = message.get("id"), message.get("outputs", [])
    if request_id is not None and not isinstance(request_id, str):
        raise ClientError('"id" must be a string')
    known = ("probabilities", "digit", "attribution", "pixels")
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in known for o in outputs):
        raise ClientError('"outputs" may name "probabilities", "digit"; of explanations "attribution", "pixels" too')
    return request_id, [output["name"] for output in outputs]


def encode_tensor(name: str, values: NDArray[Any]) -> dict[str, Any]:
    """Encode one output tensor; its data is flat and row-major."""
    return {"name": name, "datatype": DATATYPES[values.dtype], "shape": values.shape, "data": values.ravel()}


def _check_shape(shape: list[int], datatype: Any) -> None:
    """Raise ClientError for a datatype or shape that no digits have.

    Checked before the sizes are multiplied: a client can send millions of sizes, and huge ones.
    """
    if datatype not in ("UINT8", "FP32", "BYTES"):
        raise ClientError(f'datatype {reprlib.repr(datatype)} is not accepted; send "UINT8", "FP32" or "BYTES"')
    if tuple(shape[1:]) not in ({()} if datatype == "BYTES" else {(NUM_PIXELS,), (SIDE, SIDE), (1, SIDE, SIDE)}):
        accepted = "[n, 784], [n, 28, 28] or [n, 1, 28, 28], BYTES [n]"
        raise ClientError(f"shape {reprlib.repr(shape)} is not accepted; send {accepted}")


def _flatten(data: Any) -> list[Any]:
    """Flatten tensor data, which may be nested. Raises ClientError."""
    if not isinstance(data, list):
        raise ClientError('the tensor\'s "data" is not a list')
    while data and all(isinstance(item, list) for item in data):
        data = [value for item in data for value in item]
    return data


def _to_pixels(values: NDArray[np.float64], datatype: Any) -> Pixels:
    if datatype == "FP32":
        check_range(values, "FP32 data", high=1, integers=False)
        return values.astype(np.float32)
    check_range(values, "UINT8 data", high=255, integers=True)
    return scale(values)
