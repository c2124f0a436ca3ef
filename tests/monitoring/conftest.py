"""The fixture promtool, Prometheus' tool that checks rules and configuration."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def promtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs promtool."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)

    return run
