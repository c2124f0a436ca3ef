"""The commands that bring archives to the server: deploy, rollback, and register for what is not to be checked."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from serving.client import Client
from serving.deployment import Deployment
from serving.model_store import ModelStore
from serving.server import ROOT, read_settings


def deploy(client: Client, args: argparse.Namespace) -> None:
    Deployment(client, _store(args)).deploy(args.archive)


def rollback(client: Client, args: argparse.Namespace) -> None:
    Deployment(client, _store(args)).rollback()


def register(client: Client, args: argparse.Namespace) -> None:
    _store(args).archive(args.archive)  # TorchServe itself would unpack whatever it is
    print(client.register(args.archive, args.workers))


COMMANDS = {"deploy": deploy, "rollback": rollback, "register": register}


def add_to(commands: Any) -> None:
    """Add these commands to the parser's."""
    command = commands.add_parser("deploy", help="replace the version that serves, without losing a request")
    command.add_argument("archive", metavar="ARCHIVE.mar", type=Path)
    _add_store(command)

    command = commands.add_parser("rollback", help="bring the version before it back")
    _add_store(command)

    command = commands.add_parser("register", help="register an archive of the model store")
    command.add_argument("archive", metavar="ARCHIVE.mar")
    command.add_argument("--workers", type=int, default=1)
    _add_store(command)


def _add_store(command: argparse.ArgumentParser) -> None:
    help_text = "the server's folder of archives (default: as config.properties and TS_MODEL_STORE say)"
    command.add_argument("--model-store", type=Path, help=help_text)


def _store(args: argparse.Namespace) -> ModelStore:
    return ModelStore(args.model_store or ROOT / read_settings(ROOT / "config.properties", os.environ)["model_store"])
