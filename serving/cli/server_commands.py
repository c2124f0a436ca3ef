"""The command that runs TorchServe: serve."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from common.errors import UserError
from common.paths import ROOT
from serving.cli import console
from serving.cli.arguments import Commands, add_command, interrupt
from serving.client import Client
from serving.deployment.model_store import STATE

SAMPLE = Path("model/mnist/samples/7.png")
LOG = Path("logs/torchserve.log")


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    examples = ("serve", "serve --config config.properties --log logs/torchserve.log")
    command = add_command(commands, "serve", "run TorchServe and the drawing page until Ctrl-C", serve, *examples)
    help_text = "TorchServe's configuration (default: config.properties of the repository)"
    command.add_argument("--config", type=Path, default=ROOT / "config.properties", metavar="FILE", help=help_text)
    help_text = f"file that TorchServe logs to (default: {LOG})"
    command.add_argument("--log", type=Path, default=LOG, metavar="FILE", help=help_text)


def serve(args: argparse.Namespace) -> int:
    """Run TorchServe in the foreground. Returns 0 after Ctrl-C or SIGTERM, or its exit code when it exits by itself."""
    try:
        from serving import ui_server
        from serving.torchserve.process import TorchServe
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'mnist-torchserve[serve]'") from error
    if not args.config.is_file():
        raise UserError(f"there is no {args.config}; work in a clone of the repository, or name a file with --config")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a background job starts with SIGINT ignored
        signal.signal(number, interrupt)
    began = time.monotonic()
    ui_port = os.environ.get("SERVING_UI_PORT") or ui_server.DEFAULT_PORT
    try:
        with TorchServe(args.config, args.log) as server:
            with console.console.status(f"starting TorchServe (log: {args.log})"):
                server.wait_ready()
                with Client(server.inference, server.management) as client:
                    prediction = client.predict(ROOT / SAMPLE)
            for archive in server.deployed:
                print(f"{archive} is loaded, as recorded in {server.store.folder / STATE}")
            with ui_server.running(server.inference, ui_port) as page:
                print(
                    f"ready after {time.monotonic() - began:.1f} s: {SAMPLE} is a {prediction.digit} "
                    f"({prediction.confidence:.2%}). Ctrl-C stops it; its log is {args.log}. Try:\n\n"
                    f"    curl -T {SAMPLE} {server.inference}/predictions/mnist\n\n{page}",
                    flush=True,
                )
                code = server.wait()
            print(f"error: TorchServe exited by itself; its log is {args.log}", file=sys.stderr)
            return code or 1
    except KeyboardInterrupt:
        print("stopped")
        return 0
