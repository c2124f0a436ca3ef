"""The command line of the service: start it here, ask it, and manage its models.

python -m serving start
python -m serving predict model/mnist/samples/7.png
python -m serving --help
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from common.paths import ROOT
from serving import ui_server
from serving.cli import console as display
from serving.cli import deployment_commands
from serving.client import Client, ServiceError
from serving.deployment.archive_file import ArchiveError
from serving.deployment.deploy import DeploymentError
from serving.deployment.model_store import STATE
from serving.torchserve.preflight import ServerError
from serving.torchserve.process import TorchServe

SAMPLE = Path("model/mnist/samples/7.png")


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse_arguments(arguments)
    try:
        if args.command == "start":
            return start(args.config, args.log)
        signal.signal(signal.SIGTERM, _interrupt)  # so that a deployment takes back what it began
        is_probe = args.command in deployment_commands.COMMANDS  # golden digits are not what people sent
        with Client(args.inference, args.management, is_probe=is_probe) as client:
            _COMMANDS[args.command](client, args)
        return 0
    except (ServiceError, ServerError, ArchiveError, DeploymentError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def start(config: Path, log: Path) -> int:
    """Run TorchServe in the foreground until Ctrl-C or SIGTERM (0), or until it ends by itself (its exit code)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a background job starts with SIGINT ignored
        signal.signal(number, _interrupt)
    began = time.monotonic()
    try:
        with TorchServe(config, log) as server:
            with display.console.status(f"starting TorchServe (log: {log})"):
                server.wait_ready()
                with Client(server.inference, server.management) as client:
                    prediction = client.predict(ROOT / SAMPLE)
            for archive in server.deployed:
                print(f"{archive} is what was deployed ({server.store.folder / STATE})")
            with ui_server.running(
                server.inference, os.environ.get("SERVING_UI_PORT") or ui_server.DEFAULT_PORT
            ) as page:
                print(
                    f"ready after {time.monotonic() - began:.1f} s: {SAMPLE} is a {prediction.digit} "
                    f"({prediction.confidence:.2%}). Ctrl-C stops it; its log is {log}. Try:\n\n"
                    f"    curl -T {SAMPLE} {server.inference}/predictions/mnist\n\n{page}",
                    flush=True,
                )
                code = server.wait()
            print(f"error: TorchServe ended by itself; its log is {log}", file=sys.stderr)
            return code or 1
    except KeyboardInterrupt:
        print("stopped")
        return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def predict(client: Client, args: argparse.Namespace) -> None:
    for image in args.images:
        prediction = client.predict(image)
        if args.json:
            _print_json(dataclasses.asdict(prediction))
        else:
            display.show_prediction(prediction, image)


def explain(client: Client, args: argparse.Namespace) -> None:
    for image in args.images:
        explanation = client.explain(image)
        if args.json:
            _print_json(dataclasses.asdict(explanation))
        else:
            display.show_prediction(explanation, image)
            display.show_attribution(explanation)


def models(client: Client, args: argparse.Namespace) -> None:
    descriptions = [client.describe(name) for name in client.models()]
    if args.json:
        _print_json(descriptions)
    else:
        display.show_models(descriptions)


def describe(client: Client, args: argparse.Namespace) -> None:
    description = client.describe(args.model, args.version, customized=True)
    if args.json:
        _print_json(description)
    else:
        display.show_description({**description, **description.pop("customizedMetadata", {})})


def scale(client: Client, args: argparse.Namespace) -> None:
    print(client.scale(args.model, args.workers, args.version))


def set_default(client: Client, args: argparse.Namespace) -> None:
    print(client.set_default(args.model, args.version))


def unregister(client: Client, args: argparse.Namespace) -> None:
    print(client.unregister(args.model, args.version))


_COMMANDS = {
    "predict": predict,
    "explain": explain,
    "models": models,
    "describe": describe,
    "scale": scale,
    "set-default": set_default,
    "unregister": unregister,
    **deployment_commands.COMMANDS,
}


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving", description="Serve the MNIST model, ask it, manage it.")
    parser.add_argument("--inference", default="http://127.0.0.1:8080", help="where predictions are answered")
    parser.add_argument("--management", default="http://127.0.0.1:8081", help="where models are managed")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("start", help="run TorchServe here, in the foreground")
    command.add_argument("--config", type=Path, default=ROOT / "config.properties")
    command.add_argument("--log", type=Path, default=Path("logs/torchserve.log"))

    for name, text in (("predict", "recognise digits"), ("explain", "recognise digits and show what spoke for them")):
        command = commands.add_parser(name, help=text)
        command.add_argument("images", nargs="+", metavar="IMAGE")
        command.add_argument("--json", action="store_true")

    command = commands.add_parser("models", help="list the models")
    command.add_argument("--json", action="store_true")

    command = commands.add_parser("describe", help="tell all about a model")
    command.add_argument("model", nargs="?", default="mnist")
    command.add_argument("version", nargs="?")
    command.add_argument("--json", action="store_true")

    command = commands.add_parser("scale", help="set the number of a model's workers")
    command.add_argument("model")
    command.add_argument("workers", type=int)
    command.add_argument("--version")

    command = commands.add_parser("set-default", help="choose the version that answers when none is named")
    command.add_argument("model")
    command.add_argument("version")

    command = commands.add_parser("unregister", help="remove a model; its archive stays")
    command.add_argument("model")
    command.add_argument("version", nargs="?")

    deployment_commands.add_to(commands)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
