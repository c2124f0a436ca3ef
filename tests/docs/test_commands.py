"""The commands and the examples of the documents run, and print the output that the documents show."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.documents import blocks, commands, read

# The documents with console blocks; `make` is left out there, and so are the sh blocks.
EXECUTED = (
    "README.md",
    "docs/request-formats.md",
    "docs/clients.md",
    "docs/model-management.md",
    "docs/monitoring.md",
    "docs/training.md",
    "docs/leaving-torchserve.md",
)


def runnable(name):
    return [(command, output) for command, output in commands(read(name)) if not command.startswith("make ")]


def pattern_of(output):
    """Turn a printed output into a pattern: … stands for anything, white space for any white space."""
    return r"\s*".join(re.escape(word).replace("…", ".*?") for word in output.split())


@pytest.mark.server
@pytest.mark.parametrize("name", EXECUTED)
def test_every_command_prints_the_output_shown(root, adapt, name):
    ran = 0
    for command, output in runnable(name):
        done = subprocess.run(["bash", "-c", adapt(command)], cwd=root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert re.search(pattern_of(output), done.stdout, re.DOTALL), f"{command}\nprinted\n{done.stdout}"
        ran += 1
    assert ran > 0


def test_the_documents_have_many_commands():
    """README and model management alone had more than 15 each when they were one long document and a short one."""
    assert sum(len(runnable(name)) for name in EXECUTED) > 40
    assert len(runnable("docs/model-management.md")) > 15


@pytest.mark.server
def test_the_python_example_runs(root, server, capsys, monkeypatch):
    monkeypatch.chdir(root)
    (example,) = blocks(read("README.md"), "python")
    example = example.replace("Client()", f"Client({server.inference!r}, {server.management!r})")
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("7 0.9")
    assert lines[1] == "[1, 2]"
