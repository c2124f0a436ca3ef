"""How libFuzzer's changes get past checksums and encodings, behind which they would otherwise change nothing.

A changed PNG gets its checksums mended; JSON is changed inside one of its base64 images, or by a value in another's
place, or as bytes.
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

PNG = b"\x89PNG\r\n\x1a\n"
NUMBERS = (-1, 0, 1, 2, 28, 255, 256, 784, 2**63, 10**25, 0.5, -0.0, 1e308)
VALUES: tuple[Any, ...] = (*NUMBERS, None, True, "", "BYTES", "FP32", [], {}, [0] * 784)
BASE64 = re.compile(rb'"([A-Za-z0-9+/]{40,}=*)"')


def mutated(body: bytes, max_size: int, seed: int) -> bytes:
    """One body made of another, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    texts, way = list(BASE64.finditer(body)), chance.random()
    if texts and way < 0.4:
        return in_base64(body, chance.choice(texts), max_size, chance)
    if body[:1] == b"{" and way < 0.8:
        return in_json(body, max_size, chance)
    if body.startswith(PNG):
        return in_png(body, max_size, chance)
    return bytes(atheris.Mutate(body, max_size))


def in_base64(body: bytes, text: re.Match[bytes], max_size: int, chance: random.Random) -> bytes:
    try:
        image = base64.b64decode(text[1])
    except binascii.Error:
        return bytes(atheris.Mutate(body, max_size))
    room = max(1, (max_size - len(body)) * 3 // 4 + len(image) - 3)
    image = mutated(image, room, chance.getrandbits(32))
    return body[: text.start(1)] + base64.b64encode(image) + body[text.end(1) :]


def in_json(body: bytes, max_size: int, chance: random.Random) -> bytes:
    """Put another value into the place of one, or leave it out."""
    try:
        message = json.loads(body)
        *_, (place, key) = itertools.islice(places(message), chance.randrange(1, 40))
    except (ValueError, RecursionError):  # no JSON, or nothing in it
        return bytes(atheris.Mutate(body, max_size))
    if chance.random() < 0.2:
        del place[key]
    else:
        place[key] = chance.choice([*VALUES, place[key], [place[key]] * 2])
    return json.dumps(message, separators=(",", ":")).encode()[:max_size]


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each list or object in the message with each of its indices or keys, from the outside in."""
    waiting = [node]
    for place in waiting:
        for key, value in place.items() if isinstance(place, dict) else enumerate(place):
            yield place, key
            if isinstance(value, (dict, list)):
                waiting.append(value)


def in_png(body: bytes, max_size: int, chance: random.Random) -> bytes:
    """Change one chunk, every second time what is packed in it, and mend all checksums."""
    chunks = png_chunks(body)
    if not chunks:
        return bytes(atheris.Mutate(body, max_size))
    i = chance.randrange(len(chunks))
    kind, data = chunks[i]
    room = max(8, max_size - len(body) + len(data))
    if kind == b"IDAT" and chance.random() < 0.5:
        data = repacked(data, room)
    elif chance.random() < 0.9:
        data = bytes(atheris.Mutate(data, room))
    else:
        kind = (bytes(atheris.Mutate(kind, 4)) + b"    ")[:4]
    chunks[i] = kind, data
    return (PNG + b"".join(png_chunk(*chunk) for chunk in chunks))[:max_size]


def repacked(data: bytes, room: int) -> bytes:
    try:
        return zlib.compress(bytes(atheris.Mutate(zlib.decompress(data), 4 * room)))
    except zlib.error:
        return data


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_chunks(body: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and data of each chunk, as far as they can be told apart."""
    chunks, at = [], len(PNG)
    while at + 8 <= len(body):
        end = at + 8 + int.from_bytes(body[at : at + 4], "big")
        chunks.append((body[at + 4 : at + 8], body[at + 8 : end]))
        at = end + 4
    return chunks
