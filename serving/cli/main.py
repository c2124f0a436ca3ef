"""The command line of the project: serve models, send requests, manage versions, and train.

tsctl serve
tsctl predict mnist model/mnist/samples/7.png
tsctl --help

`python -m serving` is the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.errors import UserError
from serving import __version__
from serving.cli import (
    deployment_commands,
    model_commands,
    prediction_commands,
    server_commands,
    training_commands,
)
from serving.cli.arguments import add_urls, format_examples


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 1 after an error, which is one sentence on stderr, or 130 after Ctrl-C."""
    args = build_parser().parse_args(arguments)
    try:
        return args.run(args) or 0
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; each command's arguments stand beside its function."""
    parser = argparse.ArgumentParser(
        prog="tsctl",
        description="Serve models with TorchServe, send requests, manage versions, and train.",
        epilog=format_examples("serve", "predict mnist model/mnist/samples/7.png"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"tsctl {__version__}", help="print the version and exit"
    )
    add_urls(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (server_commands, prediction_commands, model_commands, deployment_commands, training_commands):
        module.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
