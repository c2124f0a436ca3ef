"""What Prometheus is to ask and to warn of, and the dashboard, as the containers have them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

# Of a dashboard's variables, as Grafana would fill them in.
VARIABLES = {"$__rate_interval": "30s", "$model": "mnist", "$version": ".*"}


@pytest.fixture(scope="session")
def monitoring(root: Path) -> Path:
    return root / "docker/monitoring"


@pytest.fixture(scope="session")
def dashboard(monitoring: Path) -> dict[str, Any]:
    return json.loads((monitoring / "grafana/dashboards/dashboard.json").read_bytes())


@pytest.fixture(scope="session")
def alerts(monitoring: Path) -> dict[str, dict[str, Any]]:
    """Return each alert's rule by its name."""
    groups = yaml.safe_load((monitoring / "alerts.yaml").read_bytes())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """Return every query of the dashboard with its variables filled in."""
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    for name, value in VARIABLES.items():
        found = [expression.replace(name, value) for expression in found]
    return found


@pytest.fixture
def promtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs promtool, which comes with Prometheus."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not there: apt-get install prometheus")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)

    return run
