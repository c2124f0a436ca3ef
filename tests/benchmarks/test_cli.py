"""The command line of the benchmarks: help, defaults, and errors in one sentence."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks.load import wrk
from benchmarks.servers.registry import SERVERS


def test_without_wrk_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(wrk.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit) as left:
        command.main([])
    assert left.value.code == 1
    assert capsys.readouterr().err == "error: wrk is not there: apt-get install wrk\n"


def test_an_unknown_server_is_answered_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        command.main(["--servers", "ours,nginx"])
    assert "there is no 'nginx'; there are ours, echo, torchserve, mosec" in capsys.readouterr().err


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_command_describes_each_option_and_shows_two_examples(name, capsys):
    with pytest.raises(SystemExit) as left:
        command.main([name, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    options, examples = text.split("examples:")
    assert not re.search(r"^  (--\S+)( [A-Z_]+)?\n  -", options, re.MULTILINE), "an option without a description"
    assert examples.count(f"python -m benchmarks {name}") == 2


def test_the_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as left:
        command.main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert re.findall(r"^    (\w+)\b", text, re.MULTILINE) == list(command.COMMANDS)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_every_server_has_its_program_and_a_pinned_version(root, server):
    assert (root / f"benchmarks/servers/impl/{server.module}.py").is_file()
    assert server.version != "?"


def test_the_process_that_measures_shares_no_large_library_with_a_server(root):
    code = """
import sys, benchmarks.__main__, benchmarks.scenarios.compare, benchmarks.scenarios.endurance
print(*{"torch", "cv2"} & sys.modules.keys())
"""
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "", "its pages would be counted as shared, and every server seem smaller than it is"
