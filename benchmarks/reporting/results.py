"""Store results as JSON lines: the first is the run (where, when, settings); every other record has a kind of its own.

Each record is on disk as soon as it has been measured: an interrupted run keeps its records, and --resume continues it.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from benchmarks.errors import BenchmarkError
from benchmarks.servers.registry import BENCHMARKS, SERVERS

FOLDER = BENCHMARKS / "results"
Record = dict[str, Any]


class Results:
    """A file of records; with `resume` the records of an earlier run with the same settings are kept."""

    def __init__(self, path: Path, settings: Record, *, resume: bool = False) -> None:
        self.path = path
        self.records: list[Record] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume and path.exists():
            self.records = read(path)
            if self.records[0]["settings"] != settings:
                raise BenchmarkError(f"{path} was made with other settings; give the same ones, or leave out --resume")
        else:
            run = {"kind": "run", "settings": settings, **environment_info()}  # before the file goes: git describes it
            path.unlink(missing_ok=True)
            self.add(run)

    def add(self, record: Record) -> None:
        """Append a record, to the file as well."""
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def has(self, **wanted: Any) -> bool:
        """Say whether there is a record with these values."""
        return any(all(record.get(k) == v for k, v in wanted.items()) for record in self.records)


def read(path: Path) -> list[Record]:
    """Return all records of a file, and remove a last line that was cut off. Raises BenchmarkError."""
    maker = f"python -m benchmarks {path.stem}" if path.stem in ("endurance", "soak", "sweeps", "gpu") else "make bench"
    if not path.exists():
        raise BenchmarkError(f"there is no {path}; make it with `{maker}`")
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    records = [json.loads(line) for line in whole.splitlines()]
    if not records or records[0]["kind"] != "run":
        raise BenchmarkError(f"{path} does not begin with a run; make it anew with `{maker}`")
    return records


def of_kind(records: Iterable[Record], kind: str) -> list[Record]:
    """Return the records of one kind."""
    return [record for record in records if record["kind"] == kind]


def environment_info() -> Record:
    """Return date, command, commit, machine and versions."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "commit": _git("describe", "--always", "--dirty", "--exclude=*"),
        "machine": {
            "cpu": cpu_model(),
            "cores": psutil.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 2**30),
            "kernel": platform.release(),
        },
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
        "versions": {server.name: f"{server.package} {server.version}" for server in SERVERS},
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=BENCHMARKS, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def cpu_model() -> str:
    """Return the processor's name as Linux reports it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
