"""Steady load: ten minutes at 80 % of the maximum, with memory, latency and errors over time.

python -m benchmarks.scenarios.endurance --minutes 10

Beside them it notes what a fixed piece of work costs: where that rises, and latency with it, the machine has become
slower, not the server. The maximum is that of the same open-loop generator, which takes its share of the cores: the
highest rate, found by halving, at which nearly all requests are answered as they come.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.errors import BenchmarkError, stop_on_signals
from benchmarks.load import open_loop
from benchmarks.load import wrk as closed_loop
from benchmarks.reporting.plots import OURS, SECOND, STYLE
from benchmarks.reporting.results import FOLDER, Results, of_kind, read
from benchmarks.servers.process import Server
from benchmarks.servers.registry import PEERS, SAMPLES

SHARE = 0.8
WINDOW_S = 5.0
WARM_UP_S = 30.0  # Java compiles for half a minute
TRIAL_S = 4.0
WORK = range(500_000)  # added up, some 10 ms
KEEPS_UP_MS = 100.0  # a p99 beyond which a queue is growing


class Watch(threading.Thread):
    """Writes down every few seconds how much memory the server has, and what a fixed piece of work costs."""

    def __init__(self, server: Server, seconds: float) -> None:
        super().__init__(daemon=True)
        self._server, self._seconds = server, seconds
        self.memory: list[tuple[float, float]] = []
        self.work_ms: list[tuple[float, float]] = []

    def run(self) -> None:
        began = time.monotonic()
        with tqdm(total=round(self._seconds), desc="steady load", unit="s") as bar:
            while (now := time.monotonic() - began) < self._seconds:
                self.memory.append((now, self._server.tree.memory_mb()))
                self.work_ms.append((now, _work_ms()))
                bar.n = round(now)
                bar.refresh()
                time.sleep(WINDOW_S)


def _work_ms() -> float:
    began_s = time.thread_time()
    sum(WORK)
    return (time.thread_time() - began_s) * 1000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenarios.endurance", description="Load our server steadily."
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="requests/s (default: 80 %% of the maximum, which is measured)")
    parser.add_argument("--name", default="steady", help="of the files in benchmarks/results/")
    args = parser.parse_args(arguments)
    stop_on_signals()
    try:
        closed_loop.check()
        path = FOLDER / f"{args.name}.jsonl"
        record = measure(args.minutes * 60, args.rate)
        Results(path, {"minutes": args.minutes, "share": SHARE}).add({"kind": "steady", **record})
        draw(path)
        print(sentence(record))
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the server is stopped", file=sys.stderr)
        return 130


def measure(seconds: float, rate: float | None) -> dict[str, Any]:
    with Server(PEERS[0]) as server:
        requests = [server.request(path.read_bytes()) for path in SAMPLES.values()]
        closed_loop.run(server.port, requests, 64, WARM_UP_S)
        rate = rate or SHARE * maximum(server, requests)
        watch = Watch(server, seconds)
        watch.start()
        load = open_loop.OpenLoop(server.port, requests, open_loop.judge(list(SAMPLES), server.peer.digit))
        total = open_loop.run(load, rate, seconds)
        watch.join()
        return {**total, "memory": watch.memory, "work_ms": watch.work_ms, "windows": windows(load.latencies)}


def maximum(server: Server, requests: Sequence[bytes]) -> float:
    """The highest rate that the server keeps up with, to 5 %, between half and all of what wrk gets."""
    high = closed_loop.run(server.port, requests, 64, TRIAL_S)["requests_per_s"]
    low = high / 4
    judge = open_loop.judge(list(SAMPLES), server.peer.digit)
    while high / low > 1.05:
        middle = (low + high) / 2
        trial = open_loop.run(open_loop.OpenLoop(server.port, requests, judge), middle, TRIAL_S)
        keeps_up = trial["success"] == 1 and (trial["p99_ms"] or KEEPS_UP_MS) < KEEPS_UP_MS
        low, high = (middle, high) if keeps_up else (low, middle)
    return low


def windows(latencies: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """Percentiles of each few seconds, by when requests were meant to be sent."""
    by_window: dict[int, list[float]] = {}
    for intended_s, latency_s in latencies:
        by_window.setdefault(int(intended_s / WINDOW_S), []).append(latency_s)
    return [{"second": n * WINDOW_S, **open_loop.percentiles_ms(by_window[n])} for n in sorted(by_window)]


def sentence(record: dict[str, Any]) -> str:
    memory = [mb for _, mb in record["memory"]]
    fifth = max(1, len(memory) // 5)
    first, last = statistics.mean(memory[:fifth]), statistics.mean(memory[-fifth:])
    return (
        f"{record['due']:,} requests at {record['rate']:,.0f}/s: {record['success']:.4%} answered, "
        f"{record['wrong']} of {record['checked']:,} checked were wrong, p50 {record['p50_ms']:.1f} ms, "
        f"p99 {record['p99_ms']:.1f} ms, p99.9 {record['p999_ms']:.1f} ms; memory {first:,.0f} MB in the first fifth, "
        f"{last:,.0f} MB in the last."
    )


def draw(path: Path) -> None:
    (record,) = of_kind(read(path), "steady")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.5), layout="constrained")
        above, between, below = figure.subplots(3, 1, sharex=True)
        minutes = [second / 60 for second, _ in record["memory"]]
        above.plot(minutes, [mb for _, mb in record["memory"]], color=OURS)
        above.set(title=f"memory of all processes, MB, at {record['rate']:,.0f} requests/s", ylim=(0, None))
        between.plot(
            [second / 60 for second, _ in record["work_ms"]], [ms for _, ms in record["work_ms"]], color=SECOND
        )
        between.set(title="CPU time of a fixed piece of work, ms", ylim=(0, None))
        for name, label, colour in (("p50_ms", "p50", SECOND), ("p99_ms", "p99", OURS)):
            times = [window["second"] / 60 for window in record["windows"]]
            below.plot(times, [window[name] for window in record["windows"]], color=colour, label=label)
        below.set(title="latency, ms, of every 5 s", xlabel="minutes", ylim=(0, None))
        below.legend()
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
