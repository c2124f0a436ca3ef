"""Results as JSON lines: the first says where, when and what; each further one is a record of its own kind.

Every record is on disk as soon as it is there, so an interrupted run keeps what it has and --resume goes on from it.
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
from benchmarks.servers.registry import BENCHMARKS, PEERS

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
            run = {"kind": "run", "settings": settings, **surroundings()}  # of the tree as it is before this file goes
            path.unlink(missing_ok=True)
            self.add(run)

    def add(self, record: Record) -> None:
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def has(self, **wanted: Any) -> bool:
        return any(all(record.get(k) == v for k, v in wanted.items()) for record in self.records)


def read(path: Path, maker: str = "make bench") -> list[Record]:
    """All records of a file. A last line that was cut off is left out, there and on disk."""
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
    return [record for record in records if record["kind"] == kind]


def surroundings() -> Record:
    """Where and when, and of which versions."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join(["python", "-m", _module(), *sys.argv[1:]]),
        "commit": _git("describe", "--always", "--dirty", "--exclude=*"),
        "machine": {
            "cpu": cpu_model(),
            "cores": psutil.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 2**30),
            "kernel": platform.release(),
        },
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
        "versions": {peer.name: f"{peer.package} {peer.version}" for peer in PEERS},
    }


def _module() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else "benchmarks"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=BENCHMARKS, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
