"""Arguments that several commands share, and the connection that they describe."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeAlias

from serving.client import INFERENCE_URL, MANAGEMENT_URL, Client

METRICS_URL = "http://127.0.0.1:8082"
Run: TypeAlias = Callable[[argparse.Namespace], int | None]  # returns the exit code, None for 0
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(commands: Commands, name: str, summary: str, run: Run, *examples: str) -> argparse.ArgumentParser:
    """Add a command that calls `run` with the parsed arguments. `examples` are command lines without "tsctl"."""
    command = add_group(commands, name, summary, *examples)
    command.set_defaults(run=run)
    return command


def add_group(commands: Commands, name: str, summary: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command that has only subcommands."""
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=format_examples(*examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def format_examples(*examples: str) -> str:
    """Format the end of a help text."""
    return "\n  ".join(["examples:", *(f"tsctl {example}" for example in examples)])


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON (default: a table)")


def add_urls(parser: argparse.ArgumentParser) -> None:
    """Add the addresses of the server, which `connect` uses."""
    url = f"URL of the inference API (default: {INFERENCE_URL})"
    parser.add_argument("--inference-url", metavar="URL", default=INFERENCE_URL, help=url)
    url = f"URL of the management API (default: {MANAGEMENT_URL})"
    parser.add_argument("--management-url", metavar="URL", default=MANAGEMENT_URL, help=url)


@contextmanager
def connect(args: argparse.Namespace, *, is_probe: bool = False) -> Iterator[Client]:
    """Connect to the server that `args` names. SIGTERM becomes KeyboardInterrupt, which undoes a deployment."""
    signal.signal(signal.SIGTERM, interrupt)
    with Client(args.inference_url, args.management_url, is_probe=is_probe) as client:
        yield client


def interrupt(*_: object) -> NoReturn:
    """Handle a signal by raising KeyboardInterrupt."""
    raise KeyboardInterrupt
