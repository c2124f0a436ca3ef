"""The soak in its short form, against the real server, and what it makes of failures."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from benchmarks.reporting.results import of_kind, read
from benchmarks.scenarios.soak.summary import Verdict

# No worker is killed while golden digits are read: that ends a deployment, and rightly.
OPTIONS = ["--minutes", "1", "--rate", "100", "--roll-minutes", "0.1", "--kill-minutes", "0.085", "--sample-s", "1"]
RUN = {"kind": "run", "settings": {"rate": 100.0}}
SAMPLE = {
    "kind": "sample",
    "second": 10.0,
    "counts": {"right": 900, "refused": 98},
    "memory_mb": 800,
    "descriptors": 80,
}
KILL = {"kind": "kill", "second": 5.0, "pid": 1, "whole_after_s": 1.0, "version": "1.0", "batch_size": 2}


def failure(second, what="500 Worker died."):
    return {"kind": "failure", "second": second, "took_s": 0.1, "what": what}


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="it counts memory and open files as Linux tells them")
def test_interrupted_it_has_rolled_killed_and_lost_nothing_else_and_draws(root, archives, tmp_path):  # noqa: ARG001
    command = [sys.executable, "-m", "benchmarks.scenarios.soak", "--results", str(tmp_path), *OPTIONS]
    results = tmp_path / "soak.jsonl"
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as soak:
        try:
            while not results.exists() or len(of_kind(read(results), "roll")) < 2:
                assert soak.poll() is None, soak.communicate()
                time.sleep(0.5)
            soak.send_signal(signal.SIGINT)
            out, error = soak.communicate(timeout=120)
        finally:
            soak.kill()
    assert soak.returncode == 130, error
    verdict = Verdict(read(results))
    assert verdict.is_good, out
    assert [roll["command"] for roll in verdict.rolls][:2] == ["deploy", "rollback"]
    assert len(verdict.kills) >= 2
    assert verdict.counts["right"] > 5 * verdict.counts["refused"] > 100
    assert out.strip() == str(verdict)
    assert "<svg" in results.with_suffix(".svg").read_text()


def test_what_a_killed_worker_had_in_its_hands_is_excused():
    verdict = Verdict([RUN, KILL, failure(4.95), failure(5.5), SAMPLE])
    assert verdict.is_good
    assert verdict.lost == [2]


@pytest.mark.parametrize("second", [3.0, 6.1])
def test_what_fails_at_another_time_is_not_excused(second):
    verdict = Verdict([RUN, KILL, failure(second), SAMPLE])
    assert not verdict.is_good
    assert "1 requests failed without such a reason.\n  1 × 500 Worker died." in str(verdict)


@pytest.mark.parametrize("what", ["wrong", "broken", "no answer", "503 no worker"])
def test_a_killed_worker_excuses_nothing_but_its_own_death(what):
    assert not Verdict([RUN, KILL, failure(5.0, what), SAMPLE]).is_good


def test_no_more_than_a_batch_is_excused():
    verdict = Verdict([RUN, KILL, *[failure(5.0)] * 3, SAMPLE])
    assert (verdict.lost, len(verdict.inexcusable)) == ([2], 1)


def test_a_worker_that_never_came_back_is_no_good():
    assert not Verdict([RUN, {**KILL, "whole_after_s": None}, SAMPLE]).is_good


def test_a_version_that_could_not_be_rolled_is_no_good_and_says_why():
    roll = {"kind": "roll", "second": 1.0, "command": "deploy", "took_s": 1.0, "said": [], "error": "it was too bad"}
    verdict = Verdict([RUN, roll, SAMPLE])
    assert not verdict.is_good
    assert "1 times in vain" in str(verdict)
    assert "deploy: it was too bad" in str(verdict)
