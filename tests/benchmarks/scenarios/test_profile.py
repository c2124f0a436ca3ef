"""The table and the chart of a worker's profile add up the samples of py-spy."""

from __future__ import annotations

import pytest

from benchmarks.reporting import profile_plot
from benchmarks.reporting.results import FOLDER
from benchmarks.scenarios.profile import worker_table

STACKS = """\
main (worker.py:10);handle (handler.py:5);decode (image.py:3) 6
main (worker.py:10);handle (handler.py:9);decode (image.py:4) 2
main (worker.py:12);handle (handler.py:7) 1
main (worker.py:11) 1
"""


def test_a_function_has_its_own_time_and_that_of_what_it_calls():
    rows = worker_table(STACKS).splitlines()[2:]
    assert rows == [
        "| main (worker.py) | 10.0% | 100.0% |",
        "| handle (handler.py) | 10.0% | 90.0% |",
        "| decode (image.py) | 80.0% | 80.0% |",
    ]


def test_a_function_that_calls_itself_counts_once():
    (row,) = worker_table("f (a.py:1);f (a.py:2) 3\n").splitlines()[2:]
    assert row == "| f (a.py) | 100.0% | 100.0% |"


def test_waiting_and_what_leads_to_the_worker_loop_are_left_out():
    loop = "TorchModelServiceWorker.handle_connection (ts/model_service_worker.py:9)"
    stacks = f"main (worker.py:1);{loop};predict (a.py:2) 3\n"
    stacks += f"{loop};SocketReader._fill (torchserve_patches/fast_path.py:5) 7\n"
    stacks += "run (threading.py:1);PredictionMetrics._report_always (handlers/metrics.py:3) 5\n"
    rows = worker_table(stacks).splitlines()[2:]
    assert rows == [
        "| TorchModelServiceWorker.handle_connection (ts/model_service_worker.py) | 0.0% | 100.0% |",
        "| predict (a.py) | 100.0% | 100.0% |",
    ]


@pytest.mark.parametrize(
    ("function", "owner"),
    [
        ("Linear.forward (torch/nn/modules/linear.py)", "torch"),
        ("handle_connection (ts/model_service_worker.py)", "TorchServe"),
        ("SocketReader.request (torchserve_patches/fast_path.py)", "this project"),
        ("emit (logging/__init__.py)", "Python"),
    ],
)
def test_every_function_has_an_owner(function, owner):
    assert profile_plot.owner(function) == owner


def test_the_chart_is_drawn_and_the_stacks_hold_no_path_of_the_machine(tmp_path):
    stacks = FOLDER / "profile.stacks"
    profile_plot.draw(stacks, tmp_path / "profile.svg")
    assert "<svg" in (tmp_path / "profile.svg").read_text()
    assert "(/" not in stacks.read_text()
