"""The dashboard, the alerts and their queries, read from docker/monitoring/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).parents[2] / "docker/monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana/dashboards/dashboard.json").read_bytes())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# Values of the dashboard's variables, which Grafana fills in.
VARIABLES = {"$__rate_interval": "30s", "$model": "mnist", "$version": ".*"}
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_bytes())["groups"]
    for rule in group["rules"]
}


def queries() -> list[str]:
    """Return every query of the dashboard with its variables filled in."""
    found = [target["expr"] for panel in PANELS for target in panel["targets"]]
    for name, value in VARIABLES.items():
        found = [query.replace(name, value) for query in found]
    return found
