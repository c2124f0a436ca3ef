"""Load our server for minutes at 80 % of its maximum, and record memory, latency and errors over time.

The CPU time of a fixed piece of work is recorded too: if it rises together with latency, the machine has become slower,
not the server. The maximum is that of the same open-loop generator, which takes its share of the cores: the highest
rate, found by bisection, at which every request is answered and no queue grows.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from benchmarks.cli import add_name
from benchmarks.load import open_loop, wrk
from benchmarks.reporting import endurance_plot
from benchmarks.reporting.results import FOLDER, Record, Results, read
from benchmarks.servers.process import Server
from benchmarks.servers.registry import OURS, SAMPLES
from common.cli import positive_float

SHARE = 0.8
WINDOW_S = 5.0
WARM_UP_S = 30.0  # Java compiles for half a minute
TRIAL_S = 4.0
WORK = range(500_000)  # to add up takes some 10 ms
MAX_P99_MS = 100.0  # above it a queue is growing
IF_INTERRUPTED = "the server is stopped"
EXAMPLES = """\
examples:
  python -m benchmarks endurance
  python -m benchmarks endurance --minutes 1 --rate 500 --name quick-endurance
"""


class ResourceMonitor(threading.Thread):
    """Record every few seconds the server's memory and the CPU time of a fixed piece of work."""

    def __init__(self, server: Server, seconds: float) -> None:
        super().__init__(daemon=True)
        self._server, self._seconds = server, seconds
        self.memory: list[tuple[float, float]] = []
        self.work_ms: list[tuple[float, float]] = []

    def run(self) -> None:
        began = time.monotonic()
        with tqdm(total=round(self._seconds), desc="endurance", unit="s") as bar:
            while (now := time.monotonic() - began) < self._seconds:
                self.memory.append((now, self._server.tree.memory_mb()))
                self.work_ms.append((now, _measure_work_ms()))
                bar.n = round(now)
                bar.refresh()
                time.sleep(WINDOW_S)


def _measure_work_ms() -> float:
    began_s = time.thread_time()
    sum(WORK)
    return (time.thread_time() - began_s) * 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=positive_float, default=10.0, help="duration of the load (default: 10)")
    parser.add_argument(
        "--rate", type=positive_float, help="requests/s (default: 80 %% of the maximum, measured first)"
    )
    add_name(parser, "endurance")


def run(args: argparse.Namespace) -> None:
    wrk.check()
    path = FOLDER / f"{args.name}.jsonl"
    record = measure(args.minutes * 60, args.rate)
    Results(path, {"minutes": args.minutes, "share": SHARE}).add({"kind": "endurance", **record})
    endurance_plot.draw(read(path), path.with_suffix(".svg"))
    print(summary_line(record))


def measure(seconds: float, rate: float | None) -> Record:
    """Load our server for `seconds` at `rate` requests/s, or at 80 % of its maximum."""
    with Server(OURS) as server:
        requests = server.sample_requests()
        wrk.run(server.port, requests, 64, WARM_UP_S)
        rate = rate or SHARE * max_sustainable_rate(server, requests)
        monitor = ResourceMonitor(server, seconds)
        monitor.start()
        load = open_loop.OpenLoop(server.port, requests, open_loop.check_digits(list(SAMPLES), server.entry.digit))
        total = open_loop.run(load, rate, seconds)
        monitor.join()
        return {**total, "memory": monitor.memory, "work_ms": monitor.work_ms, "windows": windows(load.latencies)}


def max_sustainable_rate(server: Server, requests: Sequence[bytes]) -> float:
    """Return the highest rate that the server sustains, to 5 %, between a quarter and all of wrk's throughput."""
    high = wrk.run(server.port, requests, 64, TRIAL_S)["requests_per_s"]
    low = high / 4
    check = open_loop.check_digits(list(SAMPLES), server.entry.digit)
    while high / low > 1.05:
        middle = (low + high) / 2
        trial = open_loop.run(open_loop.OpenLoop(server.port, requests, check), middle, TRIAL_S)
        is_sustained = trial["success"] == 1 and (trial["p99_ms"] or MAX_P99_MS) < MAX_P99_MS
        low, high = (middle, high) if is_sustained else (low, middle)
    return low


def windows(latencies: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """Return the percentiles of every few seconds, by the time at which requests were due."""
    by_window: dict[int, list[float]] = {}
    for due_s, latency_s in latencies:
        by_window.setdefault(int(due_s / WINDOW_S), []).append(latency_s)
    return [{"second": n * WINDOW_S, **open_loop.percentiles_ms(by_window[n])} for n in sorted(by_window)]


def summary_line(record: Record) -> str:
    """Summarize requests, errors, latency and memory in one sentence."""
    memory = [mb for _, mb in record["memory"]]
    fifth = max(1, len(memory) // 5)
    first, last = statistics.mean(memory[:fifth]), statistics.mean(memory[-fifth:])
    return (
        f"{record['due']:,} requests at {record['rate']:,.0f}/s: {record['success']:.4%} answered, "
        f"{record['wrong']} of {record['checked']:,} checked were wrong, p50 {record['p50_ms']:.1f} ms, "
        f"p99 {record['p99_ms']:.1f} ms, p99.9 {record['p999_ms']:.1f} ms; memory {first:,.0f} MB in the first fifth, "
        f"{last:,.0f} MB in the last."
    )
