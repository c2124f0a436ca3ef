"""Commands that send files to a model: predict and explain."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from serving.cli import console
from serving.cli.arguments import Commands, add_command, add_json, connect

if TYPE_CHECKING:
    from model.config import ModelConfig


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    examples = ("predict mnist model/mnist/samples/7.png", "predict xor --json model/xor/sample.json")
    command = add_command(commands, "predict", "send files to a model and show its predictions", predict, *examples)
    _add_arguments(command)

    examples = ("explain mnist model/mnist/samples/7.png", "explain mnist --json photo.jpg scan.png")
    summary = "predict, and show what each value of the input contributed"
    command = add_command(commands, "explain", summary, explain, *examples)
    _add_arguments(command)


def _add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="its name")
    help_text = "files, one input each; a .json file is a request with any number of inputs"
    command.add_argument("files", nargs="+", metavar="FILE", help=help_text)
    command.add_argument("--version", metavar="VERSION", help="its version (default: the default version)")
    add_json(command)


def predict(args: argparse.Namespace) -> None:
    with connect(args) as client:
        for file in args.files:
            _show(args, file, client.request(args.model, file, args.version))


def explain(args: argparse.Namespace) -> None:
    with connect(args) as client:
        for file in args.files:
            _show(args, file, client.request(args.model, file, args.version, explain=True))


def _show(args: argparse.Namespace, file: str, predictions: list[dict[str, Any]]) -> None:
    config = None if args.json else _find_config(args.model)
    for name, prediction in _named(file, predictions):
        if args.json:
            print(json.dumps(prediction, indent=2))
            continue
        explained = config.explanation.outputs.keys() if config and config.explanation else set()
        console.show_prediction({k: v for k, v in prediction.items() if k not in explained}, name, config)
        console.show_explanation({k: v for k, v in prediction.items() if k in explained})


def _named(file: str, predictions: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each prediction with the name of its input."""
    for i, prediction in enumerate(predictions):
        yield (file if len(predictions) == 1 else f"{file} [{i}]"), prediction


def _find_config(model: str) -> ModelConfig | None:
    """Return the model.yaml of a model that this installation knows; any other server's models are shown without."""
    from model import config

    return config.load(model) if model in config.names() else None
