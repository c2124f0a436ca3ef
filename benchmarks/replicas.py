"""One, two and three TorchServes behind the gateway, each with a small share of the CPU: what the simulation foretells.

python -m benchmarks.replicas && python -m benchmarks.capacity

On a machine of few cores, whole replicas, gateway and load generator would fight for them, and the machine would be
measured. With so small a share for each, only the replicas are full. First, one replica without a limit says what each
step costs; nothing else goes into the simulation. Needs the images of `make up`, wrk, and Linux as root.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psutil
from tqdm import tqdm

from benchmarks import closed_loop, open_loop
from benchmarks.composed import GATEWAY_PORT, Composed
from benchmarks.costs import costs_of
from benchmarks.failure import BenchmarkError, stop_on_signals
from benchmarks.peer import PEERS, SAMPLES
from benchmarks.results import FOLDER, Results
from benchmarks.server import Server
from benchmarks.simulation import Service, saturation

CALIBRATED_AT = (1, 2, 4, 8, 16, 32, 64)  # connections
CONNECTIONS = 64  # for each replica, to fill it
OPEN_CONNECTIONS = 1024
LIGHT_RATE = 20.0  # requests/s: what a replica does each second whatever is asked
CALIBRATION_S, IDLE_S = 3.0, 10.0
REPORTED_S = 1.2  # until the handler has told of its last second
Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse_arguments(arguments)
    stop_on_signals()
    try:
        closed_loop.check()
        with Composed(args.replicas) as composed:
            settings = {name: value for name, value in vars(args).items() if name != "name"}
            results = Results(FOLDER / f"{args.name}.jsonl", settings)
            load = Load(composed)
            load.closed(CONNECTIONS * args.replicas, args.warm_up)
            calibrate(load, results)
            measure(load, results, args)
        print(f"`python -m benchmarks.capacity --results {results.path}` holds it against the simulation")
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the containers are removed", file=sys.stderr)
        return 130


class Load:
    """Sends digits to the gateway, and says what came of it and what it cost whom."""

    def __init__(self, composed: Composed) -> None:
        self.composed = composed
        self._host = composed.gateway.address
        self._requests = [Server(PEERS[0]).request(path.read_bytes()) for path in SAMPLES.values()]

    def closed(self, connections: int, seconds: float) -> Record:
        return self._costing(lambda: closed_loop.run(GATEWAY_PORT, self._requests, connections, seconds, self._host))

    def open(self, rate: float, seconds: float) -> Record:
        judge = open_loop.judge(list(SAMPLES), PEERS[0].digit)
        load = open_loop.OpenLoop(GATEWAY_PORT, self._requests, judge, self._host)
        return self._costing(lambda: open_loop.run(load, rate, seconds, OPEN_CONNECTIONS))

    def _costing(self, send: Callable[[], Record]) -> Record:
        containers = [self.composed.gateway, *self.composed.replicas]
        before_s = [container.cpu_s() for container in containers]
        began_s = time.monotonic()
        psutil.cpu_percent()
        measured = send()
        busy, seconds = psutil.cpu_percent() / 100, time.monotonic() - began_s
        gateway_s, *replicas_s = [c.cpu_s() - before for c, before in zip(containers, before_s, strict=True)]
        spent = {"seconds": seconds, "gateway_cpu_s": gateway_s, "replica_cpu_s": replicas_s, "machine_busy": busy}
        return {**measured, **spent}


def calibrate(load: Load, results: Results) -> None:
    """Add what replicas spend when idle, asked by the gateway or not, and one without a limit at more and more load."""
    load.composed.use(1)
    asked, *others = load.composed.replicas
    before_s = [replica.cpu_s() for replica in load.composed.replicas]
    time.sleep(IDLE_S)
    spent = [(r.cpu_s() - before) / IDLE_S for r, before in zip([asked, *others], before_s, strict=True)]
    results.add({"kind": "idle", "cores": spent[0], "unasked_cores": spent[1:]})
    sends = [partial(load.open, LIGHT_RATE, IDLE_S), *(partial(load.closed, n, CALIBRATION_S) for n in CALIBRATED_AT)]
    for send in tqdm(sends, "calibrating", unit="load"):
        java_s, counters = asked.java_cpu_s(), asked.counters()
        measured = send()
        java_s = asked.java_cpu_s() - java_s
        time.sleep(REPORTED_S)
        counted = {name: value - counters[name] for name, value in asked.counters().items()}
        results.add({"kind": "calibration", **measured, "java_cpu_s": java_s, **counted})


def measure(load: Load, results: Results, args: argparse.Namespace) -> None:
    """Fill 1 … n replicas with a limit, and send them shares of what the simulation says they can do."""
    load.composed.limit(args.cpus)
    full = saturation(Service(costs_of(results.records), 1, quota=args.cpus), CONNECTIONS)
    counts = range(1, args.replicas + 1)
    turns = [(n, count) for n in range(args.rounds) for count in (counts if n % 2 else reversed(counts))]
    for number, count in (bar := tqdm(turns, "measuring", unit="visit")):
        bar.set_postfix_str(f"{count} replicas")
        load.composed.use(count)
        turn = {"round": number + 1, "replicas": count}
        load.closed(CONNECTIONS * count, 1)
        results.add({"kind": "full", **turn, **load.closed(CONNECTIONS * count, args.seconds)})
        for share in args.shares:
            time.sleep(1)  # what is left of a queue is not the next one's
            results.add({"kind": "open", **turn, "share": share, **load.open(share * full * count, args.seconds)})


def _shares(text: str) -> list[float]:
    shares = [float(part) for part in text.split(",")]
    if not all(0 < share <= 1 for share in shares):
        raise argparse.ArgumentTypeError(f"{text!r} holds a share that is not above 0 and at most 1")
    return shares


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replicas",
        description="Measure several small replicas behind the gateway.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--replicas", type=int, default=3, help="at most")
    parser.add_argument("--cpus", type=float, default=0.2, help="cores for each replica")
    parser.add_argument("--shares", type=_shares, default=[0.3, 0.6, 0.8, 0.9], help="of what is foretold, to send")
    parser.add_argument("--rounds", type=int, default=3, help="visits to each number of replicas")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=40.0, help="seconds of full load without a limit")
    parser.add_argument("--name", default="replicas", help="of the file in benchmarks/results/")
    args = parser.parse_args(arguments)
    if min(args.replicas, args.rounds, args.seconds, args.warm_up) < 1 or args.cpus < 0.01:
        parser.error("--replicas, --rounds, --seconds and --warm-up are 1 or more, --cpus is 0.01 or more")
    return args


if __name__ == "__main__":
    sys.exit(main())
