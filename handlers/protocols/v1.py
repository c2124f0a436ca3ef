"""The V1 protocol of KServe and TensorFlow Serving: {"instances": [...]}."""

from __future__ import annotations

from typing import Any

import numpy as np

from handlers.errors import ClientError
from handlers.inputs import InputReader, Inputs
from handlers.request_body import decode_base64

FILE_KEYS = ("data", "b64", "image_bytes")


def parse(instances: Any, reader: InputReader) -> Inputs:
    """Parse the list of instances, each a file in base64 or an input in numbers; return [n, *shape].

    Raises ClientError.
    """
    if not isinstance(instances, list):
        raise ClientError('"instances" is not a list; send {"instances": [...]}')
    reader.check_count(len(instances))
    files, arrays = {}, {}
    for i, instance in enumerate(instances):
        name = f"instances[{i}]"
        value = _unwrap(instance, name) if isinstance(instance, dict) else instance
        if isinstance(instance, dict) and not isinstance(value, list):
            files[i] = decode_base64(value, name)
        else:
            arrays[i] = _parse_numbers(value, name, reader)
    if not files:
        return np.concatenate(list(arrays.values()))
    read = reader.read_files({f"instances[{i}]": data for i, data in files.items()})
    arrays |= {i: reader.collate([read[k : k + 1]]) for k, i in enumerate(files)}
    return np.concatenate([arrays[i] for i in range(len(instances))])


def _unwrap(instance: dict[str, Any], name: str) -> Any:
    """Unwrap {"data" | "b64" | "image_bytes": {"b64": text}, text or numbers}. Raises ClientError."""
    for key in FILE_KEYS:
        if key in instance:
            value = instance[key]
            return value.get("b64") if isinstance(value, dict) else value
    raise ClientError(f'{name} has no file; name it "data", "b64" or "image_bytes"')


def _parse_numbers(instance: Any, name: str, reader: InputReader) -> Inputs:
    """Parse one instance of nested or flat numbers; return [1, *shape]. Raises ClientError.

    Pixels are integers from 0 to 255, or numbers from 0 to 1 throughout.
    """
    values = _flatten(instance, reader)
    if values is None:
        raise ClientError(f"{name} is not {_describe_instance(reader)}")
    is_bytes = reader.spec.type == "pixels" and not _is_fraction(values)
    return reader.read_numbers(values, name, integers=is_bytes)


def _flatten(instance: Any, reader: InputReader) -> list[Any] | None:
    """Flatten an instance of one of the accepted shapes; None for any other shape."""
    if reader.spec.shape == () and not isinstance(instance, list):
        return [instance]
    for shape in reader.shapes:
        values, is_shape = [instance], True
        for size in shape:
            is_shape = all(isinstance(value, list) and len(value) == size for value in values)
            if not is_shape:
                break
            values = [item for value in values for item in value]
        if is_shape and not isinstance(values[0], list):
            return values
    return None


def _is_fraction(values: list[Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values) and max(values) <= 1


def _describe_instance(reader: InputReader) -> str:
    """Return the accepted forms of an instance, such as "a list of 2 numbers"."""
    nested = [str(list(shape)) for shape in reader.shapes if len(shape) > 1]
    forms = [f"a list of {reader.size} numbers" if reader.spec.shape else "a number"]
    forms += [f"numbers of shape {' or '.join(nested)}"] if nested else []
    forms += ["an object with a file in base64"] if reader.spec.encoded else []
    return ", or ".join(forms)
