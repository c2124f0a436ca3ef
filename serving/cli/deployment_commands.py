"""Commands that replace the version that serves: deploy, rollback and canary."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError
from common.paths import ROOT
from serving.cli import console
from serving.cli.arguments import METRICS_URL, Commands, add_command, add_group, add_json, connect
from serving.client import Client
from serving.deployment.canary import NO_CANARY, Canary
from serving.deployment.deploy import NO_ROLLBACK, Deployment, choose_model, model_in
from serving.deployment.model_store import DeploymentState, ModelStore
from serving.torchserve.settings import read_settings

CONFIG = ROOT / "config.properties"
ARCHIVE = "model_store/mnist-2.0.mar"


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    examples = (f"deploy {ARCHIVE}", f"deploy {ARCHIVE} --model-store /srv/models")
    summary = "replace the version that serves, without losing a request"
    command = add_command(commands, "deploy", summary, deploy, *examples)
    command.add_argument("archive", metavar="ARCHIVE.mar", type=Path, help="archive of the new version")
    add_model_store(command)

    examples = ("rollback mnist", "rollback --model-store /srv/models")
    command = add_command(commands, "rollback", "bring the version deployed before back", rollback, *examples)
    _add_model(command, "the only one with a version before")
    add_model_store(command)

    examples = (f"canary start {ARCHIVE} --percent 10", "canary status --seconds 60")
    summary = "give a new version a share of the requests, then promote or abort it"
    group = add_group(commands, "canary", summary, *examples)
    _add_canary_commands(group.add_subparsers(required=True, metavar="COMMAND"))


def _add_canary_commands(commands: Commands) -> None:
    examples = (f"canary start {ARCHIVE} --percent 10", f"canary start {ARCHIVE} --percent 1 --model-store /srv/models")
    command = add_command(commands, "start", "start a canary", start_canary, *examples)
    command.add_argument("archive", metavar="ARCHIVE.mar", type=Path, help="archive of the new version")
    _add_percent(command)
    add_model_store(command)

    examples = ("canary set --percent 25", "canary set mnist --percent 50 --model-store /srv/models")
    command = add_command(commands, "set", "change the canary's share", set_canary, *examples)
    _add_model(command)
    _add_percent(command)
    add_model_store(command)

    for name, summary, run in (
        ("promote", "make the canary the version that serves, and remove the old one", promote_canary),
        ("abort", "send all requests to the old version again, and remove the canary", abort_canary),
    ):
        examples = (f"canary {name}", f"canary {name} mnist --model-store /srv/models")
        command = add_command(commands, name, summary, run, *examples)
        _add_model(command)
        add_model_store(command)

    examples = ("canary status", "canary status mnist --seconds 60 --json")
    summary = "compare the registered versions by their metrics"
    command = add_command(commands, "status", summary, show_canary_status, *examples)
    _add_model(command, "the only one that has a canary or is served")
    help_text = f"URL of the metrics (default: {METRICS_URL})"
    command.add_argument("--metrics-url", metavar="URL", default=METRICS_URL, help=help_text)
    help_text = "measure the next S seconds (default: since the server's start)"
    command.add_argument("--seconds", type=float, default=0.0, metavar="S", help=help_text)
    add_json(command)
    add_model_store(command)


def _add_model(command: argparse.ArgumentParser, default: str = "the only one that has a canary") -> None:
    command.add_argument("model", nargs="?", metavar="MODEL", help=f"its name (default: {default})")


def _add_percent(command: argparse.ArgumentParser) -> None:
    help_text = "its share of the requests, from 1 to 99 (required)"
    command.add_argument("--percent", type=int, choices=range(1, 100), metavar="N", required=True, help=help_text)


def add_model_store(command: argparse.ArgumentParser) -> None:
    help_text = "the server's folder of archives (default: model_store of config.properties, or TS_MODEL_STORE)"
    command.add_argument("--model-store", metavar="FOLDER", type=Path, help=help_text)


def open_store(args: argparse.Namespace) -> ModelStore:
    """Open the model store that `args` or config.properties names. Raises UserError when neither does."""
    if args.model_store:
        return ModelStore(args.model_store)
    if not CONFIG.is_file():
        raise UserError(f"there is no {CONFIG}; name the server's folder of archives with --model-store")
    return ModelStore(ROOT / read_settings(CONFIG, os.environ)["model_store"])


@contextmanager
def _connect(args: argparse.Namespace) -> Iterator[tuple[Client, ModelStore]]:
    """Connect as a probe: the golden set must not be counted among the users' predictions."""
    with connect(args, is_probe=True) as client:
        yield client, open_store(args)


def deploy(args: argparse.Namespace) -> None:
    with _connect(args) as connected:
        Deployment(*connected, model_in(args.archive)).deploy(args.archive)


def rollback(args: argparse.Namespace) -> None:
    with _connect(args) as (client, store):
        states = store.states()
        before = [name for name, state in states.items() if state.previous]
        model = args.model or choose_model(before or states, NO_ROLLBACK)
        Deployment(client, store, model).rollback()


def start_canary(args: argparse.Namespace) -> None:
    with _connect(args) as connected:
        Canary(Deployment(*connected, model_in(args.archive))).start(args.archive, args.percent)


def set_canary(args: argparse.Namespace) -> None:
    with _connect_canary(args) as canary:
        canary.set_percent(args.percent)


def promote_canary(args: argparse.Namespace) -> None:
    with _connect_canary(args) as canary:
        canary.promote()


def abort_canary(args: argparse.Namespace) -> None:
    with _connect_canary(args) as canary:
        canary.abort()


@contextmanager
def _connect_canary(args: argparse.Namespace) -> Iterator[Canary]:
    """Connect to the canary of the model that `args` names, or of the only one that has a canary.

    Without any, an interrupted promotion may have to be completed.
    """
    with _connect(args) as (client, store):
        states = store.states()
        model = args.model or choose_model(_with_canary(states) or states, NO_CANARY)
        yield Canary(Deployment(client, store, model))


def _with_canary(states: Mapping[str, DeploymentState]) -> list[str]:
    return [name for name, state in states.items() if state.canary]


def show_canary_status(args: argparse.Namespace) -> None:
    from serving.deployment.version_metrics import compare_versions  # the only user of prometheus_client

    with _connect(args) as (client, store):
        model = args.model or choose_model(_with_canary(store.states()) or client.models(), "no model is served")
        deployment = Deployment(client, store, model)
        default = deployment.default_version()
        versions = sorted(deployment.versions(), key=lambda version: version != default)
    stats = compare_versions(args.metrics_url, deployment.config, versions, args.seconds)
    if args.json:
        print(json.dumps(stats, indent=2))
    else:
        console.show_versions(stats)
