"""Create the virtual environment of each server from its own pinned and hashed requirements.

uv links files from its cache, so that eight copies of torch take the disk space of one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.servers.registry import BENCHMARKS, ServerEntry
from common.paths import ROOT

UV = Path(sys.executable).with_name("uv")
CUDA = ROOT / "requirements/torch-cuda.txt"


def python_of(server: ServerEntry) -> Path:
    """Return the interpreter that runs the server."""
    if server.environment is None:
        return Path(sys.executable)
    return BENCHMARKS / ".environments" / server.environment / "bin/python"


def can_run(server: ServerEntry) -> bool:
    return not server.needs_shared_python or bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))


def is_installed(server: ServerEntry) -> bool:
    stamp = _stamp(server)
    return server.environment is None or (stamp.is_file() and stamp.read_bytes() == server.requirements.read_bytes())


def install(server: ServerEntry) -> None:
    """Create the environment anew. TORCH_BACKEND=cpu selects the small build of torch, as in the Makefile."""
    python = python_of(server)
    pip: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", python]
    _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, python.parents[1]])
    if backend := os.environ.get("TORCH_BACKEND"):
        _run([*pip, "--require-hashes", "-r", server.requirements, "--excludes", CUDA])
        constraints = ROOT / "requirements/serve.in"
        _run([*pip, "--no-deps", "--torch-backend", backend, "--constraints", constraints, "torch"])
    else:
        _run([*pip, "--require-hashes", "-r", server.requirements])


def mark_installed(server: ServerEntry) -> None:
    _stamp(server).write_bytes(server.requirements.read_bytes())


def _stamp(server: ServerEntry) -> Path:
    return python_of(server).parents[1] / "installed.txt"


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command[:3]))} failed: {done.stderr.strip()[-500:]}")
