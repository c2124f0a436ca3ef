"""Constant load of one digit, a 7, with the outcome of every single request."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import urlsplit

from benchmarks.load.constant_rate import RIGHT, CheckedRequest, ConstantLoad, Outcome
from benchmarks.load.http1 import post_request


def check_digit(status: int, body: bytes) -> str:
    if status != 200:
        return str(status)
    return RIGHT if json.loads(body)["digit"] == 7 else "wrong"


class Load(ConstantLoad):
    """Post a 7 to `url` `rate` times a second while the block runs; leaving it waits for the last responses.

    `outcomes` counts "right", "wrong", the status of an error, and the exception where there is no response.
    """

    def __init__(self, url: str, body: bytes, rate: float = 500, timeout_s: float = 30) -> None:
        parts = urlsplit(url)
        request = CheckedRequest(post_request(parts.path, body, {"Content-Type": "image/png"}), check_digit)
        super().__init__((parts.hostname or "", parts.port or 80), [request], rate, timeout_s)
        self.all: list[Outcome] = []

    def note(self, outcome: Outcome) -> None:
        self.all.append(outcome)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(outcome.name for outcome in self.all)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.all if outcome.name != RIGHT]
