"""Our server and its peers side by side: rounds in turn, results, table and pictures.

python -m benchmarks --peers ours,mosec --rounds 1 --seconds 3 --name quick
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

from benchmarks.errors import BenchmarkError, stop_on_signals
from benchmarks.load import wrk
from benchmarks.reporting import report
from benchmarks.reporting.results import FOLDER, Results
from benchmarks.scenarios import sweeps
from benchmarks.scenarios.trial import Plan, visit
from benchmarks.servers.environments import can_run, install, is_installed, mark_installed
from benchmarks.servers.process import Server
from benchmarks.servers.registry import PEERS, Peer

Number = TypeVar("Number", int, float)
NAMES = [peer.name for peer in PEERS]
USUAL = [name for name in NAMES if name != "mosec"]  # with Python's json, which mosec-orjson beats
COOL_DOWN_S = 1.0
ATTEMPTS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse_arguments(arguments)
    stop_on_signals()
    try:
        wrk.check()
        plan = Plan(args.connections, args.rates, args.seconds, args.warm_up)
        settings = {"peers": args.peers, "rounds": args.rounds, "growth": not args.no_growth, **vars(plan)}
        results = Results(FOLDER / f"{args.name}.jsonl", settings, resume=args.resume)
        peers = prepare([peer for peer in PEERS if peer.name in args.peers])
        run_rounds(peers, args.rounds, plan, results)
        if not args.no_growth:
            sweeps.run(results, args.seconds)
        report.write(results.path)
        print(f"the table and the pictures are beside {results.path}")
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: every server is stopped; the same command with --resume goes on", file=sys.stderr)
        return 130


def prepare(peers: Sequence[Peer]) -> list[Peer]:
    """Install what is missing and start it once: Python compiles what it imports the first time. Returns what works."""
    working = []
    for peer in (bar := tqdm(peers, "preparing", unit="peer")):
        bar.set_postfix_str(peer.name)
        if not can_run(peer):
            bar.write(f"{peer.name} is left out: it needs a Python built with --enable-shared, as Debian's is")
            continue
        try:
            if not is_installed(peer):
                install(peer)
                with Server(peer):
                    pass
                mark_installed(peer)
            working.append(peer)
        except BenchmarkError as error:
            bar.write(f"{peer.name} is left out: {error}")
    return working


def run_rounds(peers: Sequence[Peer], rounds: int, plan: Plan, results: Results) -> None:
    """Visit every peer in every round, so that whatever changes on the machine changes for all of them."""
    turns = [(number, peer) for number in range(1, rounds + 1) for peer in peers]
    with tqdm(turns, "measuring", unit="visit", smoothing=0.1) as bar:
        for number, peer in bar:
            if results.has(kind="visit", peer=peer.name, round=number):
                continue
            for _ in range(ATTEMPTS):
                try:
                    record = visit(peer, plan, functools.partial(_say, bar, f"round {number}, {peer.name}"))
                    results.add({"kind": "visit", "peer": peer.name, "round": number, **record})
                    break
                except BenchmarkError as error:  # told and stored; the others are worth measuring all the same
                    bar.write(f"round {number}, {peer.name}: {error}")
                    results.add({"kind": "failure", "peer": peer.name, "round": number, "error": str(error)})
            time.sleep(COOL_DOWN_S)


def _say(bar: tqdm[Any], where: str, step: str) -> None:
    bar.set_postfix_str(f"{where}: {step}")


def _numbers(kind: Callable[[str], Number]) -> Callable[[str], list[Number]]:
    def parse(text: str) -> list[Number]:
        numbers = [kind(part) for part in text.split(",") if part]
        if any(number <= 0 for number in numbers):
            raise argparse.ArgumentTypeError(f"{text!r} holds a number that is not above 0")
        return numbers

    return parse


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}; there are {', '.join(NAMES)}")
    return names


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this server and its peers side by side.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--peers", type=_names, default=USUAL, help=f"which of {','.join(NAMES)}")
    parser.add_argument("--connections", type=_numbers(int), default=[1, 16, 64, 256], help="of the closed loop")
    parser.add_argument("--rates", type=_numbers(float), default=[500.0, 3000.0], help="requests/s of the open loop")
    parser.add_argument("--rounds", type=int, default=5, help="visits to each peer")
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument(
        "--warm-up", type=float, default=20.0, help="seconds, at most, until the throughput rises no more"
    )
    parser.add_argument("--no-growth", action="store_true", help="leave out batch sizes, image sizes, workers")
    parser.add_argument("--name", default="bench", help="of the files in benchmarks/results/")
    parser.add_argument("--resume", action="store_true", help="go on with what an interrupted run left")
    args = parser.parse_args(arguments)
    if args.rounds < 1 or args.seconds < 1 or args.warm_up < 1:
        parser.error("--rounds, --seconds and --warm-up are 1 or more")
    return args


if __name__ == "__main__":
    sys.exit(main())
