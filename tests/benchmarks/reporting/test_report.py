"""Tables and charts show the stored results."""

from __future__ import annotations

import copy
import json

import pytest

from benchmarks import __main__ as command
from benchmarks.errors import BenchmarkError
from benchmarks.reporting import report
from benchmarks.reporting.results import FOLDER, Results, read

RUN = {
    "kind": "run",
    "settings": {"servers": ["ours", "mosec"], "rounds": 3, "connections": [1, 64], "rates": [500.0], "seconds": 3.0},
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


def trial(server, number, requests_per_s):
    closed = [{**MEASURE, "connections": c, "requests_per_s": requests_per_s} for c in (1, 64)]
    opened = [{**MEASURE, "rate": 500.0}]
    costs = {"ready_s": 5.0, "memory_mb": 800.0}
    return {"kind": "trial", "server": server, "round": number, **costs, "closed": closed, "open": opened}


@pytest.fixture
def records():
    ours = [trial("ours", n, rate) for n, rate in enumerate((900.0, 5000.0, 1100.0), 1)]
    return copy.deepcopy([RUN, *ours, trial("mosec", 1, 2000.0)])


@pytest.fixture
def results(records, tmp_path):
    path = tmp_path / "bench.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_figures_are_medians_of_the_rounds(records):
    assert "| ours | 1,100 | 2.0 ms | 1.0 ms | 100 % | 0.50 | 800 MB | 5.0 s |" in report.summary_table(records)


def test_one_refused_request_in_one_round_is_not_a_hundred_percent(records):
    records[2]["closed"][1]["success"] = 0.999999
    ours, mosec = report.summary_table(records).splitlines()[2:]
    assert "| 99.99 % |" in ours
    assert "| 100 % |" in mosec


def test_a_wrong_digit_is_named(records):
    records[2]["closed"][1]["wrong"] = 1
    assert "| 100 %, 1 of the samples wrong |" in report.summary_table(records)


def test_a_server_that_answers_nothing_has_no_latency(records):
    for record in records[1:4]:
        record["open"][0].update(p50_ms=None, p99_ms=None, p999_ms=None, requests_per_s=0.0, success=0.0)
    assert "| ours | 500/s, open | 0 | – | – | – | 0.00 % |" in report.full_table(records)


def test_the_same_results_give_the_same_files(results):
    written = []
    for _ in range(2):
        report.write(results)
        written.append([results.with_suffix(suffix).read_bytes() for suffix in (".md", ".svg")])
    assert written[0] == written[1]
    assert "commit abc1234. a CPU, 2 cores" in written[0][0].decode()


def test_the_short_table_has_a_row_for_each_server(records):
    ours, mosec = report.short_table(records).splitlines()[2:]
    assert ours == "| ours | 1,100 | 2.0 ms | 1.0 ms | 100 % |"
    assert mosec.startswith("| mosec | 2,000 |")


def test_tables_are_written_between_the_markers_of_the_documents_that_have_them(results, tmp_path, monkeypatch):
    readme, performance = tmp_path / "README.md", tmp_path / "performance.md"
    readme.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    performance.write_text("no markers\n")
    monkeypatch.setattr(report, "READMES", (readme, tmp_path / "missing.md"))
    monkeypatch.setattr(report, "PERFORMANCE", (performance,))
    report.update_documents(results)
    table = report.short_table(read(results))
    assert readme.read_text() == f"before\n<!-- benchmarks -->\n{table}<!-- /benchmarks -->\nafter\n"
    assert performance.read_text() == "no markers\n"


def test_the_committed_documents_hold_the_tables_of_the_committed_results():
    records = read(FOLDER / "bench.jsonl")
    documents = [(document, {"benchmarks": report.short_table(records)}) for document in report.READMES]
    documents += [(document, report.performance_tables(records)) for document in report.PERFORMANCE]
    for document, tables in documents:
        text = document.read_text(encoding="utf-8")
        for name, table in tables.items():
            assert f"<!-- {name} -->\n{table}<!-- /{name} -->" in text, f"{document.name} lacks the table {name}"


def test_the_committed_tables_are_those_of_the_committed_results():
    committed = (FOLDER / "bench.md").read_text(encoding="utf-8")
    assert committed == report.comparison(read(FOLDER / "bench.jsonl"), "bench")


def test_a_command_without_results_fails_in_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        command.main(["report", str(tmp_path / "none.jsonl")])
    assert left.value.code == 1
    assert capsys.readouterr().err == f"error: there is no {tmp_path / 'none.jsonl'}; make it with `make bench`\n"


def test_resuming_keeps_whole_records_and_drops_a_cut_off_one(results):
    with results.open("a") as file:
        file.write('{"kind": "trial", "server"')
    resumed = Results(results, RUN["settings"], resume=True)
    assert resumed.has(kind="trial", server="mosec", round=1)
    assert not resumed.has(kind="trial", server="mosec", round=2)
    resumed.add(trial("mosec", 2, 1.0))
    assert read(results)[-1]["round"] == 2


def test_resuming_with_other_settings_is_refused(results):
    with pytest.raises(BenchmarkError, match="made with other settings"):
        Results(results, {**RUN["settings"], "rounds": 9}, resume=True)
