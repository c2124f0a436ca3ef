"""Find the reason of a failed start in TorchServe's log."""

from __future__ import annotations

import re

LOAD_FAILURE = re.compile(r"Failed to load model: .*\n.*Exception: (.*)")
START_FAILURE = re.compile(r"^(?:Invalid configuration|(?:Caused by: )?[\w.]+(?:Exception|Error)): (.*)", re.MULTILINE)


def load_error(log: str) -> str | None:
    """Return the error that kept a model from loading, or None."""
    return _worker_error(log) or _first_match(LOAD_FAILURE, log)


def start_error(log: str) -> str | None:
    """Return the error that ended TorchServe during its start, or None."""
    return _first_match(START_FAILURE, log)


def _worker_error(log: str) -> str | None:
    """Return the last line of the first traceback of a worker: its own error, rather than the report of its death.

    Tracebacks of threads are skipped: a thread that ends does not end its worker.
    """
    lines = re.findall(r"(W-\S+) MODEL_LOG - (.*)", log)
    before: dict[str, str] = {}
    for i, (worker, line) in enumerate(lines):
        if line.startswith("Traceback ") and not before.get(worker, "").startswith("Exception in thread "):
            return next((text for name, text in lines[i + 1 :] if name == worker and not text.startswith(" ")), None)
        before[worker] = line
    return None


def _first_match(pattern: re.Pattern[str], log: str) -> str | None:
    match = pattern.search(log)
    return match[1].strip() if match else None
