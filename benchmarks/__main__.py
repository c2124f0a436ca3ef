"""The command line of the benchmarks: `python -m benchmarks COMMAND`, each command a scenario.

A scenario is a module with `add_arguments(parser)`, `run(arguments)`, EXAMPLES for its help and IF_INTERRUPTED, the
sentence for Ctrl-C. Only the chosen one is imported: a process that measures servers must not load torch, because pages
of a library that several processes share are counted in part for each, and every server would seem smaller than it is.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.errors import stop_on_signals
from common.cli import exit_on_error


class Command(NamedTuple):
    """The module that runs a command, and its description."""

    module: str
    description: str


COMMANDS = {
    "compare": Command("benchmarks.scenarios.compare", "Measure this server and others side by side."),
    "endurance": Command("benchmarks.scenarios.endurance", "Load our server for ten minutes at 80 % of its maximum."),
    "soak": Command("benchmarks.scenarios.soak.scenario", "Load our server while versions change and workers die."),
    "sweeps": Command("benchmarks.scenarios.sweeps", "Measure our server over batch and image sizes and workers."),
    "profile": Command("benchmarks.scenarios.profile", "Profile a worker and the frontend at 64 connections."),
    "gpu": Command("benchmarks.scenarios.gpu", "Measure bulk requests on a GPU."),
    "traffic": Command("benchmarks.scenarios.traffic", "Send minutes of mixed traffic for the dashboards to show."),
    "report": Command("benchmarks.reporting.report", "Write tables and charts from stored results."),
}
DEFAULT = "compare"
EXAMPLES = """\
examples:
  python -m benchmarks compare --servers ours,mosec --rounds 1 --name quick
  python -m benchmarks soak --minutes 5 --rate 300
"""


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = [DEFAULT, *arguments]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Load tests of this server beside others. Without a command: {DEFAULT}.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, description) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=description.replace("%", "%%"),
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == arguments[0]:
            scenario = importlib.import_module(module)
            command.epilog = scenario.EXAMPLES
            scenario.add_arguments(command)
    args = parser.parse_args(arguments)
    with exit_on_error(if_interrupted=scenario.IF_INTERRUPTED):
        stop_on_signals()
        return int(scenario.run(args) or 0)
    return 1  # never reached: exit_on_error ends the process


if __name__ == "__main__":
    sys.exit(main())
