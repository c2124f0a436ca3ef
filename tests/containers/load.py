"""Load of at most twenty requests at a time on a service in containers."""

from __future__ import annotations

import time
from collections import Counter

from tests.support import load
from tests.support.load import RIGHT

CLIENTS = 20
RATE = 200.0


class Load(load.Load):
    """Post a 7 for `seconds`; `with Load(...) as load` ends when all have been answered.

    `outcomes` counts "200:7" for a right response, and the others as tests.support.load does.
    """

    def __init__(self, url: str, body: bytes, seconds: float) -> None:
        super().__init__(url, body, RATE, max_in_flight=CLIENTS)
        self._end = time.monotonic() + seconds

    def __exit__(self, *error: object) -> None:
        time.sleep(max(0.0, self._end - time.monotonic()))
        super().__exit__(*error)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter("200:7" if outcome.name == RIGHT else outcome.name for outcome in self.all)
