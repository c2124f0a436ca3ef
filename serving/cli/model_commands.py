"""Commands of TorchServe's management API: models, describe, scale, set-default, register and unregister."""

from __future__ import annotations

import argparse
import json

from serving.cli import console
from serving.cli.arguments import Commands, add_command, add_json, connect
from serving.cli.deployment_commands import add_model_store, open_store
from serving.deployment.deploy import choose_model


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    command = add_command(commands, "models", "list the registered models", models, "models", "models --json")
    add_json(command)

    examples = ("describe mnist", "describe mnist 2.0 --json")
    command = add_command(commands, "describe", "show a model's workers, batch size and training", describe, *examples)
    command.add_argument("model", nargs="?", metavar="MODEL", help="its name (default: the only model of the server)")
    _add_optional_version(command)
    add_json(command)

    examples = ("scale xor 2", "scale mnist 4 --version 2.0")
    command = add_command(commands, "scale", "set the number of a model's workers", scale, *examples)
    command.add_argument("model", metavar="MODEL", help="its name")
    command.add_argument("workers", type=int, metavar="WORKERS", help="number of processes")
    command.add_argument("--version", metavar="VERSION", help="its version (default: the default version)")

    examples = ("set-default mnist 2.0", "set-default xor 1.0")
    summary = "choose the version that answers requests without a version"
    command = add_command(commands, "set-default", summary, set_default, *examples)
    command.add_argument("model", metavar="MODEL", help="its name")
    command.add_argument("version", metavar="VERSION", help="a registered version")

    examples = ("register mnist-2.0.mar", "register xor.mar --workers 2")
    command = add_command(
        commands, "register", "register an archive of the model store, unchecked", register, *examples
    )
    command.add_argument("archive", metavar="ARCHIVE.mar", help="file name in the model store")
    command.add_argument("--workers", type=int, default=1, metavar="N", help="number of processes (default: 1)")
    add_model_store(command)

    examples = ("unregister mnist 2.0", "unregister xor")
    command = add_command(commands, "unregister", "remove a model; its archive stays", unregister, *examples)
    command.add_argument("model", metavar="MODEL", help="its name")
    _add_optional_version(command)


def _add_optional_version(command: argparse.ArgumentParser) -> None:
    help_text = "its version (default: the default version)"
    command.add_argument("version", nargs="?", metavar="VERSION", help=help_text)


def models(args: argparse.Namespace) -> None:
    with connect(args) as client:
        descriptions = [client.describe(name) for name in client.models()]
    if args.json:
        print(json.dumps(descriptions, indent=2))
    else:
        console.show_models(descriptions)


def describe(args: argparse.Namespace) -> None:
    with connect(args) as client:
        model = args.model or choose_model(client.models(), "the server has no model")
        description = client.describe(model, args.version, customized=True)
    if args.json:
        print(json.dumps(description, indent=2))
    else:
        metadata = description.pop("customizedMetadata", {})
        console.show_description({**description, **metadata})


def scale(args: argparse.Namespace) -> None:
    with connect(args) as client:
        print(client.scale(args.model, args.workers, args.version))


def set_default(args: argparse.Namespace) -> None:
    with connect(args) as client:
        print(client.set_default(args.model, args.version))


def register(args: argparse.Namespace) -> None:
    open_store(args).archive(args.archive)  # TorchServe itself would unpack any file
    with connect(args) as client:
        print(client.register(args.archive, args.workers))


def unregister(args: argparse.Namespace) -> None:
    with connect(args) as client:
        print(client.unregister(args.model, args.version))
