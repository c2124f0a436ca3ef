"""`python -m benchmarks` says what is wrong in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks.load import wrk as closed_loop
from benchmarks.servers.registry import PEERS


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


def test_the_process_that_measures_shares_no_large_library_with_a_server(root):
    code = "import sys, benchmarks.__main__; print(*{'torch', 'cv2'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "", "its pages would be counted as shared, and every server seem smaller than it is"
