"""Constant load of one digit, a 7, with the outcome of every request."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import urlsplit

from benchmarks.load.constant_rate import MAX_IN_FLIGHT, RIGHT, CheckedRequest, ConstantLoad, Outcome
from benchmarks.load.http1 import post_request


def check(status: int, body: bytes) -> str:
    if status != 200:
        return str(status)
    return RIGHT if json.loads(body)["digit"] == 7 else "wrong"


class Load(ConstantLoad):
    """Post a 7 to `url` `rate` times a second while the block runs; leaving it waits for the last responses.

    `outcomes` counts "right", "wrong", the status of a refusal, and the reasons of missing responses.
    """

    def __init__(
        self, url: str, body: bytes, rate: float = 500, timeout_s: float = 30, max_in_flight: int = MAX_IN_FLIGHT
    ) -> None:
        parts = urlsplit(url)
        request = CheckedRequest(post_request(parts.path, body, {"Content-Type": "image/png"}), check)
        super().__init__((parts.hostname or "", parts.port or 80), [request], rate, timeout_s, max_in_flight)
        self.all: list[Outcome] = []

    def note(self, outcome: Outcome) -> None:
        self.all.append(outcome)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(outcome.name for outcome in self.all)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.all if outcome.name != RIGHT]
