"""Whether a goal is reached is read from the figures."""

from __future__ import annotations

import pytest

from benchmarks.reporting import targets


def visit(requests_per_s, p99_ms=10.0, memory_mb=1000.0):
    closed = [
        {"connections": c, "requests_per_s": requests_per_s, "p50_ms": 1.0, "p99_ms": p99_ms} for c in (1, 16, 64, 256)
    ]
    return {"closed": closed, "ready_s": 3.0, "memory_mb": memory_mb}


@pytest.fixture
def visits():
    others = {targets.MOSEC: visit(9000.0, p99_ms=9.0), targets.USUAL: visit(1000.0), targets.ECHO: visit(20_000.0)}
    return {"ours": visit(10_000.0, memory_mb=690.0), **others, targets.FASTAPI: visit(2000.0)}


def row(table, what):
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {what} |"))
    return line


def test_what_is_reached_and_what_is_not(visits):
    table = targets.table(visits, [])
    assert row(table, "requests/s at 64, against mosec-orjson").endswith("| ≥ 1× | 1.11× (10,000, 9,000) | yes |")
    assert row(table, "requests/s at 16, against mosec-orjson").endswith("| ≥ 1.3× | 1.11× (10,000, 9,000) | no |")
    assert row(table, "requests/s at 256, against echo").endswith("| no |")
    assert row(table, "p99 at 64").endswith("| 10.0 ms; 9.0 | no |")
    assert row(table, "memory of the server, two workers (PSS)").endswith("| 690 MB; torchserve 1,000 (69%) |  |")
    assert "litserve" not in table


def test_sweeps_add_bulk_photos_and_the_memory_of_a_worker(visits):
    bulk = [{"without_server": True, "digits": n, "npy": 100_000.0} for n in (1, 1024)]
    bulk += [{"digits": 1024, "requests_per_s": 50.0}, {"digits": 1024, "requests_per_s": 60.0}]
    photos = [{"peer": "ours", "width": 4000, "height": 3000, "requests_per_s": 9.0, "p99_ms": 700.0}]
    workers = [{"peer": "ours", "workers": n, "memory_mb": 500.0 + 100 * n} for n in (1, 2, 3)]
    workers += [{"peer": targets.USUAL, "workers": n, "memory_mb": 400.0 + 200 * n} for n in (1, 2, 3)]
    sweeps = {"bulk": bulk, "image sizes": photos, "workers": workers}
    table = targets.table(visits, [{"kind": "growth", "sweep": name, "points": p} for name, p in sweeps.items()])
    assert row(table, "digits/s, 1,024 in one .npy").endswith("| 61,440; 100,000 (61%) | yes |")
    assert row(table, "a photo of 12 megapixels").endswith("| 9.0 requests/s, p99 700 ms, 4 connections |  |")
    assert row(table, "memory of one more worker (PSS)").endswith("| 100 MB; 200 (50%) | yes |")


def test_without_the_peers_that_they_name_there_are_no_goals(visits):
    del visits[targets.ECHO]
    assert targets.table(visits, []) == ""


def test_without_the_connections_that_they_name_there_are_no_goals(visits):
    visits["ours"]["closed"] = visits["ours"]["closed"][:2]
    assert targets.table(visits, []) == ""


def test_with_a_peer_that_answered_nothing_there_are_no_goals(visits):
    visits[targets.USUAL] = visit(0.0, p99_ms=None)
    assert targets.table(visits, []) == ""
