"""The profile of a worker adds up what py-spy saw."""

from __future__ import annotations

from benchmarks.scenarios.profile import _entitle, worker_table

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
    stacks = f"main (worker.py:1);{loop};predict (a.py:2) 3\n{loop};SocketReader._fill (socket_reading.py:5) 7\n"
    stacks += "run (threading.py:1);PredictionMetrics._report_always (prediction_metrics.py:3) 5\n"
    rows = worker_table(stacks).splitlines()[2:]
    assert rows == [
        "| TorchModelServiceWorker.handle_connection (ts/model_service_worker.py) | 0.0% | 100.0% |",
        "| predict (a.py) | 100.0% | 100.0% |",
    ]


def test_the_flame_graph_tells_no_path_of_the_machine(tmp_path):
    picture = tmp_path / "profile.svg"
    picture.write_text('<text id="title" fill="black">/home/me/py-spy record</text><text id="details"> </text>')
    _entitle(picture)
    expected = '<text id="title" fill="black">A worker at 64 connections</text><text id="details"> </text>'
    assert picture.read_text() == expected
