"""`python -m benchmarks` says what is wrong in one sentence."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as command
from benchmarks import closed_loop
from benchmarks.peer import PEERS


def test_without_wrk_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(closed_loop.shutil, "which", lambda _: None)
    assert command.main([]) == 1
    assert capsys.readouterr().err == "error: wrk is not there: apt-get install wrk\n"


def test_an_unknown_peer_is_answered_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        command.main(["--peers", "ours,nginx"])
    assert "there is no 'nginx'; there are ours, echo, torchserve, mosec" in capsys.readouterr().err


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_has_its_program_and_a_pinned_version(root, peer):
    assert (root / f"benchmarks/peers/{peer.module}.py").is_file()
    assert peer.version != "?"
