"""Pixels as the net takes them, float32 [n, 784] in [0, 1], from images, base64 and numbers.

Encoded images go through `digit_image`; numbers are taken as MNIST pixels exactly as they are.
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
from handlers.mnist.preprocessing.normalize import SIDE, read_digit

PIXELS = SIDE * SIDE
MAX_DIGITS = 10_000
# Of the worker's time for the images of one request: a full batch of such requests stays below responseTimeout.
MAX_READING_S = 3.0

Pixels = NDArray[np.float32]


def scale(pixels: NDArray[Any]) -> Pixels:
    """0 to 255 becomes 0 to 1, to the bit as torchvision's ToTensor makes it."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def stacked(arrays: Sequence[NDArray[Any]]) -> Pixels:
    """Bring several [n, 784], uint8 from 0 to 255 or float32 from 0 to 1, to one float32 from 0 to 1."""
    if all(pixels.dtype == np.uint8 for pixels in arrays):
        return scale(np.concatenate(arrays))
    return np.concatenate([scale(pixels) if pixels.dtype == np.uint8 else pixels for pixels in arrays])


def passes(arrays: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
    """Group arrays in order, so that no group has more than MAX_DIGITS: a batch of large ones would fill the memory."""
    groups: list[list[NDArray[Any]]] = [[]]
    size = 0
    for pixels in arrays:
        size += len(pixels)
        if size > MAX_DIGITS:
            groups.append([])
            size = len(pixels)
        groups[-1].append(pixels)
    return groups


def from_images(images: Mapping[str, bytes]) -> Pixels:
    """Decode several images. The name of each serves to tell which one was wrong. Raises ClientError."""
    check_count(len(images))
    digits: list[NDArray[np.uint8]] = []
    end_s = time.thread_time() + MAX_READING_S
    for name, image in images.items():
        if time.thread_time() > end_s:
            raise ClientError(
                f"{len(digits)} of {len(images)} images took {MAX_READING_S:g} s to read; send fewer at once"
            )
        try:
            digits.append(read_digit(image))
        except ClientError as error:
            raise type(error)(f"{name}: {error}") from error
    return scale(np.stack(digits).reshape(-1, PIXELS))


def decode_base64(text: Any, name: str) -> bytes:
    """Decode what people paste, with the line breaks of `base64` and the data: URLs of browsers. Raises ClientError."""
    if not isinstance(text, str):
        raise ClientError(f"{name} is not base64 text; encode the image file with base64")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientError(f"{name} is not valid base64 ({error}); encode the image file with base64") from error


def numbers(values: list[Any], name: str) -> NDArray[np.float64]:
    if not set(map(type, values)) <= {int, float}:
        raise ClientError(f"{name} holds something that is not a number; send integers 0 to 255 or numbers 0 to 1")
    return np.array(values, dtype=np.float64)


def check_range(values: NDArray[np.float64], name: str, *, high: int, integers: bool) -> None:
    wrong = (values < 0) | (values > high)
    if integers:
        wrong |= values != np.floor(values)
    if wrong.any():
        accepted = "integers from 0 to 255" if integers else "numbers from 0 to 1"
        raise ClientError(f"{name}: {values[wrong][0]:g} is out of range; send {accepted} throughout")


def check_count(n: int) -> None:
    if not 1 <= n <= MAX_DIGITS:
        raise ClientError(f"the request holds {n} digits; send 1 to {MAX_DIGITS}")
