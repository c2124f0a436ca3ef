"""What TorchServe's log says of a start that failed."""

from __future__ import annotations

import re

REFUSAL = re.compile(r"Failed to load model: .*\n.*Exception: (.*)")
START_ERROR = re.compile(r"^(?:Invalid configuration|(?:Caused by: )?[\w.]+(?:Exception|Error)): (.*)", re.MULTILINE)


def why_not_loaded(log: str) -> str | None:
    """Find why a model could not be loaded."""
    return _worker_error(log) or _first(REFUSAL, log)


def why_not_started(log: str) -> str | None:
    """Find why TorchServe ended while it started."""
    return _first(START_ERROR, log)


def _worker_error(log: str) -> str | None:
    """Find a worker's own error, the last line of the first traceback, rather than that it died.

    A thread that ends does not end its worker.
    """
    lines = re.findall(r"(W-\S+) MODEL_LOG - (.*)", log)
    before: dict[str, str] = {}
    for i, (worker, line) in enumerate(lines):
        if line.startswith("Traceback ") and not before.get(worker, "").startswith("Exception in thread "):
            return next((text for name, text in lines[i + 1 :] if name == worker and not text.startswith(" ")), None)
        before[worker] = line
    return None


def _first(pattern: re.Pattern[str], log: str) -> str | None:
    found = pattern.search(log)
    return found[1].strip() if found else None
