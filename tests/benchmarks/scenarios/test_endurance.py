"""The summary and the chart of an endurance run."""

from __future__ import annotations

import pytest

from benchmarks.reporting import report
from benchmarks.reporting.results import Results
from benchmarks.scenarios import endurance

LATENCIES = {"p50_ms": 5.0, "p99_ms": 9.0, "p999_ms": 12.0}
RECORD = {
    "due": 6000,
    "rate": 100.0,
    "success": 0.999951,
    "wrong": 1,
    "checked": 300,
    **LATENCIES,
    "memory": [(second, 800.0 + second) for second in range(0, 60, 5)],
    "work_ms": [(second, 9.0) for second in range(0, 60, 5)],
    "windows": [{"second": second, **LATENCIES} for second in range(0, 60, 5)],
}


def test_the_summary_names_failures_and_memory():
    told = endurance.summary_line(RECORD)
    assert told.startswith("6,000 requests at 100/s: 99.9951% answered, 1 of 300 checked were wrong, p50 5.0 ms")
    assert told.endswith("memory 802 MB in the first fifth, 852 MB in the last.")


def test_latencies_belong_to_the_seconds_in_which_requests_were_due():
    first, second = endurance.windows([(0.1, 0.004), (4.9, 0.004), (5.0, 0.020)])
    assert (first["second"], second["second"]) == (0, 5)
    assert first["p50_ms"] == pytest.approx(4)
    assert second["p50_ms"] == pytest.approx(20)


def test_the_chart_is_drawn(tmp_path):
    path = tmp_path / "endurance.jsonl"
    Results(path, {"minutes": 1}).add({"kind": "endurance", **RECORD})
    report.write(path)
    assert "<svg" in path.with_suffix(".svg").read_text()
