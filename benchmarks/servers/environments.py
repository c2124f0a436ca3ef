"""Each peer's own virtual environment, from its own pinned and hashed requirements.

uv links the files from its cache, so that eight torches take the place of one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.servers.registry import BENCHMARKS, Peer
from common.paths import ROOT

UV = Path(sys.executable).with_name("uv")
CUDA = ROOT / "requirements/torch-cuda.txt"


def python_of(peer: Peer) -> Path:
    if peer.environment is None:
        return Path(sys.executable)
    return BENCHMARKS / ".environments" / peer.environment / "bin/python"


def can_run(peer: Peer) -> bool:
    return not peer.needs_shared_python or bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))


def is_installed(peer: Peer) -> bool:
    stamp = _stamp(peer)
    return peer.environment is None or (stamp.is_file() and stamp.read_bytes() == peer.requirements.read_bytes())


def install(peer: Peer) -> None:
    """Make the environment anew. TORCH_BACKEND=cpu takes the small build of torch, as in the Makefile."""
    python = python_of(peer)
    pip: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", python]
    _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, python.parents[1]])
    if backend := os.environ.get("TORCH_BACKEND"):
        _run([*pip, "--require-hashes", "-r", peer.requirements, "--excludes", CUDA])
        constraints = ROOT / "requirements/serve.in"
        _run([*pip, "--no-deps", "--torch-backend", backend, "--constraints", constraints, "torch"])
    else:
        _run([*pip, "--require-hashes", "-r", peer.requirements])


def mark_installed(peer: Peer) -> None:
    _stamp(peer).write_bytes(peer.requirements.read_bytes())


def _stamp(peer: Peer) -> Path:
    return python_of(peer).parents[1] / "installed.txt"


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(map(str, command[:3]))} failed: {done.stderr.strip()[-500:]}")
