"""The bulk protocol: one .npy file of many inputs."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.inputs import InputReader, Inputs

CONTENT_TYPE = "application/x-npy"
MAGIC = b"\x93NUMPY"
MAX_HEADER_CHARS = 500  # usual headers have 118; a longer one could hold numbers too long to print


def parse(body: bytes, reader: InputReader) -> Inputs:
    """Parse an .npy file of [n, *shape] or [n, size], in the type of the model's inputs (pixels: uint8).

    The size that its header claims is checked before it is used. Raises ClientError.
    """
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        claimed, fortran_order, dtype = read_header(stream, max_header_size=MAX_HEADER_CHARS)
        shape = tuple(map(int, claimed))  # numpy accepts True as a size
    except Exception as error:  # numpy evaluates the header as a Python literal, which fails in many ways
        raise ClientError("the body is not an .npy file; save an array with numpy.save") from error
    if dtype != reader.dtype or shape[1:] not in reader.shapes or not shape:
        accepted = f"{reader.dtype} {reader.describe_shapes()}"
        raise ClientError(f"the .npy array is {dtype} {list(shape)}; accepted is {accepted}")
    reader.check_count(shape[0])
    values = np.frombuffer(body[stream.tell() :], reader.dtype)
    if values.size != math.prod(shape):
        raise ClientError(f"the .npy file holds {values.size} values but its header says {list(shape)}; send it whole")
    inputs = values.reshape(shape, order="F" if fortran_order else "C").reshape(-1, *reader.spec.shape)
    if reader.spec.type != "pixels":
        reader.check_range(inputs, "the .npy array")
    return inputs


def encode(values: NDArray[np.float32]) -> bytes:
    """Encode one output as an .npy file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()
