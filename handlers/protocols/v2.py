"""The Open Inference Protocol, V2 in KServe and Triton: {"inputs": [...]}."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.inputs import InputReader, Inputs, decode_base64

ENCODED_DATATYPES = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64", np.dtype(np.uint8): "UINT8"}


def parse(message: dict[str, Any], reader: InputReader) -> Inputs:
    """Parse the one input tensor; return [n, *shape].

    Pixels are UINT8 from 0 to 255 or FP32 from 0 to 1, other inputs any datatype of numbers; BYTES [n] are files in
    base64. Raises ClientError.
    """
    inputs = message["inputs"]
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise ClientError('"inputs" must be a list of exactly one tensor: {"name", "shape", "datatype", "data"}')
    shape, datatype, data = (inputs[0].get(key) for key in ("shape", "datatype", "data"))
    if not isinstance(shape, list) or not shape or not all(type(size) is int for size in shape):
        raise ClientError(f'the tensor\'s "shape" is not a list of integers; accepted is {reader.describe_shapes()}')
    reader.check_count(shape[0])
    _check_shape(shape, datatype, reader)
    values = _flatten(data)
    if len(values) != math.prod(shape):
        raise ClientError(f'"data" has {len(values)} values, but shape {shape} needs {math.prod(shape)}')
    if datatype == "BYTES":
        return reader.read_files({f"data[{i}]": decode_base64(text, f"data[{i}]") for i, text in enumerate(values)})
    return reader.read_numbers(values, f"{datatype} data", integers=datatype == "UINT8")


def parse_envelope(message: dict[str, Any], known: Collection[str]) -> tuple[str | None, Sequence[str]]:
    """Return the request's id and the names of the requested outputs, which must be `known`; none named means all.

    Raises ClientError.
    """
    request_id, outputs = message.get("id"), message.get("outputs", [])
    if request_id is not None and not isinstance(request_id, str):
        raise ClientError('"id" must be a string')
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in known for o in outputs):
        raise ClientError(f'"outputs" may name {", ".join(known)}')
    return request_id, [output["name"] for output in outputs]


def encode_tensor(name: str, values: NDArray[Any] | list[str]) -> dict[str, Any]:
    """Encode one output tensor; its data is flat and row-major."""
    if isinstance(values, list):
        return {"name": name, "datatype": "BYTES", "shape": [len(values)], "data": values}
    return {"name": name, "datatype": ENCODED_DATATYPES[values.dtype], "shape": values.shape, "data": values.ravel()}


def _check_shape(shape: list[int], datatype: Any, reader: InputReader) -> None:
    """Raise ClientError for a datatype or shape that no inputs have.

    Checked before the sizes are multiplied: a client can send millions of sizes, and huge ones.
    """
    datatypes = reader.spec.datatypes
    if datatype not in datatypes:
        raise ClientError(f"datatype {reprlib.repr(datatype)} is not accepted; send {' or '.join(datatypes)}")
    if tuple(shape[1:]) not in ([()] if datatype == "BYTES" else reader.shapes):
        accepted = reader.describe_shapes() + (", BYTES [n]" if reader.spec.encoded else "")
        raise ClientError(f"shape {reprlib.repr(shape)} is not accepted; send {accepted}")


def _flatten(data: Any) -> list[Any]:
    """Flatten tensor data, which may be nested. Raises ClientError."""
    if not isinstance(data, list):
        raise ClientError('the tensor\'s "data" is not a list')
    while data and all(isinstance(item, list) for item in data):
        data = [value for item in data for value in item]
    return data
