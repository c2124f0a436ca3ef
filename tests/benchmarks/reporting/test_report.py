"""Tables and pictures say what the stored results say."""

from __future__ import annotations

import copy
import json

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.reporting import report
from benchmarks.reporting.results import Results, read

RUN = {
    "kind": "run",
    "settings": {"peers": ["ours", "mosec"], "rounds": 3, "connections": [1, 64], "rates": [500.0], "seconds": 3.0},
    "date": "2026-11-24T00:00:00+00:00",
    "command": "python -m benchmarks",
    "commit": "abc1234",
    "machine": {"cpu": "a CPU", "cores": 2, "memory_gb": 24, "kernel": "6.1"},
    "python": "3.11.7",
    "torch": "2.15.0",
    "versions": {"ours": "torchserve 0.12.0", "mosec": "mosec 0.9.8"},
}
MEASURE = {"requests_per_s": 1000.0, "p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 3.0, "success": 1.0, "checked": 9}
MEASURE |= {"wrong": 0, "cpu_s_per_1000": 0.5}


def visit(peer, number, requests_per_s):
    closed = [{**MEASURE, "connections": c, "requests_per_s": requests_per_s} for c in (1, 64)]
    opened = [{**MEASURE, "rate": 500.0}]
    costs = {"ready_s": 5.0, "memory_mb": 800.0}
    return {"kind": "visit", "peer": peer, "round": number, **costs, "closed": closed, "open": opened}


@pytest.fixture
def records():
    ours = [visit("ours", n, rate) for n, rate in enumerate((900.0, 5000.0, 1100.0), 1)]
    return copy.deepcopy([RUN, *ours, visit("mosec", 1, 2000.0)])


@pytest.fixture
def results(records, tmp_path):
    path = tmp_path / "bench.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_figures_are_medians_of_the_rounds(records):
    assert "| ours | 1,100 | 2.0 ms | 1.0 ms | 100 % | 0.50 | 800 MB | 5.0 s |" in report.headline(records)


def test_one_refused_request_in_one_round_is_not_a_hundred_percent(records):
    records[2]["closed"][1]["success"] = 0.999999
    ours, mosec = report.headline(records).splitlines()[2:]
    assert "| 99.99 % |" in ours
    assert "| 100 % |" in mosec


def test_a_wrong_digit_is_named(records):
    records[2]["closed"][1]["wrong"] = 1
    assert "| 100 %, 1 of the samples wrong |" in report.headline(records)


def test_a_server_that_answers_nothing_has_no_latency(records):
    for record in records[1:4]:
        record["open"][0].update(p50_ms=None, p99_ms=None, p999_ms=None, requests_per_s=0.0, success=0.0)
    assert "| ours | 500/s, open | 0 | – | – | – | 0.00 % |" in report.every_measure(records)


def test_the_same_results_give_the_same_files(results):
    written = []
    for _ in range(2):
        report.write(results)
        written.append([results.with_suffix(suffix).read_bytes() for suffix in (".md", ".svg")])
    assert written[0] == written[1]
    assert "commit abc1234. a CPU, 2 cores" in written[0][0].decode()


def test_a_command_without_results_fails_in_a_sentence(tmp_path, capsys):
    assert report.main([str(tmp_path / "none.jsonl")]) == 1
    assert capsys.readouterr().err == f"error: there is no {tmp_path / 'none.jsonl'}; make it with `make bench`\n"


def test_resuming_keeps_whole_records_and_drops_a_cut_off_one(results):
    with results.open("a") as file:
        file.write('{"kind": "visit", "peer"')
    resumed = Results(results, RUN["settings"], resume=True)
    assert resumed.has(kind="visit", peer="mosec", round=1)
    assert not resumed.has(kind="visit", peer="mosec", round=2)
    resumed.add(visit("mosec", 2, 1.0))
    assert read(results)[-1]["round"] == 2


def test_resuming_with_other_settings_is_refused(results):
    with pytest.raises(BenchmarkError, match="made with other settings"):
        Results(results, {**RUN["settings"], "rounds": 9}, resume=True)
