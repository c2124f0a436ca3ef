"""How a run ends early: with one sentence instead of a traceback, and with every server stopped."""

from __future__ import annotations

import signal
from typing import NoReturn


class BenchmarkError(RuntimeError):
    """What is missing or went wrong, and what mends it."""


def stop_on_signals() -> None:
    """Make Ctrl-C, SIGTERM and a closed terminal unwind the program; a background job starts with SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
