"""The load of the soak: digits and bad requests, each with its outcome: right, refused, or the reason of a failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from benchmarks.load.bad_requests import bad_requests
from benchmarks.load.constant_rate import RIGHT, CheckedRequest, ConstantLoad, Outcome
from benchmarks.load.http1 import post_request
from benchmarks.servers.registry import OURS, SAMPLES

REFUSED = "refused"
Item = TypeVar("Item")


class SoakLoad(ConstantLoad):
    """Send the ten samples in turn, and a bad request every tenth time. Its figures may be read from any thread."""

    def __init__(self, port: int, rate: float) -> None:
        super().__init__(("127.0.0.1", port), list(_mix()), rate)
        self.counts: Counter[str] = Counter()
        self._latencies_s: list[float] = []
        self._failures: list[Outcome] = []

    def note(self, outcome: Outcome) -> None:
        self.counts[outcome.name] += 1
        self._latencies_s.append(outcome.took_s)
        if outcome.name not in (RIGHT, REFUSED):
            self._failures.append(outcome)

    def take_latencies_s(self) -> list[float]:
        """Return the latencies since the last call."""
        return _drain(self._latencies_s)

    def take_failures(self) -> list[Outcome]:
        """Return the failures since the last call."""
        return _drain(self._failures)


def _drain(growing: list[Item]) -> list[Item]:
    drained = growing[:]
    del growing[: len(drained)]
    return drained


def _mix() -> Iterator[CheckedRequest]:
    digit = 0
    for body, headers in bad_requests(SAMPLES[7].read_bytes()):
        for _ in range(9):
            request = post_request(OURS.path, SAMPLES[digit].read_bytes(), OURS.headers)
            yield CheckedRequest(request, _check_digit(digit))
            digit = (digit + 1) % 10
        yield CheckedRequest(post_request(OURS.path, body, headers), _check_bad)


def _check_digit(digit: int) -> Callable[[int, bytes], str]:
    def check(status: int, body: bytes) -> str:
        if status == 200:
            return RIGHT if OURS.digit(body) == digit else "wrong"
        return f"{status} {_error_message(body)}"

    return check


def _check_bad(status: int, body: bytes) -> str:
    return REFUSED if status == 400 else f"{status} {_error_message(body)} to a bad request"


def _error_message(body: bytes) -> str:
    """Return the message of the handler ("error") or of TorchServe ("message")."""
    try:
        response = json.loads(body)
        return str(response.get("error") or response["message"])
    except (ValueError, KeyError, AttributeError):
        return repr(body[:80])
