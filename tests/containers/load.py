"""Steady load on a server, and what became of every request."""

from __future__ import annotations

import threading
import time
from collections import Counter

import requests

CLIENTS = 20
PERIOD_S = 0.1  # 20 clients, each ten times a second: 200 requests a second


class Load:
    """Asks for `seconds`, in threads of its own; `with Load(...) as load` ends when all have been answered."""

    def __init__(self, url: str, body: bytes, seconds: float) -> None:
        self.outcomes: Counter[str] = Counter()
        self._url, self._body = url, body
        self._end = time.monotonic() + seconds
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (began := time.monotonic()) < self._end:
                try:
                    answer = session.post(self._url, data=self._body, headers={"Content-Type": "image/png"}, timeout=30)
                    outcome = str(answer.status_code) + (":7" if answer.json().get("digit") == 7 else "")
                except (requests.RequestException, ValueError) as error:
                    outcome = type(error).__name__
                self.outcomes[outcome] += 1
                time.sleep(max(0.0, began + PERIOD_S - time.monotonic()))
