"""The bulk protocol: one .npy file of many digits."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.mnist.preprocessing.normalize import SIDE
from handlers.mnist.protocols.arrays import NUM_PIXELS, check_count

CONTENT_TYPE = "application/x-npy"
MAGIC = b"\x93NUMPY"
MAX_HEADER_CHARS = 500  # a header of digits has 118; a longer one could hold numbers too long to print


def parse(body: bytes) -> NDArray[np.uint8]:
    """Parse an .npy file of uint8 [n, 28, 28] or [n, 784]; return uint8 [n, 784].

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
        raise ClientError("the body is not an .npy file; save a uint8 array with numpy.save") from error
    if dtype != np.uint8 or shape[1:] not in {(SIDE, SIDE), (NUM_PIXELS,)}:
        raise ClientError(f"the .npy array is {dtype} {list(shape)}; accepted are uint8 [n, 28, 28] and uint8 [n, 784]")
    check_count(shape[0])
    values = np.frombuffer(body, np.uint8, offset=stream.tell())
    if values.size != math.prod(shape):
        raise ClientError(f"the .npy file holds {values.size} values but its header says {list(shape)}; send it whole")
    return values.reshape(shape, order="F" if fortran_order else "C").reshape(-1, NUM_PIXELS)
