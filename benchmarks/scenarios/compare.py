"""Measure this server and others side by side, in alternating rounds; store the results and write the report."""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from benchmarks.cli import add_name, numbers, server_names
from benchmarks.errors import BenchmarkError
from benchmarks.load import wrk
from benchmarks.reporting import report
from benchmarks.reporting.results import FOLDER, Results
from benchmarks.scenarios import sweeps
from benchmarks.scenarios.trial import Plan, run_trial
from benchmarks.servers.environments import can_run, install, is_installed, mark_installed
from benchmarks.servers.process import Server
from benchmarks.servers.registry import BY_NAME, SERVERS, ServerEntry
from common.cli import positive_float, positive_int

# mosec with Python's json is left out: mosec-orjson is faster.
DEFAULT_SERVERS = [server.name for server in SERVERS if server.name != "mosec"]
CONNECTIONS, RATES, ROUNDS, SECONDS, WARM_UP_S = "1,16,64,256", "500,3000", 5, 2, 20.0
COOL_DOWN_S = 1.0
ATTEMPTS = 2
IF_INTERRUPTED = "every server is stopped; the same command with --resume continues"
EXAMPLES = """\
examples:
  python -m benchmarks compare --servers ours,mosec --rounds 1 --no-sweeps --name quick
  python -m benchmarks compare --resume
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    names, default = ",".join(BY_NAME), ",".join(DEFAULT_SERVERS)
    add("--servers", type=server_names, default=default, help=f"some of {names} (default: {default})")
    add(
        "--connections",
        type=numbers(int),
        default=CONNECTIONS,
        help=f"connections of the closed loop (default: {CONNECTIONS})",
    )
    add("--rates", type=numbers(float), default=RATES, help=f"requests/s of the open loop (default: {RATES})")
    add("--rounds", type=positive_int, default=ROUNDS, help=f"trials of each server (default: {ROUNDS})")
    add("--seconds", type=positive_int, default=SECONDS, help=f"duration of each measurement (default: {SECONDS})")
    add(
        "--warm-up", type=positive_float, default=WARM_UP_S, help=f"maximum seconds of warm-up (default: {WARM_UP_S:g})"
    )
    add("--no-sweeps", action="store_true", help="skip batch sizes, image sizes and workers")
    add("--resume", action="store_true", help="continue an interrupted run")
    add_name(parser, "bench")


def run(args: argparse.Namespace) -> None:
    wrk.check()
    plan = Plan(args.connections, args.rates, args.seconds, args.warm_up)
    settings = {"servers": args.servers, "rounds": args.rounds, "sweeps": not args.no_sweeps, **vars(plan)}
    results = Results(FOLDER / f"{args.name}.jsonl", settings, resume=args.resume)
    run_rounds(prepare([BY_NAME[name] for name in args.servers]), args.rounds, plan, results)
    if not args.no_sweeps:
        sweeps.measure(results, args.seconds)
    report.write(results.path)
    print(f"the table and the charts are beside {results.path}")


def prepare(servers: Sequence[ServerEntry]) -> list[ServerEntry]:
    """Install missing environments, and start each once so that Python compiles it; return the servers that work."""
    working = []
    for server in (bar := tqdm(servers, "preparing", unit="server")):
        bar.set_postfix_str(server.name)
        if not can_run(server):
            bar.write(f"{server.name} is left out: it needs a Python built with --enable-shared, as Debian's is")
            continue
        try:
            if not is_installed(server):
                install(server)
                with Server(server):
                    pass
                mark_installed(server)
            working.append(server)
        except BenchmarkError as error:
            bar.write(f"{server.name} is left out: {error}")
    return working


def run_rounds(servers: Sequence[ServerEntry], rounds: int, plan: Plan, results: Results) -> None:
    """Run a trial of every server in every round, so that a change of the machine affects all of them alike."""
    turns = [(number, server) for number in range(1, rounds + 1) for server in servers]
    with tqdm(turns, "measuring", unit="trial", smoothing=0.1) as bar:
        for number, server in bar:
            if results.has(kind="trial", server=server.name, round=number):
                continue
            for _ in range(ATTEMPTS):
                try:
                    record = run_trial(server, plan, functools.partial(_show, bar, f"round {number}, {server.name}"))
                    results.add({"kind": "trial", "server": server.name, "round": number, **record})
                    break
                except BenchmarkError as error:  # shown and stored; the other servers are measured all the same
                    bar.write(f"round {number}, {server.name}: {error}")
                    results.add({"kind": "failure", "server": server.name, "round": number, "error": str(error)})
            time.sleep(COOL_DOWN_S)


def _show(bar: tqdm[Any], where: str, step: str) -> None:
    bar.set_postfix_str(f"{where}: {step}")
