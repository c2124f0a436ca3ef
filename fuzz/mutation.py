"""Mutate bodies so that libFuzzer's changes get past checksums and encodings.

A PNG is changed chunk by chunk and its checksums are recomputed. JSON is changed inside one of its base64 images, by
one of its values, or as bytes.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import random
import re
import zlib
from collections.abc import Iterator
from typing import Any

import atheris

from common.png import SIGNATURE, png_chunk

NUMBERS = (-1, 0, 1, 2, 28, 255, 256, 784, 2**63, 10**25, 0.5, -0.0, 1e308)
VALUES: tuple[Any, ...] = (*NUMBERS, None, True, "", "BYTES", "FP32", [], {}, [0] * 784)
BASE64 = re.compile(rb'"([A-Za-z0-9+/]{40,}=*)"')


def mutate(body: bytes, max_size: int, seed: int) -> bytes:
    """Return a changed body of about `max_size` bytes at most; the same seed gives the same body."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    texts, choice = list(BASE64.finditer(body)), rng.random()
    if texts and choice < 0.4:
        return mutate_base64(body, rng.choice(texts), max_size, rng)
    if body[:1] == b"{" and choice < 0.8:
        return mutate_json(body, max_size, rng)
    if body.startswith(SIGNATURE):
        return mutate_png(body, max_size, rng)
    return mutate_bytes(body, max_size)


def mutate_bytes(body: bytes, max_size: int) -> bytes:
    """Change the body as libFuzzer does."""
    return bytes(atheris.Mutate(body, max_size))


def mutate_base64(body: bytes, text: re.Match[bytes], max_size: int, rng: random.Random) -> bytes:
    """Change the image that is encoded in `text`, a part of the body."""
    try:
        image = base64.b64decode(text[1])
    except binascii.Error:
        return mutate_bytes(body, max_size)
    max_image_size = max(1, (max_size - len(body)) * 3 // 4 + len(image) - 3)
    image = mutate(image, max_image_size, rng.getrandbits(32))
    return body[: text.start(1)] + base64.b64encode(image) + body[text.end(1) :]


def mutate_json(body: bytes, max_size: int, rng: random.Random) -> bytes:
    """Replace or delete one value of a JSON message."""
    try:
        message = json.loads(body)
        *_, (container, key) = itertools.islice(json_paths(message), rng.randrange(1, 40))
    except (ValueError, RecursionError):  # not JSON, or nothing in it
        return mutate_bytes(body, max_size)
    if rng.random() < 0.2:
        del container[key]
    else:
        container[key] = rng.choice([*VALUES, container[key], [container[key]] * 2])
    return json.dumps(message, separators=(",", ":")).encode()[:max_size]


def json_paths(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each list or object in the message with each of its indexes or keys, breadth first."""
    waiting = [node]
    for container in waiting:
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            yield container, key
            if isinstance(value, (dict, list)):
                waiting.append(value)


def mutate_png(body: bytes, max_size: int, rng: random.Random) -> bytes:
    """Change one chunk, half the time its decompressed pixels, and recompute all checksums."""
    chunks = split_png(body)
    if not chunks:
        return mutate_bytes(body, max_size)
    i = rng.randrange(len(chunks))
    kind, data = chunks[i]
    max_data_size = max(8, max_size - len(body) + len(data))
    if kind == b"IDAT" and rng.random() < 0.5:
        data = mutate_idat(data, max_data_size)
    elif rng.random() < 0.9:
        data = mutate_bytes(data, max_data_size)
    else:
        kind = (mutate_bytes(kind, 4) + b"    ")[:4]
    chunks[i] = kind, data
    return (SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks))[:max_size]


def mutate_idat(data: bytes, max_size: int) -> bytes:
    """Change the decompressed pixels and compress them again; return damaged data unchanged."""
    try:
        return zlib.compress(mutate_bytes(zlib.decompress(data), 4 * max_size))
    except zlib.error:
        return data


def split_png(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the kind and data of each chunk, up to the first that is cut off before its data."""
    chunks, at = [], len(SIGNATURE)
    while at + 8 <= len(body):
        end = at + 8 + int.from_bytes(body[at : at + 4], "big")
        chunks.append((body[at + 4 : at + 8], body[at + 8 : end]))
        at = end + 4
    return chunks
