"""Closed loop by wrk: each connection sends its next request when the last one has been answered.

wrk corrects its percentiles for coordinated omission by the mean interval of a connection; `open_loop` needs no
correction.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

SCRIPT = Path(__file__).with_name("wrk.lua")


def check() -> None:
    """Raise BenchmarkError if wrk is not installed."""
    if shutil.which("wrk") is None:
        raise BenchmarkError("wrk is not there: apt-get install wrk")


def run(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, host: str = "127.0.0.1"
) -> dict[str, Any]:
    """Send whole HTTP requests in turn over `connections` connections; return the summary."""
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        files = [Path(folder, str(i)) for i in range(len(requests))]
        for file, request in zip(files, requests, strict=True):
            file.write_bytes(request)
        options = ["--threads", "1", "--connections", connections, "--duration", f"{seconds:.0f}s", "--timeout", "10s"]
        command = ["wrk", *options, "--script", SCRIPT, f"http://{host}:{port}/", "--", *files]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return summary(json.loads(done.stdout.splitlines()[-1]), connections)


def summary(counted: dict[str, Any], connections: int) -> dict[str, Any]:
    """Return wrk's counts, the throughput of responses with status 200, and their share of all requests."""
    answered = counted["requests"] - counted["refused"]
    sent = counted["requests"] + counted["broken"]
    return {
        "connections": connections,
        **counted,
        "requests_per_s": answered / counted["duration_s"],
        "success": answered / sent if sent else 0.0,
    }
