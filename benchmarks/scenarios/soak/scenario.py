"""Run an hour of constant load in which versions change, workers are killed, and one request in ten is bad.

Only requests in the hands of a killed worker may fail. Every sample, rollout, kill and failure is on disk as soon as it
is known. Ctrl-C ends the soak early; its results are drawn and summarized all the same.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.cli import add_name
from benchmarks.errors import BenchmarkError
from benchmarks.load import wrk
from benchmarks.reporting import soak_plot
from benchmarks.reporting.results import FOLDER, Results, read
from benchmarks.scenarios import endurance
from benchmarks.scenarios.soak.disruptions import Disruption, Rollouts, Sampler, WorkerKills
from benchmarks.scenarios.soak.load import SoakLoad
from benchmarks.scenarios.soak.summary import Summary
from benchmarks.servers.process import Server
from benchmarks.servers.registry import OURS
from common.cli import positive_float
from common.paths import ROOT
from serving.client import Client
from serving.deployment.model_store import ModelStore
from training.archive import archive

MIN_ACCURACY = 0.97
IF_INTERRUPTED = "the soak had not begun; the server is stopped"
EXAMPLES = """\
examples:
  python -m benchmarks soak
  python -m benchmarks soak --minutes 5 --rate 300 --deploy-interval 1 --kill-interval 1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    def add(flag: str, default: float, text: str) -> None:
        parser.add_argument(flag, type=positive_float, default=default, help=f"{text} (default: {default:g})")

    add("--minutes", 60.0, "duration of the load")
    parser.add_argument(
        "--rate", type=positive_float, help="requests/s (default: a share of the maximum, measured first)"
    )
    add("--share", 0.5, "share of the maximum rate")
    add("--deploy-interval", 5.0, "minutes between deployment and rollback")
    add("--kill-interval", 3.0, "minutes between worker kills")
    add("--sample-interval", 10.0, "seconds between samples")
    add_name(parser, "soak")
    parser.add_argument(
        "--results", type=Path, default=FOLDER, help="folder of the results (default: benchmarks/results)"
    )


def run(args: argparse.Namespace) -> int:
    path = args.results / f"{args.name}.jsonl"
    is_complete = soak(args, path)
    records = read(path)
    soak_plot.draw(records, path.with_suffix(".svg"))
    summary = Summary(records)
    print(summary)
    return int(not summary.passed) if is_complete else 130


def soak(args: argparse.Namespace, path: Path) -> bool:
    """Run the soak, with its results in `path`; return False if it was interrupted."""
    if not args.rate:
        wrk.check()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        store = ModelStore(Path(folder))
        archives = _pack(store.folder, versions=2 + int(args.minutes / args.deploy_interval / 2))
        with Server(OURS, {"TS_MODEL_STORE": folder, "SERVING_UI_PORT": "0"}) as server:
            rate = args.rate or args.share * _measure_max_rate(server)
            settings = {name: getattr(args, name) for name in ("minutes", "deploy_interval", "kill_interval")}
            results = Results(path, {**settings, "rate": rate})
            load = SoakLoad(server.port, rate)
            sampler = Sampler(results, args.sample_interval, load, server.tree)
            with _client(server) as for_rollouts, _client(server) as for_kills:
                rollouts = Rollouts(results, args.deploy_interval * 60, for_rollouts, store, archives)
                kills = WorkerKills(results, args.kill_interval * 60, for_kills)
                with load:
                    is_complete = _watch((sampler, rollouts, kills), server, args.minutes * 60)
            sampler.run_once()  # the last responses
            return is_complete


def _watch(disruptions: Sequence[Disruption], server: Server, seconds: float) -> bool:
    """Run the disruptions for `seconds`; return False if that was interrupted."""
    began_s = time.monotonic()
    for disruption in disruptions:
        disruption.start()
    try:
        with tqdm(total=round(seconds), desc="soak", unit="s") as bar:
            while (now_s := time.monotonic() - began_s) < seconds:
                if (code := server.tree.process.poll()) is not None:
                    raise BenchmarkError(f"the server ended by itself, with {code}, after {now_s:.0f} s")
                for disruption in disruptions:
                    disruption.raise_error()
                bar.update(int(now_s) - bar.n)
                time.sleep(0.5)
        return True
    except KeyboardInterrupt:
        return False
    finally:
        for disruption in disruptions:
            disruption.stop()


def _pack(folder: Path, versions: int) -> list[Path]:
    """Pack mnist.mar, which is 1.0, and an archive for each deployment; return the latter."""
    weights = ROOT / "weights/mnist.pt"
    paths = [folder / "mnist.mar", *(folder / f"next-{version}.0.mar" for version in range(2, versions + 1))]
    for version, path in enumerate(tqdm(paths, desc="packing versions"), 1):
        path.write_bytes(archive("mnist", weights, f"{version}.0", MIN_ACCURACY))
    return paths[1:]


def _measure_max_rate(server: Server) -> float:
    requests = server.sample_requests()
    wrk.run(server.port, requests, 64, endurance.WARM_UP_S)
    return endurance.max_sustainable_rate(server, requests)


def _client(server: Server) -> Client:
    return Client(f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{server.port + 1}")
