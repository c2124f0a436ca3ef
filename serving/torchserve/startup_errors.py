"""Find the reason of a failed start in TorchServe's log."""

from __future__ import annotations

import re
from collections.abc import Iterable

LOAD_FAILURE = re.compile(r"Failed to load model: .*\n.*Exception: (.*)")
PLACE = re.compile(r' *File ".*/models/[0-9a-f]{32}/([^"]+)", line (\d+)')  # TorchServe unpacks archives there
START_FAILURE = re.compile(r"^(?:Invalid configuration|(?:Caused by: )?[\w.]+(?:Exception|Error)): (.*)", re.MULTILINE)


def load_error(log: str) -> str | None:
    """Return the error that kept a model from loading, or None."""
    return worker_error(log) or _first_match(LOAD_FAILURE, log)


def start_error(log: str) -> str | None:
    """Return the error that ended TorchServe during its start, or None."""
    return _first_match(START_FAILURE, log)


def worker_error(log: str) -> str | None:
    """Return the error of the first traceback of a worker, with its place in the archive, or None.

    It is the last line: the worker's own error, rather than the report of its death. Tracebacks of threads are skipped:
    a thread that ends does not end its worker.
    """
    lines = re.findall(r"(W-\S+) MODEL_LOG - (.*)", log)
    before: dict[str, str] = {}
    for i, (worker, line) in enumerate(lines):
        if line.startswith("Traceback ") and not before.get(worker, "").startswith("Exception in thread "):
            return _summarize(text for name, text in lines[i + 1 :] if name == worker)
        before[worker] = line
    return None


def _summarize(traceback: Iterable[str]) -> str | None:
    """Return the last line of a traceback and the innermost line of the archive; None when it is not yet complete."""
    place = ""
    for line in traceback:
        if not line.startswith(" "):
            return f"{line} ({place})" if place else line
        if found := PLACE.match(line):
            place = f"{found[1]}, line {found[2]}"
    return None


def _first_match(pattern: re.Pattern[str], log: str) -> str | None:
    match = pattern.search(log)
    return match[1].strip() if match else None
