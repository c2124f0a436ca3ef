"""The Open Inference Protocol, V2 in KServe and Triton: {"inputs": [...]}, with its binary tensor extension."""

from __future__ import annotations

import math
import reprlib
import struct
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.inputs import InputReader, Inputs
from handlers.request_body import decode_base64

HEADER_LENGTH = "inference-header-content-length"  # of a body that holds binary tensors after its JSON
BINARY_CONTENT_TYPE = "application/octet-stream"
ENCODED_DATATYPES = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64", np.dtype(np.uint8): "UINT8"}
DTYPES = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8", "INT32": "<i4", "UINT8": "u1"}  # binary data is little-endian
Values: TypeAlias = "NDArray[Any] | list[str]"


class V2Request(NamedTuple):
    """Inputs [n, *shape], the request's id, the names of the requested outputs (none: all), and of the binary ones."""

    inputs: Inputs
    id: str | None
    outputs: Sequence[str]
    binary: Collection[str]


def split_body(body: bytes, header_length: str) -> tuple[bytes, bytes]:
    """Split a body with binary tensors into its JSON and the tensors. Raises ClientError."""
    if not header_length.isdecimal() or not 0 < int(header_length[:12]) <= len(body):
        raise ClientError(
            f"the header Inference-Header-Content-Length is {reprlib.repr(header_length)}; send the number of bytes of "
            f"JSON at the start of the body, which has {len(body)}"
        )
    return body[: int(header_length)], body[int(header_length) :]


def parse(message: dict[str, Any], binary: bytes, reader: InputReader, known: Collection[str]) -> V2Request:
    """Parse a request: its JSON, the bytes of its binary tensor, and the names of outputs that it may ask for.

    Pixels are UINT8 from 0 to 255 or FP32 from 0 to 1, other inputs any datatype of `DTYPES`; BYTES [n] are files, in
    JSON as base64. The first dimension may be -1. Raises ClientError.
    """
    inputs = message["inputs"]
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise ClientError('"inputs" must be a list of exactly one tensor: {"name", "shape", "datatype", "data"}')
    (tensor,) = inputs
    datatype, shape = tensor.get("datatype"), _parse_shape(tensor.get("shape"), reader)
    _check_shape(shape, datatype, reader)
    if isinstance(tensor.get("parameters"), dict) and "binary_data_size" in tensor["parameters"]:
        values = _binary_values(binary, tensor["parameters"]["binary_data_size"], datatype)
    elif binary:
        raise ClientError(f"{len(binary)} bytes follow the JSON; give the tensor the parameter binary_data_size")
    else:
        values = _flatten([data] if isinstance(data := tensor.get("data"), str) else data)
    shape = _resolve_count(shape, len(values))
    reader.check_count(shape[0])
    if len(values) != math.prod(shape):
        raise ClientError(f"the tensor has {len(values)} values, but shape {shape} needs {math.prod(shape)}")
    return V2Request(_read(values, datatype, reader), *_parse_envelope(message, known))


def encode(
    envelope: dict[str, Any], outputs: Sequence[tuple[str, Values]], binary: Collection[str]
) -> tuple[bytes, int]:
    """Encode a response; return its body and the length of its JSON, which binary outputs follow."""
    tensors, tail = [], []
    for name, values in outputs:
        head, data = _describe_tensor(name, values)
        if name in binary:
            tail.append(_to_binary(values))
            tensors.append({**head, "parameters": {"binary_data_size": len(tail[-1])}})
        else:
            tensors.append({**head, "data": data})
    header = orjson.dumps({**envelope, "outputs": tensors}, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([header, *tail]), len(header)


def _parse_shape(shape: Any, reader: InputReader) -> list[int]:
    if type(shape) is int:  # KServe's tobytes.py sends -1
        shape = [shape]
    if not isinstance(shape, list) or not shape or not all(type(size) is int for size in shape):
        raise ClientError(f'the tensor\'s "shape" is not a list of integers; accepted is {reader.describe_shapes()}')
    return shape


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
    if shape[0] != -1:
        reader.check_count(shape[0])


def _resolve_count(shape: list[int], count: int) -> list[int]:
    """Replace -1, the first dimension of a tensor of `count` values, by the number of inputs."""
    size = math.prod(shape[1:])
    return [-(-count // size), *shape[1:]] if shape[0] == -1 else shape


def _flatten(data: Any) -> list[Any]:
    """Flatten tensor data, which may be nested. Raises ClientError."""
    if not isinstance(data, list):
        raise ClientError('the tensor\'s "data" is not a list')
    while data and all(isinstance(item, list) for item in data):
        data = [value for item in data for value in item]
    return data


def _binary_values(binary: bytes, size: Any, datatype: str) -> NDArray[Any] | list[bytes]:
    """Return the values of a binary tensor: numbers, or for BYTES the elements, each after its length in 4 bytes."""
    if type(size) is not int or size != len(binary):
        raise ClientError(f"binary_data_size is {reprlib.repr(size)}, but {len(binary)} bytes follow the JSON")
    if datatype != "BYTES":
        dtype = np.dtype(DTYPES[datatype])
        if len(binary) % dtype.itemsize:
            raise ClientError(f"{len(binary)} bytes are no whole number of {datatype} values")
        return np.frombuffer(binary, dtype)
    elements, at = [], 0
    while at + 4 <= len(binary):
        (length,) = struct.unpack_from("<I", binary, at)
        elements.append(binary[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(binary):
        raise ClientError("the binary BYTES tensor is cut off; each element follows its length, 4 bytes little-endian")
    return elements


def _read(values: NDArray[Any] | list[Any], datatype: str, reader: InputReader) -> Inputs:
    if datatype == "BYTES":
        names = [f"data[{i}]" for i in range(len(values))]
        pairs = zip(names, values, strict=True)
        return reader.read_files({n: v if isinstance(v, bytes) else decode_base64(v, n) for n, v in pairs})
    return reader.read_numbers(values, f"{datatype} data", integers=datatype == "UINT8")


def _parse_envelope(
    message: dict[str, Any], known: Collection[str]
) -> tuple[str | None, Sequence[str], Collection[str]]:
    """Return the request's id and the names of the requested and of the binary outputs. Raises ClientError."""
    request_id, outputs = message.get("id"), message.get("outputs", [])
    if request_id is not None and not isinstance(request_id, str):
        raise ClientError('"id" must be a string')
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in known for o in outputs):
        raise ClientError(f'"outputs" may name {", ".join(known)}')
    names = [output["name"] for output in outputs]
    is_default = _parameter(message, "binary_data_output", default=False)
    binary = [o["name"] for o in outputs if _parameter(o, "binary_data", default=is_default)]
    return request_id, names, binary if outputs or not is_default else known


def _parameter(holder: dict[str, Any], name: str, *, default: bool) -> bool:
    parameters = holder.get("parameters")
    return parameters.get(name, default) is True if isinstance(parameters, dict) else default


def _describe_tensor(name: str, values: Values) -> tuple[dict[str, Any], Any]:
    """Return the name, datatype and shape of an output tensor, and its data, flat and row-major."""
    if isinstance(values, list):
        return {"name": name, "datatype": "BYTES", "shape": [len(values)]}, values
    return {"name": name, "datatype": ENCODED_DATATYPES[values.dtype], "shape": values.shape}, values.ravel()


def _to_binary(values: Values) -> bytes:
    if isinstance(values, list):
        texts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
