"""What the soak sends, and what becomes of it: right, refused, or the reason of a failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from benchmarks.load.bad_requests import bad_requests
from benchmarks.load.constant_rate import RIGHT, Asked, ConstantLoad, Outcome, http_request
from benchmarks.servers.registry import PEERS, SAMPLES

REFUSED = "refused"
OURS = PEERS[0]
Taken = TypeVar("Taken")


class SoakLoad(ConstantLoad):
    """The ten samples in turn, and every tenth request a bad one. Read `counts` and the rest from any thread."""

    def __init__(self, port: int, rate: float) -> None:
        super().__init__(("127.0.0.1", port), list(_mixture()), rate)
        self.counts: Counter[str] = Counter()
        self._latencies_s: list[float] = []
        self._failures: list[Outcome] = []

    def note(self, outcome: Outcome) -> None:
        self.counts[outcome.what] += 1
        self._latencies_s.append(outcome.took_s)
        if outcome.what not in (RIGHT, REFUSED):
            self._failures.append(outcome)

    def take_latencies_s(self) -> list[float]:
        """Those since the last call."""
        return _take(self._latencies_s)

    def take_failures(self) -> list[Outcome]:
        """Those since the last call."""
        return _take(self._failures)


def _take(growing: list[Taken]) -> list[Taken]:
    taken = growing[:]
    del growing[: len(taken)]
    return taken


def _mixture() -> Iterator[Asked]:
    digit = 0
    for body, headers in bad_requests(SAMPLES[7].read_bytes()):
        for _ in range(9):
            yield Asked(http_request(OURS.path, SAMPLES[digit].read_bytes(), OURS.headers), _judge_of(digit))
            digit = (digit + 1) % 10
        yield Asked(http_request(OURS.path, body, headers), _judge_bad)


def _judge_of(digit: int) -> Callable[[int, bytes], str]:
    def judge(status: int, body: bytes) -> str:
        if status == 200:
            return RIGHT if OURS.digit(body) == digit else "wrong"
        return f"{status} {_sentence(body)}"

    return judge


def _judge_bad(status: int, body: bytes) -> str:
    return REFUSED if status == 400 else f"{status} {_sentence(body)} to a bad request"


def _sentence(body: bytes) -> str:
    """The handler's word is "error", TorchServe's own is "message"."""
    try:
        answer = json.loads(body)
        return str(answer.get("error") or answer["message"])
    except (ValueError, KeyError, AttributeError):
        return repr(body[:80])
