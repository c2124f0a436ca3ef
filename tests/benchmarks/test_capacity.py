"""The document of capacity says what the stored results and the simulation say, and the commands say what is wrong."""

from __future__ import annotations

import re

import pytest

from benchmarks import capacity, closed_loop, comparison, composed, replicas
from benchmarks.costs import costs_of
from benchmarks.failure import BenchmarkError
from benchmarks.plans import Assumptions, on_gpu, plan
from benchmarks.results import FOLDER, read


@pytest.fixture(scope="module")
def records():
    return read(FOLDER / "replicas.jsonl")


@pytest.fixture(scope="module")
def written(records):
    return capacity.tables(records, comparison.compare(records))


@pytest.mark.parametrize("name", ["costs", "measured", "replica", "planned"])
def test_the_documents_tables_are_what_the_stored_results_give(root, written, name):
    text = (root / "docs/scaling.md").read_text(encoding="utf-8")
    (table,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert table == written[name]


def calibration(batches, batched, seconds=3.0, **more):
    """What a replica would spend that takes 20 ms a second, 0.5 ms a batch, 0.1 a request; Java 5, 0.6 and 0.02."""
    java_s = 0.005 * seconds + 0.0006 * batches + 0.00002 * batched
    rest_s = 0.020 * seconds + 0.0005 * batches + 0.0001 * batched
    spent = {"java_cpu_s": java_s, "replica_cpu_s": [java_s + rest_s], "gateway_cpu_s": 0.0002 * batched}
    return {"kind": "calibration", "seconds": seconds, "batches": batches, "batched": batched, **spent, **more}


def test_costs_are_split_into_those_of_time_batches_and_requests():
    loads = [(200, 200), (2000, 2000), (3000, 9000), (2000, 32000)]
    points = [calibration(*load, requests=load[1], connections=n, p50_ms=1.5) for n, load in enumerate(loads)]
    costs = costs_of(points)
    assert costs.background == pytest.approx(0.025)
    assert (costs.frontend_batch_s, costs.frontend_request_s) == pytest.approx((0.0006, 0.00002))
    assert (costs.batch_s, costs.request_s) == pytest.approx((0.0005, 0.0001))
    assert costs.gateway_s == pytest.approx(0.0002)
    assert costs.other_s == pytest.approx(0.0015 - 0.0002 - 0.0005 - 0.0001)


def test_results_without_a_calibration_are_refused():
    with pytest.raises(BenchmarkError, match="these results hold no calibration"):
        costs_of([{"kind": "run"}])


def test_a_plan_grows_with_the_rate_and_never_has_less_than_two_of_anything(records):
    costs = costs_of(records)
    quiet, busy = (plan(costs, rate, Assumptions()) for rate in (10, 20_000))
    assert (quiet.replicas, quiet.gateway_cores) == (2, 2)
    assert busy.replicas > 2
    assert busy.gateway_cores > 2
    assert busy.per_million < quiet.per_million


def test_a_plan_costs_its_cores_and_gpus(records):
    costs = costs_of(records)
    prices = Assumptions(core_hour=0.02, gpu_hour=3.0)
    on_cpu = plan(costs, 100, prices)
    assert on_cpu.per_hour == pytest.approx(0.02 * (2 * on_cpu.replicas + on_cpu.gateway_cores))
    with_gpu = plan(on_gpu(costs, records, device_us=100), 100, prices)
    assert with_gpu.per_hour == pytest.approx(0.02 * (2 * 2 + 2) + 2 * 3.0)


def test_a_document_without_a_place_for_a_table_is_refused():
    with pytest.raises(BenchmarkError, match="has no place for costs"):
        capacity.document("# Scaling\n", {"costs": "| a |\n"})


def test_without_results_it_says_how_to_get_them(tmp_path, capsys):
    path = tmp_path / "none.jsonl"
    assert capacity.main(["--results", str(path)]) == 1
    assert capsys.readouterr().err == f"error: there is no {path}; make it with `python -m benchmarks.replicas`\n"


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rate", "many"], ["--core-hour", "-1"]])
def test_a_rate_or_price_that_is_not_above_0_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        capacity.main(arguments)
    assert f"'{arguments[1]}' is not a number above 0" in capsys.readouterr().err


def test_a_load_beyond_what_a_replica_can_do_is_refused(capsys):
    with pytest.raises(SystemExit):
        capacity.main(["--load", "1.5"])
    assert "--load is a share of what a replica can do, above 0 and at most 1" in capsys.readouterr().err


def test_without_docker_measuring_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(closed_loop, "check", lambda: None)
    monkeypatch.setattr(composed.shutil, "which", lambda _: None)
    assert replicas.main([]) == 1
    assert capsys.readouterr().err == "error: docker is not there; install Docker with compose v2\n"


@pytest.mark.parametrize("shares", ["0", "0.5,1.1", "half"])
def test_a_share_that_is_none_is_refused(shares, capsys):
    with pytest.raises(SystemExit):
        replicas.main(["--shares", shares])
    assert f"'{shares}' is not shares above 0 and at most 1, with commas between" in capsys.readouterr().err
