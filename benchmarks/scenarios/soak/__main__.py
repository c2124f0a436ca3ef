"""An hour of constant load in which versions are rolled, workers killed, and one request in ten is bad.

python -m benchmarks.scenarios.soak                                  # an hour at half of the measured maximum
python -m benchmarks.scenarios.soak --minutes 5 --rate 300

Requests may fail that a killed worker had in its hands, and no others. Every sample, roll, kill and failure is in
benchmarks/results/soak.jsonl as soon as it is there. Ctrl-C ends the soak early; what there is, is drawn and counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.errors import BenchmarkError, stop_on_signals
from benchmarks.load import wrk
from benchmarks.reporting.results import FOLDER, Results, read
from benchmarks.scenarios import endurance
from benchmarks.scenarios.soak.disruptions import Kills, Rolls, Samples, Upheaval
from benchmarks.scenarios.soak.load import SoakLoad
from benchmarks.scenarios.soak.plots import draw
from benchmarks.scenarios.soak.summary import Verdict
from benchmarks.servers.process import Server
from benchmarks.servers.registry import PEERS, SAMPLES
from common.paths import ROOT
from serving.client import Client
from serving.deployment.model_store import ModelStore
from training.archive import archive

LEAST_ACCURACY = 0.97


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse_arguments(arguments)
    stop_on_signals()
    path = args.results / f"{args.name}.jsonl"
    try:
        is_whole = soak(args, path)
        records = read(path)
        draw(records, path.with_suffix(".svg"))
        verdict = Verdict(records)
        print(verdict)
        return int(not verdict.is_good) if is_whole else 130
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted before the soak began: the server is stopped", file=sys.stderr)
        return 130


def soak(args: argparse.Namespace, path: Path) -> bool:
    """Run it into the file `path`; False when it was interrupted."""
    if not args.rate:
        wrk.check()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        store = ModelStore(Path(folder))
        archives = _pack(store.folder, versions=2 + int(args.minutes / args.roll_minutes / 2))
        with Server(PEERS[0], {"TS_MODEL_STORE": folder, "SERVING_UI_PORT": "0"}) as server:
            rate = args.rate or args.share * _maximum(server)
            settings = {name: getattr(args, name) for name in ("minutes", "roll_minutes", "kill_minutes")}
            results = Results(path, {**settings, "rate": rate})
            load = SoakLoad(server.port, rate)
            samples = Samples(results, args.sample_s, load, server.tree)
            with _client(server) as rolling, _client(server) as killing:
                rolls = Rolls(results, args.roll_minutes * 60, rolling, store, archives)
                kills = Kills(results, args.kill_minutes * 60, killing)
                with load:
                    is_whole = _watch((samples, rolls, kills), server, args.minutes * 60)
            samples.happen()  # the last answers
            return is_whole


def _watch(upheavals: Sequence[Upheaval], server: Server, seconds: float) -> bool:
    """Let everything happen for `seconds`; False when that was interrupted."""
    began_s = time.monotonic()
    for upheaval in upheavals:
        upheaval.start()
    try:
        with tqdm(total=round(seconds), desc="soak", unit="s") as bar:
            while (now_s := time.monotonic() - began_s) < seconds:
                if (code := server.tree.process.poll()) is not None:
                    raise BenchmarkError(f"the server ended by itself, with {code}, after {now_s:.0f} s")
                for upheaval in upheavals:
                    upheaval.raise_its_error()
                bar.update(int(now_s) - bar.n)
                time.sleep(0.5)
        return True
    except KeyboardInterrupt:
        return False
    finally:
        for upheaval in upheavals:
            upheaval.stop()


def _pack(folder: Path, versions: int) -> list[Path]:
    """Pack mnist.mar, which is 1.0, and one archive for each deployment; returns these."""
    weights = ROOT / "weights/mnist.pt"
    paths = [folder / "mnist.mar", *(folder / f"next-{version}.0.mar" for version in range(2, versions + 1))]
    for version, path in enumerate(tqdm(paths, desc="packing versions"), 1):
        path.write_bytes(archive("mnist", weights, f"{version}.0", LEAST_ACCURACY))
    return paths[1:]


def _maximum(server: Server) -> float:
    requests = [server.request(path.read_bytes()) for path in SAMPLES.values()]
    wrk.run(server.port, requests, 64, endurance.WARM_UP_S)
    return endurance.maximum(server, requests)


def _client(server: Server) -> Client:
    return Client(f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{server.port + 1}")


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenarios.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, help="requests/s (default: a share of the maximum, which is measured)")
    parser.add_argument("--share", type=float, default=0.5, help="of the maximum (default: 0.5)")
    parser.add_argument("--roll-minutes", type=float, default=5.0, help="between deploy and rollback (default: 5)")
    parser.add_argument("--kill-minutes", type=float, default=3.0, help="between killed workers (default: 3)")
    parser.add_argument("--sample-s", type=float, default=10.0, help="between samples (default: 10)")
    parser.add_argument("--name", default="soak", help="of the files")
    parser.add_argument("--results", type=Path, default=FOLDER, help="their folder (default: benchmarks/results)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
