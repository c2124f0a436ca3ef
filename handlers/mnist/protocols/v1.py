"""The V1 protocol of KServe and TensorFlow Serving: {"instances": [...]}."""

from __future__ import annotations

from typing import Any

import numpy as np

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


def parse(instances: Any) -> Pixels:
    """Parse the list of instances, each an image in base64 or a digit in numbers; return float32 [n, 784].

    Raises ClientError.
    """
    if not isinstance(instances, list):
        raise ClientError('"instances" is not a list; send {"instances": [...]}')
    check_count(len(instances))
    pixels = np.empty((len(instances), NUM_PIXELS), np.float32)
    images = {}
    for i, instance in enumerate(instances):
        name = f"instances[{i}]"
        if isinstance(instance, dict):
            images[name] = decode_base64(_get_base64(instance, name), name)
        else:
            pixels[i] = _parse_numbers(instance, name)
    if images:
        pixels[[isinstance(instance, dict) for instance in instances]] = preprocess_images(images)
    return pixels


def _get_base64(instance: dict[str, Any], name: str) -> Any:
    """Unwrap {"data" | "b64" | "image_bytes": {"b64": text} or text}. Raises ClientError."""
    for key in ("data", "b64", "image_bytes"):
        if key in instance:
            value = instance[key]
            return value.get("b64") if isinstance(value, dict) else value
    raise ClientError(f'{name} has no image; name it "data", "b64" or "image_bytes"')


def _parse_numbers(instance: Any, name: str) -> Pixels:
    """Parse one instance of 784 numbers or 28 rows of 28, integers 0 to 255 or anything from 0 to 1; return [784].

    Raises ClientError.
    """
    is_rows = isinstance(instance, list) and len(instance) == SIDE
    if is_rows and all(isinstance(row, list) and len(row) == SIDE for row in instance):
        instance = [value for row in instance for value in row]
    if not isinstance(instance, list) or len(instance) != NUM_PIXELS:
        raise ClientError(f"{name} is neither 784 numbers, nor 28 lists of 28, nor an object with a base64 image")
    values = to_float_array(instance, name)
    if values.max() <= 1:
        check_range(values, name, high=1, integers=False)
        return values.astype(np.float32)
    check_range(values, name, high=255, integers=True)
    return scale(values)
