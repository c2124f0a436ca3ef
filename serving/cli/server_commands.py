"""Commands about the server itself: serve, dev and openapi."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.files import write_atomically
from common.paths import ROOT
from model import config
from serving import openapi
from serving.cli import console
from serving.cli.arguments import Commands, add_command, interrupt
from serving.client import InferenceClient
from serving.deployment.model_store import STATE
from serving.torchserve.samples import curl_command, wrong_answer

if TYPE_CHECKING:
    from serving.torchserve.process import TorchServe

LOG = Path("logs/torchserve.log")
DEV_LOG = Path("logs/dev.log")


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    examples = ("serve", "serve --config config.properties --log logs/torchserve.log")
    command = add_command(commands, "serve", "run TorchServe and its page until Ctrl-C", serve, *examples)
    _add_files(command, LOG)

    examples = ("dev mnist", "dev shapes --log logs/dev.log")
    command = add_command(commands, "dev", "serve one model, and reload it when its code is saved", dev, *examples)
    command.add_argument("model", metavar="MODEL", help="its name")
    _add_files(command, DEV_LOG)

    summary = "print the OpenAPI document of the gateway and of the page's server"
    command = add_command(commands, "openapi", summary, print_openapi, "openapi", "openapi --output openapi.yaml")
    help_text = "file to write (default: standard output)"
    command.add_argument("--output", type=Path, metavar="FILE", help=help_text)


def _add_files(command: argparse.ArgumentParser, log: Path) -> None:
    help_text = "TorchServe's configuration (default: config.properties of the repository)"
    command.add_argument("--config", type=Path, default=ROOT / "config.properties", metavar="FILE", help=help_text)
    help_text = f"file that TorchServe logs to (default: {log})"
    command.add_argument("--log", type=Path, default=log, metavar="FILE", help=help_text)


def print_openapi(args: argparse.Namespace) -> None:
    document = openapi.to_yaml(config.load_all())
    if args.output:
        write_atomically(args.output, document.encode())
    else:
        print(document, end="")


def serve(args: argparse.Namespace) -> int:
    """Run TorchServe in the foreground. Returns 0 after Ctrl-C or SIGTERM, or its exit code when it exits by itself."""
    try:
        from serving import ui_server
        from serving.torchserve.process import TorchServe
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'mnist-torchserve[serve]'") from error
    _prepare(args)
    began = time.monotonic()
    ui_port = os.environ.get("SERVING_UI_PORT") or ui_server.DEFAULT_PORT
    try:
        with TorchServe(args.config, args.log) as server:
            with console.console.status(f"starting TorchServe (log: {args.log})"):
                server.wait_ready()
                _check_samples(server)
            for archive in server.deployed:
                print(f"{archive} is loaded, as recorded in {server.store.folder / STATE}")
            with ui_server.running(server.inference, server.model_configs, ui_port) as page:
                commands = "\n".join(f"    {curl_command(model, server.inference)}" for model in server.model_configs)
                print(
                    f"ready after {time.monotonic() - began:.1f} s: {', '.join(server.models)}. Ctrl-C stops it; "
                    f"its log is {args.log}. Try:\n\n{commands}\n\n{page}",
                    flush=True,
                )
                code = server.wait()
            print(f"error: TorchServe exited by itself; its log is {args.log}", file=sys.stderr)
            return code or 1
    except KeyboardInterrupt:
        print("stopped")
        return 0


def dev(args: argparse.Namespace) -> int:
    """Serve one model in the foreground and reload it on save. Returns 0 after Ctrl-C, 1 when TorchServe exits."""
    try:
        from serving.torchserve import dev as dev_server
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'mnist-torchserve[train]'") from error
    _prepare(args)
    began = time.monotonic()
    try:
        with dev_server.running(args.model, args.config, args.log, say=lambda line: print(line, flush=True)) as running:
            if running.version:
                command = curl_command(config.load(args.model), running.inference)
                seconds = time.monotonic() - began
                print(f"{args.model} {running.version} answers after {seconds:.1f} s. Try:\n\n    {command}")
            print(f"\nEdit and save; Ctrl-C stops it, its log is {args.log}.", flush=True)
            running.watch()
        print(f"error: TorchServe exited by itself; its log is {args.log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped")
        return 0


def _prepare(args: argparse.Namespace) -> None:
    """Check the configuration's file, and have signals end the command. Raises UserError."""
    if not args.config.is_file():
        raise UserError(f"there is no {args.config}; work in a clone of the repository, or name a file with --config")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a background job starts with SIGINT ignored
        signal.signal(number, interrupt)


def _check_samples(server: TorchServe) -> None:
    """Raise UserError unless every model answers its sample as its model.yaml says."""
    with InferenceClient(server.inference, is_probe=True) as client:
        for model in server.model_configs:
            if reason := wrong_answer(client, model):
                raise UserError(reason)
