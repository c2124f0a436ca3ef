"""The request form {"instances": [...]}, as KServe's V1 protocol and TensorFlow Serving have it."""

from __future__ import annotations

from typing import Any

import numpy as np

from handlers.errors import ClientError
from handlers.mnist.preprocessing.normalize import SIDE
from handlers.mnist.protocols.arrays import (
    PIXELS,
    Pixels,
    check_count,
    check_range,
    decode_base64,
    from_images,
    numbers,
    scale,
)


def parse(instances: Any) -> Pixels:
    """Read the list of instances, each an image in base64 or a digit in numbers. Raises ClientError."""
    if not isinstance(instances, list):
        raise ClientError('"instances" is not a list; send {"instances": [...]}')
    check_count(len(instances))
    pixels = np.empty((len(instances), PIXELS), np.float32)
    images = {}
    for i, instance in enumerate(instances):
        name = f"instances[{i}]"
        if isinstance(instance, dict):
            images[name] = decode_base64(_base64_of(instance, name), name)
        else:
            pixels[i] = _from_numbers(instance, name)
    if images:
        pixels[[isinstance(instance, dict) for instance in instances]] = from_images(images)
    return pixels


def _base64_of(instance: dict[str, Any], name: str) -> Any:
    """Unwrap {"data" | "b64" | "image_bytes": {"b64": text} or text}."""
    for key in ("data", "b64", "image_bytes"):
        if key in instance:
            value = instance[key]
            return value.get("b64") if isinstance(value, dict) else value
    raise ClientError(f'{name} has no image; name it "data", "b64" or "image_bytes"')


def _from_numbers(instance: Any, name: str) -> Pixels:
    """One instance written as 784 numbers or 28 rows of 28, integers 0 to 255 or anything within 0 to 1."""
    is_rows = isinstance(instance, list) and len(instance) == SIDE
    if is_rows and all(isinstance(row, list) and len(row) == SIDE for row in instance):
        instance = [value for row in instance for value in row]
    if not isinstance(instance, list) or len(instance) != PIXELS:
        raise ClientError(f"{name} is neither 784 numbers, nor 28 lists of 28, nor an object with a base64 image")
    values = numbers(instance, name)
    if values.max() <= 1:
        check_range(values, name, high=1, integers=False)
        return values.astype(np.float32)
    check_range(values, name, high=255, integers=True)
    return scale(values)
