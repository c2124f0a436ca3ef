"""The dashboard as a picture, without Grafana: its own queries, asked of a running Prometheus, drawn in its own grid.

python -m benchmarks.dashboard --minutes 5 --picture docs/monitoring/dashboard.png
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests

from benchmarks.dashboard_picture import Line, draw
from benchmarks.failure import BenchmarkError

DASHBOARD = Path(__file__).parents[1] / "docker/monitoring/grafana/dashboards/dashboard.json"
STEP_S = 5.0
RATE_INTERVAL = "20s"  # Grafana's own choice: four times the scrape interval


class Prometheus:
    """Asks for what happened between two points in time (Unix, s)."""

    def __init__(self, url: str, start_s: float, end_s: float) -> None:
        self._url, self._start_s, self._end_s = url, start_s, end_s
        self._session = requests.Session()
        self._session.trust_env = False

    def lines(self, expression: str, legend: str) -> list[Line]:
        asked: dict[str, Any] = {"query": expression, "start": self._start_s, "end": self._end_s, "step": STEP_S}
        try:
            answer = self._session.get(f"{self._url}/api/v1/query_range", params=asked, timeout=30).json()
        except (requests.RequestException, ValueError) as error:
            raise BenchmarkError(f"no Prometheus answers at {self._url} ({error}); `make up MONITORING=1`") from error
        if answer["status"] != "success":
            raise BenchmarkError(f"Prometheus refuses {expression!r}: {answer['error']}")
        return [self._line(series, legend) for series in answer["data"]["result"]]

    def _line(self, series: dict[str, Any], legend: str) -> Line:
        seconds = np.arange(self._start_s, self._end_s + STEP_S / 2, STEP_S)
        values = np.full(len(seconds), np.nan)
        for at_s, value in series["values"]:
            values[round((at_s - self._start_s) / STEP_S)] = float(value)
        name = re.sub(r"{{ *(\w+) *}}", lambda label: series["metric"].get(label[1], ""), legend)
        return Line(name, seconds - self._start_s, values)


def filled(dashboard: dict[str, Any], expression: str) -> str:
    """Put the dashboard's variables in, as Grafana does when it is opened."""
    expression = expression.replace("$__rate_interval", RATE_INTERVAL)
    for variable in dashboard["templating"]["list"]:
        chosen = variable["current"]["value"]
        expression = expression.replace(f"${variable['name']}", variable["allValue"] if chosen == "$__all" else chosen)
    return expression


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="(default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=5.0, help="up to now (default: %(default)g)")
    parser.add_argument("--picture", type=Path, default=Path("dashboard.png"), help="(default: %(default)s)")
    args = parser.parse_args(arguments)
    dashboard = json.loads(DASHBOARD.read_bytes())
    end_s = time.time()
    prometheus = Prometheus(args.prometheus, end_s - 60 * args.minutes, end_s)
    try:
        panels = {
            panel["id"]: [
                line
                for target in panel["targets"]
                for line in prometheus.lines(filled(dashboard, target["expr"]), target["legendFormat"])
            ]
            for panel in dashboard["panels"]
            if panel["type"] != "row"
        }
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        args.picture.write_bytes(draw(dashboard, panels))
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(args.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
