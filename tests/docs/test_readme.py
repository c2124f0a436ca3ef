"""What the READMEs tell people to type works, and answers what they say it answers."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys

import pytest

from tests.support.archives import of_version

READMES = ("README.md", "README.ko.md")
ENGLISH = READMES[0]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text):
    """Return each command of the console blocks, with the answer printed below it."""
    for block in blocks(text, "console"):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def read(root, name):
    return (root / name).read_text(encoding="utf-8")


def pattern_of(answer):
    """Turn a printed answer into a pattern: … stands for anything, white space for any white space."""
    return r"\s*".join(re.escape(word).replace("…", ".*?") for word in answer.split())


@pytest.fixture
def adapt(server, archives):
    """Return a function that makes a README's command talk to the tests' server, whose store has a version 2.0."""
    of_version(archives / "mnist.mar", server.store.folder / "mnist-2.0.mar", "2.0")

    def adapted(command):
        command = command.replace("http://127.0.0.1:8080", server.inference)
        command = command.replace("http://127.0.0.1:8081", server.management)
        command = command.replace("http://127.0.0.1:8082", server.environment["TS_METRICS_ADDRESS"])
        command = re.sub(r"^curl ", "curl -sS ", command).replace("| curl ", "| curl -sS ")
        addresses = f"--inference {server.inference} --management {server.management}"
        command = command.replace("-m serving ", f"-m serving {addresses} ")
        command = re.sub(r"(deploy|rollback|canary)\b", rf"\1 --model-store '{server.store.folder}'", command)
        command = command.replace("canary ", f"canary --metrics {server.environment['TS_METRICS_ADDRESS']} ")
        command = command.replace(" model_store/deployed.json", f" '{server.store.folder}/deployed.json'")
        command = command.replace(" model_store/mnist-2.0.mar", f" '{server.store.folder}/mnist-2.0.mar'")
        return command.replace(".venv/bin/python", f"'{sys.executable}'")

    return adapted


@pytest.mark.server
@pytest.mark.parametrize("name", [ENGLISH, "docs/management.md"])
def test_every_command_answers_as_printed(root, adapt, name):
    ran = 0
    for command, answer in commands(read(root, name)):
        if command.startswith("make "):
            continue
        done = subprocess.run(["bash", "-c", adapt(command)], cwd=root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert re.search(pattern_of(answer), done.stdout, re.DOTALL), f"{command}\nanswered\n{done.stdout}"
        ran += 1
    assert ran > 15


@pytest.mark.server
def test_the_python_example_runs(root, server, capsys, monkeypatch):
    monkeypatch.chdir(root)
    (example,) = blocks(read(root, ENGLISH), "python")
    example = example.replace("Client()", f"Client({server.inference!r}, {server.management!r})")
    exec(compile(example, ENGLISH, "exec"), {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("7 0.9")
    assert lines[1] == "[1, 2]"


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_exists(root, name):
    targets = set(re.findall(r"^([a-z0-9-]+):", read(root, "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", read(root, name)))
    assert {"serve", "test"} <= named <= targets


@pytest.mark.parametrize("name", READMES)
def test_every_link_leads_to_a_file(root, name):
    for target in re.findall(r"\]\(([^)#:]+)\)", read(root, name)):
        assert (root / target).exists(), target


def test_both_languages_say_the_same_commands(root):
    english, korean = ([command for command, _ in commands(read(root, name))] for name in READMES)
    assert english == korean


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_recipes_is_the_reports(root, name):
    recipes = json.loads((root / "docs/training/report.json").read_bytes())["recipes"]
    for recipe in recipes:
        accuracy, error = recipe["accuracy"], statistics.mean(recipe["calibration_error"])
        times = f"{recipe['epoch_s']:.1f} s | {min(recipe['total_s']):.0f} s"
        figures = f"{statistics.mean(accuracy):.2%} | {min(accuracy):.2%}–{max(accuracy):.2%} | {error:.2%} | {times}"
        assert f"| {recipe['recipe']} | {figures} |" in read(root, name)


@pytest.mark.parametrize("name", READMES)
def test_the_share_of_wild_digits_is_the_measured_one(root, name):
    figures = json.loads((root / "docs/training/robustness.json").read_bytes())
    plain, service = (list(column.values()) for column in figures["accuracy"].values())
    for share in (statistics.mean(service), min(service), statistics.mean(plain)):
        assert f"{100 * share:.1f} %" in read(root, name)
    assert f"{100 * figures['out_of_distribution']['photo']['refused']:.0f} %" in read(root, name)
