"""Pixels as the net takes them, from encoded images, base64 text and numbers.

Pixels are digits in MNIST's form, [n, 784]: float32 from 0 to 1, or uint8 from 0 to 255 until `collate` scales them.
Encoded images are preprocessed; numbers are taken exactly as they are.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.mnist.preprocessing.normalize import SIDE
from handlers.mnist.preprocessing.pipeline import preprocess_image

NUM_PIXELS = SIDE * SIDE
MAX_DIGITS = 10_000
# Worker time for the images of one request: a full batch of such requests stays below responseTimeout.
MAX_PREPROCESS_S = 3.0

Pixels = NDArray[np.float32]  # [n, 784], 0 to 1


def scale(pixels: NDArray[Any]) -> Pixels:
    """Scale 0 to 255 to 0 to 1, bit for bit as torchvision's ToTensor does. Any shape."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def collate(arrays: Sequence[NDArray[Any]]) -> Pixels:
    """Concatenate several [n, 784], uint8 from 0 to 255 or float32 from 0 to 1, to one float32 from 0 to 1."""
    if all(pixels.dtype == np.uint8 for pixels in arrays):
        return scale(np.concatenate(arrays))
    return np.concatenate([scale(pixels) if pixels.dtype == np.uint8 else pixels for pixels in arrays])


def micro_batches(arrays: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
    """Group arrays in order into micro-batches of at most MAX_DIGITS rows, which bounds the memory of one pass."""
    groups: list[list[NDArray[Any]]] = [[]]
    size = 0
    for pixels in arrays:
        size += len(pixels)
        if size > MAX_DIGITS:
            groups.append([])
            size = len(pixels)
        groups[-1].append(pixels)
    return groups


def preprocess_images(images: Mapping[str, bytes]) -> Pixels:
    """Preprocess several encoded images; an error names the image by its key. Raises ClientError."""
    check_count(len(images))
    digits: list[NDArray[np.uint8]] = []
    deadline_s = time.thread_time() + MAX_PREPROCESS_S
    for name, image in images.items():
        if time.thread_time() > deadline_s:
            raise ClientError(
                f"{len(digits)} of {len(images)} images took {MAX_PREPROCESS_S:g} s to read; send fewer at once"
            )
        try:
            digits.append(preprocess_image(image))
        except ClientError as error:
            raise type(error)(f"{name}: {error}") from error
    return scale(np.stack(digits).reshape(-1, NUM_PIXELS))


def decode_base64(text: Any, name: str) -> bytes:
    """Decode base64, also with the line breaks of `base64` or as a browser's data: URL. Raises ClientError."""
    if not isinstance(text, str):
        raise ClientError(f"{name} is not base64 text; encode the image file with base64")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientError(f"{name} is not valid base64 ({error}); encode the image file with base64") from error


def to_float_array(values: list[Any], name: str) -> NDArray[np.float64]:
    """Convert a flat list of numbers. Raises ClientError for any other item, booleans included."""
    if not set(map(type, values)) <= {int, float}:
        raise ClientError(f"{name} holds something that is not a number; send integers 0 to 255 or numbers 0 to 1")
    return np.array(values, dtype=np.float64)


def check_range(values: NDArray[np.float64], name: str, *, high: int, integers: bool) -> None:
    """Raise ClientError unless all values are from 0 to `high`, and integers if asked."""
    wrong = (values < 0) | (values > high)
    if integers:
        wrong |= values != np.floor(values)
    if wrong.any():
        accepted = "integers from 0 to 255" if integers else "numbers from 0 to 1"
        raise ClientError(f"{name}: {values[wrong][0]:g} is out of range; send {accepted} throughout")


def check_count(n: int) -> None:
    """Raise ClientError unless a request may hold `n` digits."""
    if not 1 <= n <= MAX_DIGITS:
        raise ClientError(f"the request holds {n} digits; send 1 to {MAX_DIGITS}")
