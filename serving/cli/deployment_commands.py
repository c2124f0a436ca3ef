"""The commands that bring archives to the server: deploy, rollback and canary, and register for what is not checked."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from common.paths import ROOT
from serving.cli import console
from serving.client import Client
from serving.deployment import version_metrics
from serving.deployment.canary import Canary
from serving.deployment.deploy import Deployment, DeploymentError
from serving.deployment.model_store import ModelStore
from serving.torchserve.process import read_settings


def deploy(client: Client, args: argparse.Namespace) -> None:
    Deployment(client, _store(args)).deploy(args.archive)


def rollback(client: Client, args: argparse.Namespace) -> None:
    Deployment(client, _store(args)).rollback()


def register(client: Client, args: argparse.Namespace) -> None:
    _store(args).archive(args.archive)  # TorchServe itself would unpack whatever it is
    print(client.register(args.archive, args.workers))


def canary(client: Client, args: argparse.Namespace) -> None:
    deployment = Deployment(client, _store(args))
    canary = Canary(deployment)
    ends = {"promote": canary.promote, "abort": canary.abort}
    if args.what == "status":
        _show_status(deployment, args)
    elif args.what in ends:
        ends[args.what]()
    elif args.percent is None:
        raise DeploymentError("say which share the canary gets: --percent, from 1 to 99")
    elif args.what is None:
        canary.share(args.percent)
    else:
        canary.start(Path(args.what), args.percent)


def _show_status(deployment: Deployment, args: argparse.Namespace) -> None:
    serving = deployment.serving_version()
    versions = sorted(deployment.versions(), key=lambda version: version != serving)
    figures = version_metrics.watched(args.metrics, versions, args.seconds)
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        console.show_versions(figures)


COMMANDS = {"deploy": deploy, "rollback": rollback, "canary": canary, "register": register}


def add_to(commands: Any) -> None:
    """Add these commands to the parser's."""
    command = commands.add_parser("deploy", help="replace the version that serves, without losing a request")
    command.add_argument("archive", metavar="ARCHIVE.mar", type=Path)
    _add_store(command)

    command = commands.add_parser("rollback", help="bring the version before it back")
    _add_store(command)

    command = commands.add_parser("canary", help="let a new version answer a share of the requests, and decide")
    what = "the new version; or promote, abort, status; nothing, with --percent, changes the share"
    command.add_argument("what", nargs="?", metavar="ARCHIVE.mar", help=what)
    command.add_argument("--percent", type=int, choices=range(1, 100), metavar="1…99", help="its share of the requests")
    command.add_argument("--metrics", default="http://127.0.0.1:8082", help="where status reads (default: %(default)s)")
    since = "status of the next so many seconds (default: since the server's start)"
    command.add_argument("--seconds", type=float, default=0.0, help=since)
    command.add_argument("--json", action="store_true", help="status for programs")
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
