"""Argument types and options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from benchmarks.servers.registry import SERVERS

Number = TypeVar("Number", int, float)


def numbers(kind: Callable[[str], Number]) -> Callable[[str], list[Number]]:
    """Return a type for a comma-separated list of numbers above 0."""

    def parse(text: str) -> list[Number]:
        values = [kind(part) for part in text.split(",") if part]
        if any(value <= 0 for value in values):
            raise argparse.ArgumentTypeError(f"{text!r} holds a number that is not above 0")
        return values

    return parse


def server_names(text: str) -> list[str]:
    """Parse a comma-separated list of names of servers."""
    known = [server.name for server in SERVERS]
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}; there are {', '.join(known)}")
    return names


def add_name(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--name", default=default, help=f"name of the files in benchmarks/results/ (default: {default})"
    )
