"""The error that ends a benchmark with one sentence, and signals that end it with every server stopped."""

from __future__ import annotations

import signal
from typing import NoReturn

from common.errors import UserError


class BenchmarkError(UserError):
    """One sentence: what is missing or failed, and what to do about it."""


def stop_on_signals() -> None:
    """Raise KeyboardInterrupt on Ctrl-C, SIGTERM and a closed terminal, so that every `with` block is left in order."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
