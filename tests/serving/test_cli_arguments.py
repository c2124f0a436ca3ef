"""Every command explains itself, and its examples are valid."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from serving.cli import training_commands
from serving.cli.main import build_parser, main


def leaves(parser, path=("tsctl",)):
    """Yield the path and parser of `parser` and of all commands below."""
    yield " ".join(path), parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from leaves(command, (*path, name))


COMMANDS = dict(leaves(build_parser()))


def test_all_commands_are_there():
    canary = {f"canary {name}" for name in ("start", "set", "promote", "abort", "status")}
    server = {"dev", "serve", "openapi", "predict", "explain"}
    models = {"models", "describe", "scale", "set-default", "register", "unregister"}
    training = {"train", "evaluate", "search", "report", "robustness", "archive"}
    commands = server | models | canary | training | {"deploy", "rollback", "canary"}
    assert {path.removeprefix("tsctl ") for path in COMMANDS} == commands | {"tsctl"}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_argument_is_described_and_every_default_told(path):
    for action in COMMANDS[path]._actions:
        if isinstance(action, (argparse._HelpAction, argparse._VersionAction, argparse._SubParsersAction)):
            continue
        assert action.help, action
        may_be_left_out = not action.required and action.nargs != argparse.REMAINDER
        assert ("(default: " in action.help) == may_be_left_out, action
        if action.default and action.dest != "config":  # whose default is an absolute path
            assert str(action.default) in action.help, action


@pytest.mark.parametrize("path", COMMANDS)
def test_its_two_examples_are_valid(path):
    examples = re.findall(r"^  tsctl (.*)$", COMMANDS[path].epilog, re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        assert f"tsctl {example}".startswith(path)
        assert build_parser().parse_args(shlex.split(example)).run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "cifar"], "error: there is no model cifar to train; choose from: mnist, xor\n"),
        (["evaluate", "xor"], "error: there is no model xor to evaluate; choose from: mnist\n"),
        (["archive", "cifar"], "error: there is no model cifar to archive; choose from: mnist, xor\n"),
    ],
)
def test_an_unknown_model_is_an_error_that_names_the_known_ones(arguments, sentence, capsys):
    assert main(arguments) == 1
    assert capsys.readouterr().err == sentence


@pytest.mark.parametrize(
    ("arguments", "module", "forwarded"),
    [
        (["train", "mnist", "--epochs", "1"], "training.mnist.train", ["--epochs", "1"]),
        (["train", "xor"], "training.xor.train", []),
        (["report", "mnist", "--help"], "training.mnist.report.__main__", ["--help"]),
        (["robustness", "mnist", "--count", "1"], "training.mnist.robustness.__main__", ["--count", "1"]),
        (["archive", "xor", "--version", "2.0"], "training.archive", ["xor", "--version", "2.0"]),
    ],
)
def test_the_arguments_after_the_model_are_forwarded(arguments, module, forwarded, monkeypatch):
    calls = []

    class Module:
        main = staticmethod(calls.append)

    def import_module(name):
        calls.append(name)
        return Module

    monkeypatch.setattr(training_commands.importlib, "import_module", import_module)
    monkeypatch.setattr(training_commands.sys, "argv", ["tsctl"])
    assert main(arguments) == 0
    assert calls == [module, forwarded]


def test_a_missing_package_is_an_error_with_the_remedy(monkeypatch, capsys):
    def import_module(name):
        raise ModuleNotFoundError(f"No module named {name}", name="torch")

    monkeypatch.setattr(training_commands.importlib, "import_module", import_module)
    assert main(["train", "mnist"]) == 1
    assert capsys.readouterr().err == "error: this needs torch: pip install 'mnist-torchserve[train]'\n"
