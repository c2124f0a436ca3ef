"""Commands that send images: predict and explain."""

from __future__ import annotations

import argparse
import dataclasses
import json

from serving.cli import console
from serving.cli.arguments import Commands, add_command, add_json, connect

SAMPLE = "model/mnist/samples/7.png"


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    examples = (f"predict {SAMPLE}", "predict --json photo.jpg scan.png")
    command = add_command(commands, "predict", "recognise digits in images", predict, *examples)
    _add_arguments(command)

    examples = (f"explain {SAMPLE}", f"explain --json {SAMPLE}")
    summary = "recognise digits and show each pixel's contribution"
    command = add_command(commands, "explain", summary, explain, *examples)
    _add_arguments(command)


def _add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("images", nargs="+", metavar="IMAGE", help="image files, one digit each")
    add_json(command)


def predict(args: argparse.Namespace) -> None:
    with connect(args) as client:
        for image in args.images:
            prediction = client.predict(image)
            if args.json:
                print(json.dumps(dataclasses.asdict(prediction), indent=2))
            else:
                console.show_prediction(prediction, image)


def explain(args: argparse.Namespace) -> None:
    with connect(args) as client:
        for image in args.images:
            explanation = client.explain(image)
            if args.json:
                print(json.dumps(dataclasses.asdict(explanation), indent=2))
            else:
                console.show_prediction(explanation, image)
                console.show_attribution(explanation)
