"""Malicious JSON messages, each with a part of its error message."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from tests.payloads.malicious.limits import BODY_LIMIT, MB, Bodies
from tests.support.image_factory import encoded, seven

NO_NUMBERS = "is not a list of 784 numbers"
NOT_JSON = "not valid JSON"
UNKNOWN = "not an image in a known format"


def full(start: bytes, item: bytes, end: bytes) -> Callable[[], bytes]:
    """Repeat an item until the body is as large as TorchServe lets through."""
    return lambda: start + b",".join([item] * ((BODY_LIMIT - len(start) - len(end)) // (len(item) + 1))) + end


def tensor(shape: str, datatype: str = '"UINT8"', data: str = "[0]") -> Callable[[], bytes]:
    return lambda: f'{{"inputs": [{{"name": "x", "shape": {shape}, "datatype": {datatype}, "data": {data}}}]}}'.encode()


def pixel(value: str) -> Callable[[], bytes]:
    return lambda: f'{{"instances": [[{value}{", 0" * 783}]]}}'.encode()


def image_as(text: str) -> Callable[[], bytes]:
    return lambda: json.dumps({"instances": [{"b64": text}]}).encode()


TEXT = base64.b64encode(encoded(seven())).decode()
ONES = ", ".join(["1"] * 2_500_000)
LONGS = ", ".join([str(2**64 - 1)] * 350_000)

REFUSED: Bodies = {
    "100,000 lists in each other": (lambda: b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", NOT_JSON),
    "1,000 lists in each other": (lambda: b'{"instances": ' + b"[" * 1000 + b"]" * 1000 + b"}", NO_NUMBERS),
    "a million instances": (lambda: b'{"instances": [' + b"0," * 999_999 + b"0]}", "1000000 inputs; send 1 to 10000"),
    "all the empty lists that there is room for": (full(b'{"instances": [', b"[]", b"]}"), "inputs; send 1 to 10000"),
    "all the small objects that there is room for": (full(b'{"x": [', b'{"":0}', b"]}"), 'send {"instances": [...]}'),
    "all the deep lists that there is room for": (
        full(b'{"x": [', b"[" * 1000 + b"]" * 1000, b"]}"), 'send {"instances": [...]}'),
    "all the floats that there is room for": (full(b'{"instances": [[', b"0.1", b"]]}"), NO_NUMBERS),
    "NaN": (pixel("NaN"), NOT_JSON),
    "Infinity": (pixel("-Infinity"), NOT_JSON),
    "an integer beyond 64 bits": (pixel(str(2**64)), "out of range"),
    "an integer of 10,000 digits": (pixel("9" * 10_000), NOT_JSON),
    "an integer of 8 million digits": (pixel("9" * 8_000_000), NOT_JSON),
    "a float beyond floats": (pixel("1e999"), NOT_JSON),
    "the smallest float": (pixel("-5e-324"), "out of range"),
    "a key twice": (lambda: b'{"instances": [[1]], "instances": 5}', '"instances" is not a list'),
    "instances and inputs": (lambda: b'{"inputs": [], "instances": []}', "0 inputs"),
    "UTF-8 that is none": (lambda: b'{"instances": ["\xff\xfe"]}', NOT_JSON),
    "half a surrogate": (lambda: b'{"instances": ["\\ud800"]}', NOT_JSON),
    "UTF-16": (lambda: '{"instances": []}'.encode("utf-16"), UNKNOWN),
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + b'{"instances": []}', UNKNOWN),
    "base64 with junk in it": (image_as(TEXT[:40] + "!*" + TEXT[40:]), "not valid base64"),
    "base64 cut off": (image_as(TEXT[:-3]), "not valid base64"),
    "base64 in full-width letters": (image_as("".join(chr(ord(c) + 0xFEE0) for c in TEXT)), "not valid base64"),
    "base64 of base64": (image_as(base64.b64encode(TEXT.encode()).decode()), UNKNOWN),
    "base64 of a megabyte of blanks": (image_as(" " * MB), "the image is empty"),
    "an image at an address": (image_as("http://127.0.0.1/seven.png"), "not valid base64"),
    "an image in a file": (image_as("file:///etc/passwd"), "not valid base64"),
    "a shape that overflows": (tensor("[1, 9223372036854775807, 9223372036854775807]"), "is not accepted"),
    "a shape of 400 large numbers": (tensor(f"[1{', 18446744073709551615' * 400}]"), "is not accepted"),
    "a shape of 350,000 large numbers": (tensor(f"[1, {LONGS}]"), "is not accepted"),
    "all the ones that a shape has room for": (full(b'{"inputs": [{"shape": [', b"1", b"]}]}"), "is not accepted"),
    "a shape of minus ones": (tensor("[-1, -784]"), "is not accepted"),
    "a shape of nothing": (tensor("[]"), "not a list of integers"),
    "a shape of floats": (tensor("[1.0, 784.0]"), "not a list of integers"),
    "a shape of booleans": (tensor("[true, 784]"), "not a list of integers"),
    "a datatype of 2,500,000 ones": (tensor("[1]", f"[{ONES}]"), "is not accepted"),
    "a datatype of 8 million letters": (tensor("[1]", '"' + "x" * 8_000_000 + '"'), "is not accepted"),
    "data of 1,000 lists in each other": (tensor("[1, 784]", data="[" * 1000 + "]" * 1000), "values, but shape"),
}  # fmt: skip
