"""The table of targets is computed from the figures."""

from __future__ import annotations

import pytest

from benchmarks.reporting import targets


def trial(requests_per_s, p99_ms=10.0, memory_mb=1000.0):
    closed = [
        {"connections": c, "requests_per_s": requests_per_s, "p50_ms": 1.0, "p99_ms": p99_ms} for c in (1, 16, 64, 256)
    ]
    return {"closed": closed, "ready_s": 3.0, "memory_mb": memory_mb}


@pytest.fixture
def trials():
    others = {targets.MOSEC: trial(9000.0, p99_ms=9.0), targets.USUAL: trial(1000.0), targets.ECHO: trial(20_000.0)}
    return {"ours": trial(10_000.0, memory_mb=690.0), **others, targets.FASTAPI: trial(2000.0)}


def row(table, measure):
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {measure} |"))
    return line


def test_targets_that_are_reached_and_targets_that_are_not(trials):
    table = targets.targets_table(trials, [])
    assert row(table, "requests/s at 64, against mosec-orjson").endswith("| ≥ 1× | 1.11× (10,000, 9,000) | yes |")
    assert row(table, "requests/s at 16, against mosec-orjson").endswith("| ≥ 1.3× | 1.11× (10,000, 9,000) | no |")
    assert row(table, "requests/s at 256, against echo").endswith("| no |")
    assert row(table, "p99 at 64").endswith("| 10.0 ms; 9.0 | no |")
    assert row(table, "memory of the server, two workers (PSS)").endswith("| 690 MB; torchserve 1,000 (69%) |  |")
    assert "litserve" not in table


def test_sweeps_add_bulk_photos_and_the_memory_of_a_worker(trials):
    bulk = [{"in_process": True, "digits": n, "npy": 100_000.0} for n in (1, 1024)]
    bulk += [{"digits": 1024, "requests_per_s": 50.0}, {"digits": 1024, "requests_per_s": 60.0}]
    photos = [{"server": "ours", "width": 4000, "height": 3000, "requests_per_s": 9.0, "p99_ms": 700.0}]
    workers = [{"server": "ours", "workers": n, "memory_mb": 500.0 + 100 * n} for n in (1, 2, 3)]
    workers += [{"server": targets.USUAL, "workers": n, "memory_mb": 400.0 + 200 * n} for n in (1, 2, 3)]
    sweeps = {"bulk": bulk, "image sizes": photos, "workers": workers}
    table = targets.targets_table(trials, [{"kind": "sweep", "name": name, "points": p} for name, p in sweeps.items()])
    assert row(table, "digits/s, 1,024 in one .npy").endswith("| 61,440; 100,000 (61%) | yes |")
    assert row(table, "a photo of 12 megapixels").endswith("| 9.0 requests/s, p99 700 ms, 4 connections |  |")
    assert row(table, "memory of one more worker (PSS)").endswith("| 100 MB; 200 (50%) | yes |")


def test_without_a_required_server_there_is_no_table(trials):
    del trials[targets.ECHO]
    assert targets.targets_table(trials, []) == ""


def test_without_a_required_number_of_connections_there_is_no_table(trials):
    trials["ours"]["closed"] = trials["ours"]["closed"][:2]
    assert targets.targets_table(trials, []) == ""


def test_with_a_server_that_answered_nothing_there_is_no_table(trials):
    trials[targets.USUAL] = trial(0.0, p99_ms=None)
    assert targets.targets_table(trials, []) == ""
