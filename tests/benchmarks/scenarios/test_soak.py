"""A short soak against the real server, and the attribution of failures."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from benchmarks.reporting.results import of_kind, read
from benchmarks.scenarios.soak.summary import Summary

# No worker is killed while a deployment checks golden digits: that rightly ends it.
INTERVALS = ["--deploy-interval", "0.1", "--kill-interval", "0.085", "--sample-interval", "1"]
OPTIONS = ["--minutes", "1", "--rate", "100", *INTERVALS]
RUN = {"kind": "run", "settings": {"rate": 100.0}}
SAMPLE = {
    "kind": "sample",
    "second": 10.0,
    "counts": {"right": 900, "refused": 98},
    "memory_mb": 800,
    "descriptors": 80,
}
KILL = {"kind": "kill", "second": 5.0, "pid": 1, "healthy_after_s": 1.0, "version": "1.0", "batch_size": 2}


def failure(second, outcome="500 Worker died."):
    return {"kind": "failure", "second": second, "took_s": 0.1, "outcome": outcome}


@pytest.mark.fault
@pytest.mark.skipif(sys.platform != "linux", reason="it counts memory and open files as Linux tells them")
def test_interrupted_it_has_deployed_killed_and_lost_nothing_else_and_draws(root, archives, tmp_path):  # noqa: ARG001
    command = [sys.executable, "-m", "benchmarks", "soak", "--results", str(tmp_path), *OPTIONS]
    results = tmp_path / "soak.jsonl"
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as soak:
        try:
            while not results.exists() or len(of_kind(read(results), "rollout")) < 2:
                assert soak.poll() is None, soak.communicate()
                time.sleep(0.5)
            soak.send_signal(signal.SIGINT)
            out, error = soak.communicate(timeout=120)
        finally:
            soak.kill()
    assert soak.returncode == 130, error
    summary = Summary(read(results))
    assert summary.passed, out
    assert [rollout["command"] for rollout in summary.rollouts][:2] == ["deploy", "rollback"]
    assert len(summary.kills) >= 2
    assert summary.counts["right"] > 5 * summary.counts["refused"] > 100
    assert out.strip() == str(summary)
    assert "<svg" in results.with_suffix(".svg").read_text()


def test_requests_in_the_hands_of_a_killed_worker_are_expected_to_fail():
    summary = Summary([RUN, KILL, failure(4.95), failure(5.5), SAMPLE])
    assert summary.passed
    assert summary.lost == [2]


@pytest.mark.parametrize("second", [3.0, 6.1])
def test_a_failure_at_another_time_is_unexpected(second):
    summary = Summary([RUN, KILL, failure(second), SAMPLE])
    assert not summary.passed
    assert "1 unexpected failures.\n  1 × 500 Worker died." in str(summary)


@pytest.mark.parametrize("outcome", ["wrong", "broken", "no answer", "503 no worker"])
def test_a_killed_worker_explains_no_other_failure(outcome):
    assert not Summary([RUN, KILL, failure(5.0, outcome), SAMPLE]).passed


def test_a_killed_worker_explains_no_more_than_a_batch():
    summary = Summary([RUN, KILL, *[failure(5.0)] * 3, SAMPLE])
    assert (summary.lost, len(summary.unexpected_failures)) == ([2], 1)


def test_a_worker_that_never_came_back_fails_the_soak():
    assert not Summary([RUN, {**KILL, "healthy_after_s": None}, SAMPLE]).passed


def test_a_failed_rollout_fails_the_soak_and_says_why():
    rollout = {
        "kind": "rollout",
        "second": 1.0,
        "command": "deploy",
        "took_s": 1.0,
        "messages": [],
        "error": "it was too bad",
    }
    summary = Summary([RUN, rollout, SAMPLE])
    assert not summary.passed
    assert "1 rollouts, 1 failed" in str(summary)
    assert "deploy: it was too bad" in str(summary)
