"""Prometheus as the containers have it: a real scrape of a real service under load."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import requests

from tests.containers.conftest import docker, inspect
from tests.monitoring.definitions import ALERTS, queries
from tests.support.assertions import png
from tests.support.load import RIGHT, Load

pytestmark = pytest.mark.container
WAIT_S = 60.0
SCRAPE_S, WORKERS_REPORT_S = 1, 1  # in the tests' Prometheus; in the handlers
PNG = {"Content-Type": "image/png"}
BLANK = png(np.full((60, 60), 255, np.uint8))


class Prometheus:
    """The composed Prometheus, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, expression: str) -> list[dict]:
        answer = self._session.get(f"{self._url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return answer["data"]["result"]

    def number(self, expression: str) -> float:
        """Return the sum of what an expression finds."""
        return sum(float(found["value"][1]) for found in self.ask(expression))

    def wait_until(self, expression: str, value: float) -> None:
        end = time.monotonic() + WAIT_S
        while (now := self.number(expression)) != value:
            assert time.monotonic() < end, f"after {WAIT_S} s {expression} is {now}, not {value}"
            time.sleep(0.5)

    def settled(self, expression: str) -> float:
        """Return a sum once two scrapes agree."""
        last, now = None, self.number(expression)
        while now != last:
            time.sleep(2 * SCRAPE_S + WORKERS_REPORT_S)
            last, now = now, self.number(expression)
        return now


@pytest.fixture(scope="module")
def prometheus(service):
    service.images.build("prometheus")
    service.compose("up", "--no-build", "--detach", "--wait", "prometheus")
    started = Prometheus(service.prometheus)
    started.wait_until("sum(up)", 3)
    return started


@pytest.fixture(scope="module")
def loaded(service, prometheus, seven):
    """Send images with and without a digit for some scrapes, so that every rate has samples."""
    with requests.Session() as session, Load(f"{service.url}/predictions/mnist", seven, rate=200) as load:
        session.trust_env = False
        for _ in range(20):
            session.post(f"{service.url}/predictions/mnist", data=BLANK, headers=PNG, timeout=10)
            time.sleep(0.4)
    assert set(load.outcomes) == {RIGHT}
    return prometheus


def test_every_request_is_counted_by_its_status(service, prometheus, http, seven):
    counted = 'sum(gateway_requests_total{{route="{}",status="{}"}})'
    asked = {("api", 200): seven, ("api", 400): BLANK}
    before = {key: prometheus.number(counted.format(*key)) for key in [*asked, ("api", 405), ("page", 404)]}
    for (_, status), body in asked.items():
        for _ in range(7):
            answer = http.post(f"{service.url}/predictions/mnist", data=body, headers=PNG)
            assert answer.status_code == status
    assert http.get(f"{service.url}/predictions/mnist").status_code == 405
    assert http.get(f"{service.url}/metrics").status_code == 404
    for key, count in zip(before, (7, 7, 1, 1), strict=True):
        prometheus.wait_until(counted.format(*key), before[key] + count)


def test_every_query_of_the_dashboard_finds_something(loaded):
    for query in queries():
        assert loaded.ask(query), query


def test_every_alert_looks_at_something_that_is_there(loaded):
    """Without its bounds, each alert's expression finds what they would be compared with."""
    for name, rule in ALERTS.items():
        unbounded = re.sub(r" (?:>|==) [\d.]+", "", rule["expr"]).replace("absent(", "(")
        assert loaded.ask(unbounded), f"{name}: {unbounded}"


def test_nothing_is_amiss_and_every_rule_can_be_evaluated(loaded, service, http):
    groups = http.get(f"{service.prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert {rule["health"] for rule in rules.values()} == {"ok"}
    assert loaded.number('count(ALERTS{alertstate="firing",severity="critical"}) or vector(0)') == 0


def test_health_checks_are_no_digits(prometheus):
    """The gateway asks each server for a prediction every second."""
    before = prometheus.settled("sum(handler_predictions_total)")
    requests_before = prometheus.number("sum(handler_requests_total)")
    end = time.monotonic() + WAIT_S
    while prometheus.number("sum(handler_requests_total)") < requests_before + 5:
        assert time.monotonic() < end, "the gateway asks nobody whether they are ready"
        time.sleep(1)
    assert prometheus.number("sum(handler_predictions_total)") == before


def test_a_server_that_hangs_is_noticed(service, prometheus):
    torchserve = service.container("torchserve")
    docker("pause", torchserve)
    try:
        prometheus.wait_until("max(gateway_upstreams_ready)", 0)
        prometheus.wait_until('count(ALERTS{alertname="NoUpstreamsReady"})', 1)
    finally:
        docker("unpause", torchserve)
    service.wait_for(1)
    prometheus.wait_until("max(gateway_upstreams_ready)", 1)


@pytest.mark.usefixtures("prometheus")
def test_prometheus_runs_as_a_user_who_can_do_nothing_else(service):
    container = service.container("prometheus")
    host = inspect(container)["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert docker("exec", container, "id", "-u").strip() == "1000"


@pytest.mark.usefixtures("prometheus")
def test_metrics_can_only_be_reached_from_inside(service):
    for name, inside in (("prometheus", "9090/tcp"), ("gateway", "8000/tcp")):
        container = service.container(name)
        ports = inspect(container)["NetworkSettings"]["Ports"]
        published = {port: bindings for port, bindings in ports.items() if bindings}
        assert set(published) == {inside}
        assert {binding["HostIp"] for binding in published[inside]} == {"127.0.0.1"}


@pytest.mark.usefixtures("prometheus")
def test_another_container_sees_the_metrics_and_not_the_connections(service):
    container = service.container("prometheus")
    codes = [
        docker("exec", container, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://gateway:8001/{path}")
        for path in ("metrics", "connections", "")
    ]
    assert codes == ["200", "403", "404"]
