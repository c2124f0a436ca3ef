"""A storm of requests, one in ten of them bad: the bad are refused, the good answered, nothing restarts."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.answers import png

pytestmark = pytest.mark.server
REQUESTS = 2000
JSON = {"Content-Type": "application/json"}


def bomb():
    """Make a PNG of 100 bytes that claims to be 100,000 pixels wide and high."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def bad_requests(seven):
    """Return what can be wrong with a request: body and headers."""
    return [
        (b"", {}),
        (b"\xde\xad\xbe\xef" * 50, {}),
        (seven[: len(seven) // 2], {}),
        (bomb(), {}),
        (b'{"instances": [', JSON),
        (b'{"instances": [[1, 2, 3]]}', JSON),
        (b'{"instances": [[' + b"NaN," * 783 + b"NaN]]}", JSON),
        (bytes(6_000_000), {"Content-Type": "image/png"}),
        (b"", {"describe": "True"}),
        (b"garbage", {"explain": "True", "describe": "True", "Explain": "True"}),
        (seven, {"Content-Type": "application/x-www-form-urlencoded"}),
        (b'{"inputs": [{"shape": [1, 5], "datatype": "UINT8", "data": [1, 2, 3, 4, 5]}]}', JSON),
        (base64.b64encode(seven), {}),
    ]


def test_a_storm_with_one_bad_request_in_ten(server, client, seven, test_images):
    bad, url = bad_requests(seven), f"{server.inference}/predictions/mnist"
    good = [png(pixels) for pixels in test_images[:REQUESTS]]
    undisturbed = [p.digit for p in client.predict_many(test_images[:REQUESTS])]
    workers = {worker["pid"] for worker in client.describe()["workers"]}
    local = threading.local()

    def send(i):
        if not hasattr(local, "session"):
            local.session = requests.Session()
        body, headers = (
            bad[i // 10 % len(bad)] if i % 10 == 0 else (good[i], {"describe": "True"} if i % 7 == 0 else {})
        )
        return local.session.post(url, body, headers=headers, timeout=30)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(send, range(REQUESTS)))
    for i, answer in enumerate(answers):
        if i % 10 == 0:
            assert answer.status_code == 400, f"bad request {i // 10 % len(bad)}: {answer.status_code}"
            assert set(answer.json()) == {"error"}
        else:
            assert answer.status_code == 200, answer.text
            assert answer.json()["digit"] == undisturbed[i]
    assert {worker["pid"] for worker in client.describe()["workers"]} == workers
